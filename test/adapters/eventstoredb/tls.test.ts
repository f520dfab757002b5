import * as assert from 'uvu/assert';
import { Failure } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';
import { makeCertificate, noOpenssl, tlsDoor } from '../../support/tlsDoor.ts';
import { events, ids, newStream } from '../events.ts';
import { createBed, failureOf, idsAt } from './parts.ts';

const test = suite('EventStoreDB (the double): TLS and credentials');
test.skipUnless(noOpenssl);

const { ends, serve, open, end } = createBed();
test.after.each(end);

let made: ReturnType<typeof makeCertificate>;
let certificate: string;
test.before(() => {
  made = makeCertificate();
  ({ certificate } = made);
});

/** The double behind a door that speaks TLS; asks for a user and a password. */
const secure = async () => {
  const server = await serve();
  server.faults.credentials = 'keyledger:s3cret@:/?';
  const { port, close } = await tlsDoor(server, made);
  ends.push(close);
  return { server, port };
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
