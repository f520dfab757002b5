import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import * as assert from 'uvu/assert';
import { Failure } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { events, ids, newStream } from '../events.ts';
import { createBed, failureOf, idsAt } from './parts.ts';

const test = suite('EventStoreDB (the double): TLS and credentials');
test.skipUnless(spawnSync('openssl', ['version']).status === 0 ? null : 'no program openssl on PATH');

const { ends, serve, open, end } = createBed();
test.after.each(end);

const folder = temporaryFolder();
const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
test.before(() => {
  const made = [
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ];
  execFileSync('openssl', ['req', '-x509', ...made, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
});

/** The double behind a door that speaks TLS; asks for a user and a password. */
const secure = async () => {
  const server = await serve();
  server.faults.credentials = 'keyledger:s3cret@:/?';
  const options = { cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ['h2'] };
  const door = createServer(options, (socket) => {
    const inside = connect(server.port, server.host);
    socket.pipe(inside).pipe(socket);
    for (const side of [socket, inside]) {
      side.on('error', () => {});
      side.on('close', () => {
        socket.destroy();
        inside.destroy();
      });
    }
  });
  door.on('tlsClientError', () => {});
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  ends.push(() => door.close());
  return { server, port: (door.address() as AddressInfo).port };
};

test('user, password and authority come from the connection string', async () => {
  const { server, port } = await secure();
  const credentials = `keyledger:${encodeURIComponent('s3cret@:/?')}`;
  const connectionString = `esdb://${credentials}@localhost:${port}?tls=true&tlsCAFile=${encodeURIComponent(certificate)}`;
  const store = open({ connectionString });
  const [stream, some] = [newStream(), events(2)];
  assert.ok((await store.append(stream, 'no-stream', some)).appended);
  assert.equal(ids((await store.readAll(null, 10)).events), ids(some));
  assert.equal(ids((await store.readStream(stream, 0, 10)).events), ids(some));
  server.cut();
  assert.ok((await store.append(stream, 1, events(1))).appended);
  await store.changed(null, new AbortController().signal);
});

test('a wrong password is told, and not repeated', async () => {
  const { server, port } = await secure();
  const connectionString = `esdb://keyledger:wrong-secret@localhost:${port}?tls=true&tlsCAFile=${certificate}`;
  const store = open({ connectionString });
  for (const call of [
    () => store.append(newStream(), 'no-stream', events(1)),
    () => store.readAll(null, 10),
    () => store.readStream(newStream(), 0, 10),
  ]) {
    const error = await failureOf(call);
    assert.ok(error instanceof Failure && error.refused);
    assert.not.match(`${error.message} ${error.stack} ${error.cause}`, /wrong-secret/);
  }
  assert.equal(idsAt(server), []);
});

test('a server that nobody vouches for is not talked to', async () => {
  const { server, port } = await secure();
  const store = open(
    { connectionString: `esdb://keyledger:s3cret@localhost:${port}?tls=true` },
    { patience: { call: 2_000, append: 0, read: 0 } },
  );
  assert.instance(await failureOf(() => store.readAll(null, 1)), Failure);
  assert.instance(await failureOf(() => store.append(newStream(), 'no-stream', events(1))), Failure);
  assert.equal(idsAt(server), []);
});

test.run();
