import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import * as assert from 'uvu/assert';
import { messageOf } from '../../../adapters/nats/envelope.ts';
import { NatsRefused } from '../../../adapters/nats/errors.ts';
import { failedWith } from '../../../commands/failure.ts';
import { type NatsServer, noNatsToStop, startNats } from '../../servers/nats.ts';
import { deployedUsers } from '../../servers/natsUsers.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { heartbeat, message } from '../busSuite.ts';
import { openBus } from './parts.ts';

const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

const users = suite('NATS: who may do what');
users.skipUnless(noNatsToStop);

let server: NatsServer;
const login = (user: string) => server.url.replace('//', `//${user}@`);

users.before(async () => {
  server = await startNats(deployedUsers({ publisher: 'p', subscriber: 's', administrator: 'a' }));
});
users.after(() => server.stop());

users('a publisher needs these rights and no more, a subscriber none but to subscribe', async () => {
  const bus = await openBus(login('publisher:p'));
  const subscriber: NatsConnection = await connect({ servers: server.url, user: 'subscriber', pass: 's' });
  const [messages, heartbeats] = ['keyledger.revocations.>', 'keyledger.heartbeat'].map((subject) =>
    subscriber.subscribe(subject, { max: 1 }),
  );
  await subscriber.flush();
  await bus.publish([message(1)], null);
  await bus.heartbeat(heartbeat(1));
  assert.equal(await bus.last(), { epoch: 'e1', position: message(1).position });
  for await (const { data } of messages!) assert.equal(messageOf(data), message(1));
  for await (const { data } of heartbeats!) assert.equal(JSON.parse(Buffer.from(data).toString()), heartbeat(1));
  await Promise.all([subscriber.close(), bus.close()]);
});

users('one who may not publish is refused, and so is one who is nobody; no password is told', async () => {
  for (const [who, why] of [
    ['subscriber:s', /permissions violation/i],
    ['publisher:wrong', /does not let this user in: .*authorization violation/i],
    ['', /does not let this user in/],
  ] as const) {
    const error = await failure(openBus(login(who)));
    assert.instance(error, NatsRefused, who);
    assert.match((error as Error).message, why);
    assert.not.match((error as Error).message, /wrong/);
  }
});

users.run();

const tls = suite('NATS: TLS');
const openssl = spawnSync('openssl', ['version']).status === 0 ? null : 'no program openssl on PATH';
tls.skipUnless(noNatsToStop ?? openssl);

const folder = temporaryFolder();
const certificate = join(folder, 'cert.pem');
const key = join(folder, 'key.pem');
let secure: NatsServer;

tls.before(async () => {
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', ...names];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  secure = await startNats({
    files: { 'cert.pem': readFileSync(certificate, 'utf8'), 'key.pem': readFileSync(key, 'utf8') },
    more: 'tls { cert_file: "FILES/cert.pem", key_file: "FILES/key.pem" }',
  });
});
tls.after(() => secure.stop());

tls('works with a server whose authority is named', async () => {
  const bus = await openBus(`tls://localhost:${secure.port}?tlsCaFile=${certificate}`);
  await bus.publish([message(1)], null);
  assert.equal(await bus.last(), { epoch: 'e1', position: message(1).position });
  await bus.close();
});

tls('does not trust one whose authority is not, and does not go on without it', async () => {
  const said: unknown[] = [];
  const bus = await openBus(`tls://localhost:${secure.port}`, { report: (_, error) => said.push(error) });
  assert.ok(failedWith(await failure(bus.publish([message(2)], message(1).position)), 'bus-unavailable'));
  assert.match(String(said[0]), /self-signed certificate/);
  await bus.close();
});

tls('insists on it where the URL does', async () => {
  const plain = await startNats();
  try {
    const error = await failure(openBus(`tls://localhost:${plain.port}`));
    assert.instance(error, NatsRefused);
    assert.is((error as Error).message, `localhost:${plain.port} has no TLS, on which the URL insists`);
  } finally {
    await plain.stop();
  }
});

tls.run();
