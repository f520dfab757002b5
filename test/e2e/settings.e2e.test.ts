import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { keyledger } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const settings = suite('wrong settings');

const folder = temporaryFolder();
const shortFile = join(folder, 'short');
writeFileSync(shortFile, 'short\n');

/** What is set, and what must stand in the one line about it beside the name. */
const wrong: readonly (readonly [{ readonly [variable: string]: string }, RegExp])[] = [
  [{ KEYLEDGER_PORT: '80800' }, /port number/],
  [{ KEYLEDGER_PORT: 'http' }, /port number/],
  [{ KEYLEDGER_PORT: '-1' }, /port number/],
  [{ KEYLEDGER_HOST: 'http://127.0.0.1' }, /address or host name/],
  [{ KEYLEDGER_HOST: '192.0.2.1' }, /cannot listen/],
  [{ KEYLEDGER_PUBLIC_URL: 'keys.example.com' }, /http or https URL/],
  [{ KEYLEDGER_PUBLIC_URL: 'ftp://keys.example.com' }, /http or https URL/],
  [{ KEYLEDGER_PUBLIC_URL: 'https://example.com/keys' }, /no path/],
  [{ KEYLEDGER_TRUSTED_PROXIES: '10.0.0.0/33' }, /CIDR/],
  [{ KEYLEDGER_TRUSTED_PROXIES: '10.0.0.1, proxy' }, /"proxy"/],
  [{ KEYLEDGER_FORWARD_AUTH_FROM: '::1/129' }, /CIDR/],
  [{ KEYLEDGER_LOG_LEVEL: 'loud' }, /must be fatal/],
  [{ KEYLEDGER_ROLE: 'everything' }, /must be all, api or worker/],
  [{ KEYLEDGER_ROLE: 'worker' }, /share everything: KEYLEDGER_EVENTSTORE is missing/],
  [{ KEYLEDGER_EVENTSTORE: 'localhost:2113' }, /esdb:\/\//],
  [
    { KEYLEDGER_EVENTSTORE: 'esdb://u:p@localhost:2113?tsl=true' },
    /KEYLEDGER_EVENTSTORE: has an unknown parameter tsl/,
  ],
  [
    { KEYLEDGER_EVENTSTORE: 'esdb://localhost?tlsCAFile=/nowhere/ca.pem', KEYLEDGER_MONGODB: 'mongodb://localhost' },
    /certificate/,
  ],
  [{ KEYLEDGER_NATS: 'http://localhost:4222' }, /KEYLEDGER_NATS: starts with nats:/],
  [{ KEYLEDGER_MONGODB: 'localhost' }, /mongodb:\/\//],
  [{ KEYLEDGER_NATS: 'http://localhost:4222' }, /nats:\/\//],
  [{ KEYLEDGER_SMTP_URL: 'localhost' }, /smtp:\/\//],
  [{ KEYLEDGER_EVENTSTORE_PREFIX: 'a b' }, /64 letters/],
  [{ KEYLEDGER_MASTER_KEY: 'short' }, /32 bytes/],
  [{ KEYLEDGER_MASTER_KEY_FILE: join(folder, 'nowhere') }, /cannot read .*ENOENT/],
  [{ KEYLEDGER_MASTER_KEY_FILE: shortFile }, /32 bytes/],
  [{ KEYLEDGER_PEPPER: 'ab'.repeat(31) }, /32 bytes/],
  [{ KEYLEDGER_PEPPER: 'ab'.repeat(32), KEYLEDGER_PEPPER_FILE: shortFile }, /both set/],
  [{ KEYLEDGER_ADMIN_EMAIL: 'ada@example.com' }, /KEYLEDGER_ADMIN_PASSWORD/],
  [{ KEYLEDGER_ADMIN_PASSWORD: 'correct horse battery staple' }, /KEYLEDGER_ADMIN_EMAIL/],
  [{ KEYLEDGER_ADMIN_EMAIL: 'ada', KEYLEDGER_ADMIN_PASSWORD: 'correct horse battery staple' }, /e-mail address/],
  [{ KEYLEDGER_ADMIN_PASSWORD: 'short one', KEYLEDGER_ADMIN_EMAIL: 'ada@example.com' }, /15 characters/],
  [{ KEYLEDGER_ADMIN_PASSWORD_FILE: shortFile, KEYLEDGER_ADMIN_EMAIL: 'ada@example.com' }, /15 characters/],
  [{ KEYLEDGER_ADMIN_PASSWORD: 'passwordpassword', KEYLEDGER_ADMIN_EMAIL: 'ada@example.com' }, /attackers/],
  [{ KEYLEDGER_PROT: '8080' }, /no such setting/],
];

for (const [given, explained] of wrong) {
  const [variable = ''] = Object.keys(given);
  const values = Object.values(given);
  settings(`${Object.entries(given).flat().join(' ')}`, async () => {
    const data = join(temporaryFolder(), 'data');
    const { code, stdout, stderr } = await keyledger(['serve'], { KEYLEDGER_DATA: data, ...given });
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.match(stderr, /^keyledger: [^\n]+\n$/, 'one line');
    assert.match(stderr, variable.replace(/_FILE$/, ''));
    assert.match(stderr, explained);
    assert.not(existsSync(data), 'no folder is made');
    if (/MASTER_KEY|PEPPER|PASSWORD/.test(variable))
      for (const value of values) assert.not(secretIn(stderr, value), stderr);
  });
}

const secretIn = (text: string, value: string) =>
  !value.startsWith('/') && !value.includes('@') && text.includes(value);

settings('a port that is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  const data = join(temporaryFolder(), 'data');
  const { code, stderr } = await keyledger(['serve'], { KEYLEDGER_DATA: data, KEYLEDGER_PORT: String(port) });
  other.close();
  assert.is(code, 2);
  assert.match(stderr, /^keyledger: KEYLEDGER_HOST, KEYLEDGER_PORT: [^\n]*EADDRINUSE[^\n]*\n$/);
  assert.match(stderr, String(port));
  assert.not(existsSync(data));
});

settings('operations on a folder without an installation make none', async () => {
  for (const command of [
    ['lists', 'verify'],
    ['lists', 'rebuild'],
    ['admin', 'recover'],
    ['restore', 'accept'],
  ]) {
    const data = join(temporaryFolder(), 'data');
    const { code, stdout, stderr } = await keyledger(command, { KEYLEDGER_DATA: data });
    assert.is(code, 2, stderr);
    assert.is(stdout, '');
    assert.is(stderr, `keyledger: KEYLEDGER_DATA: ${data} holds no installation\n`);
    assert.not(existsSync(data));
  }
});

for (const args of [
  [],
  ['start'],
  ['lists'],
  ['lists', 'drop'],
  ['admin'],
  ['serve', 'now'],
  ['--verbose'],
  ['serve', '--email', 'a@b'],
]) {
  settings(`no command: keyledger ${args.join(' ')}`, async () => {
    const data = join(temporaryFolder(), 'data');
    const { code, stdout, stderr } = await keyledger(args, { KEYLEDGER_DATA: data });
    assert.is(code, 2);
    assert.is(stdout, '');
    assert.match(stderr, /^keyledger: [^\n]+\n\nUsage: keyledger COMMAND\n/);
    assert.not(existsSync(data));
  });
}

settings('help and version are no mistakes', async () => {
  const help = await keyledger(['--help'], {});
  assert.is(help.code, 0);
  assert.match(help.stdout, /^Usage: keyledger COMMAND\n/);
  const version = await keyledger(['--version'], {});
  assert.is(version.code, 0);
  assert.match(version.stdout, /^keyledger \d+\.\d+\.\d+\n$/);
});

settings.run();
