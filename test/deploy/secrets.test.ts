import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { makeSecrets, noOpenssl } from './secrets.ts';

const script = suite('deploy/make-secrets.sh');
script.skipUnless(noOpenssl);

let folder: string;
const read = (name: string, from = folder) => readFileSync(join(from, name), 'utf8');
const all = (from: string) => Object.fromEntries(readdirSync(from).map((name) => [name, read(name, from)]));

script.before(() => {
  folder = makeSecrets();
});

script('is whole, and only its owner gets at it', () => {
  assert.is(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder)) {
    assert.not.match(name, /\.new$/);
    assert.is(statSync(join(folder, name)).mode & 0o777, name === 'ca.key' ? 0o400 : 0o444, name);
  }
});

script('leaves alone what is there', () => {
  const before = all(folder);
  makeSecrets(folder);
  assert.equal(all(folder), before);
});

script('makes others each time, and never one twice', () => {
  const other = all(makeSecrets());
  const here = all(folder);
  assert.equal(Object.keys(other), Object.keys(here));
  for (const [name, content] of Object.entries(here)) assert.is.not(other[name], content, name);
  const passwords = Object.entries(here)
    .filter(([name]) => /password|pepper|master-key/.test(name))
    .flatMap(([, content]) => content.match(/[0-9A-Za-z+/=]{40,}/g) ?? []);
  assert.ok(passwords.length >= 10);
  assert.is(new Set(passwords).size, passwords.length);
});

script('follows a changed password with its address, and touches nothing else', () => {
  const own = makeSecrets();
  const before = all(own);
  rmSync(join(own, 'mongodb-password'));
  makeSecrets(own);
  const after = all(own);
  const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
  assert.equal(changed, ['mongodb-password', 'mongodb-url']);
  assert.ok(after['mongodb-url']!.includes(after['mongodb-password']!.trim()));
});

script('puts nothing secret on the screen', () => {
  const said = execFileSync('sh', ['deploy/make-secrets.sh', folder], { encoding: 'utf8' });
  for (const [name, content] of Object.entries(all(folder))) assert.not(said.includes(content.trim()), name);
});

/** @returns what a client says that trusts the authority and asks for this host; null: it goes on */
const handshake = async (host: string): Promise<string | null> => {
  const server = createServer({ key: read('eventstore.key'), cert: read('eventstore.crt') }, (socket) => socket.end());
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: host, ca: read('eventstore-ca.crt') });
  try {
    await once(client, 'secureConnect');
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    client.destroy();
    server.close();
  }
};

script('makes a certificate that is good for EventStoreDB and for no other host', async () => {
  assert.is(await handshake('eventstore'), null);
  assert.is(await handshake('localhost'), null);
  assert.is(await handshake('mongodb'), 'ERR_TLS_CERT_ALTNAME_INVALID');
  const certificate = join(folder, 'eventstore.crt');
  for (const purpose of ['sslserver', 'sslclient'])
    execFileSync('openssl', ['verify', '-purpose', purpose, '-CAfile', join(folder, 'eventstore-ca.crt'), certificate]);
});

script.run();
