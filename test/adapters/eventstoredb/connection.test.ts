import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { openConnection } from '../../../adapters/eventstoredb/connection.ts';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import { systemClock } from '../../../adapters/node/systemClock.ts';
import { eventually } from '../../support/eventually.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { startTcpProxy } from '../../support/tcpProxy.ts';
import { events, newStream } from '../events.ts';
import { createBed, failureOf, idsAt, openStore } from './parts.ts';

const test = suite('EventStoreDB: connections');

const { ends, serve, open, end } = createBed();
test.after.each(end);

test('are one for everything that goes on at once', async () => {
  const server = await serve();
  // No deadline passes, however busy this machine is.
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time });
  const stop = new AbortController();
  const waiting = store.changed('f'.repeat(32), stop.signal);
  const write = async () => {
    const stream = newStream();
    await store.append(stream, 'no-stream', events(3));
    await store.readStream(stream, 0, 1);
    await store.readAll(null, 2);
    await store.readStream(newStream(), 0, 1);
  };
  await Promise.all(Array.from({ length: 64 }, write));
  assert.is(server.connections(), 1);
  stop.abort();
  await waiting;
});

test('that are given up are closed, however often a server refuses what it is asked', async () => {
  const server = await serve();
  const store = open(server);
  for (let n = 0; n < 20; n += 1) {
    server.faults.starting = true;
    const reading = store.readAll(null, 1);
    const appending = store.append(newStream(), 'no-stream', events(1));
    await eventually(() => server.connections() > 0);
    await systemScheduler().sleep(0);
    server.faults.starting = false;
    await Promise.all([reading, appending]);
  }
  await eventually(() => server.connections() <= 1);
  assert.is(idsAt(server).length, 20);
});

test('are gone once the store is closed', async () => {
  const server = await serve();
  const store = openStore(server.connectionString);
  await store.append(newStream(), 'no-stream', events(1));
  const waiting = store.changed('f'.repeat(32), new AbortController().signal);
  await store.readAll(null, 1);
  assert.is(server.connections(), 1);
  await store.close();
  await waiting;
  await eventually(() => server.connections() === 0);
});

test('replaced a thousand times leave one call for appends, and every answer comes', async () => {
  const server = await serve();
  const time = { monotonic: systemClock().monotonic, sleep: systemScheduler().sleep };
  const connection = openConnection(server.connectionString, time, { call: 5_000, append: 5_000, read: 5_000 });
  ends.push(connection.close);
  const append = () =>
    connection.append({
      name: newStream(),
      expected: 'no-stream',
      events: [{ id: crypto.randomUUID(), type: 'Seen', data: Buffer.from('{}'), metadata: Buffer.from('{}') }],
    });
  for (let n = 0; n < 1_000; n += 1) {
    const first = append();
    connection.silent(connection.client());
    assert.is((await first).result, 'appended');
  }
  await eventually(() => server.connections() <= 1);
});

/** How many connections this process has open to a port. */
const countingSocketsTo = (port: number): (() => number) => {
  const sockets = new Set<Socket>();
  const opened = (message: unknown) => {
    sockets.add((message as { readonly socket: Socket }).socket);
  };
  subscribe('net.client.socket', opened);
  ends.push(() => unsubscribe('net.client.socket', opened));
  return () => [...sockets].filter(({ destroyed, remotePort }) => !destroyed && remotePort === port).length;
};

const ways = {
  'a server': ['esdb', 'tls=false'],
  'a server with TLS': ['esdb', 'tls=true'],
  'a cluster': ['esdb+discover', 'tls=false&maxDiscoverAttempts=2&gossipTimeout=1'],
} as const;

for (const [whom, [scheme, parameters]] of Object.entries(ways)) {
  test(`leave no socket behind, however often ${whom} takes them and says nothing`, async () => {
    const server = await serve();
    const proxy = await startTcpProxy(server.port);
    ends.push(proxy.close);
    const sockets = countingSocketsTo(proxy.port);
    const connectionString = `${scheme}://localhost:${proxy.port}?${parameters}`;
    const store = open({ connectionString }, { patience: { call: 40, append: 0, read: 0 } });
    proxy.hold();
    let most = 0;
    for (let n = 0; n < 20; n += 1) {
      const calls = [store.readAll(null, 1), store.append(newStream(), 'no-stream', events(1))];
      for (const { status } of await Promise.allSettled(calls)) assert.is(status, 'rejected');
      most = Math.max(most, sockets());
    }
    assert.ok(most > 0);
    await eventually(() => sockets() <= 1);
    await store.close();
    await eventually(() => sockets() === 0);
  });
}

test('over which everything was said, and which then fall silent, leave no socket behind', async () => {
  const server = await serve();
  const proxy = await startTcpProxy(server.port);
  ends.push(proxy.close);
  const sockets = countingSocketsTo(proxy.port);
  const connectionString = `esdb://127.0.0.1:${proxy.port}?tls=false`;
  const store = open({ connectionString }, { patience: { call: 100, append: 2_000, read: 2_000 } });
  for (let n = 0; n < 10; n += 1) {
    assert.ok((await store.append(newStream(), 'no-stream', events(1))).appended);
    assert.ok(sockets() > 0);
    proxy.strand();
  }
  await eventually(() => sockets() <= 1);
});

test('closed, it gives no client', async () => {
  const server = await serve();
  const store = openStore(server.connectionString);
  await store.close();
  assert.match(String(await failureOf(() => store.readAll(null, 1))), /closed/);
});

test('to a process that was killed, and one that stands still, are left for a new one', async () => {
  const program = new URL('../../servers/eventStoreDouble/main.ts', import.meta.url).pathname;
  const start = async (port: string) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, port], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    ends.push(() => child.kill('SIGKILL'));
    const [line] = await once(child.stdout, 'data');
    return { child, connectionString: String(line).trim() };
  };
  const { child, connectionString } = await start('0');
  const port = /:(\d+)\?/.exec(connectionString)![1]!;
  const patience = { call: 500, append: 60_000, read: 30_000 };
  const store = open({ connectionString }, { patience });
  await store.append(newStream(), 'no-stream', events(1));

  child.kill('SIGSTOP');
  const silent = open({ connectionString }, { patience: { ...patience, append: 600 } });
  const stream = newStream();
  const some = events(2);
  assert.match(String(await failureOf(() => silent.append(stream, 'no-stream', some))), /no answer/);
  child.kill('SIGCONT');
  const answer = await store.append(stream, 'no-stream', some);
  assert.ok(answer.appended && answer.revision === 1);

  const killed = once(child, 'exit');
  child.kill('SIGKILL');
  await killed;
  const appending = store.append(newStream(), 'no-stream', events(1));
  const reading = store.readAll(null, 1);
  await start(port);
  assert.ok((await appending).appended);
  await reading;
});

test.run();
