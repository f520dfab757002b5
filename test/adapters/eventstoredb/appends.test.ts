import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { maxAppendBytes } from '../../../adapters/eventstoredb/appends.ts';
import { Failure, failedWith } from '../../../commands/failure.ts';
import type { AppendResult, EventStore, EventToAppend } from '../../../commands/ports/eventStore.ts';
import type { EventStoreDouble } from '../../servers/eventStoreDouble/double.ts';
import type { AppendFault } from '../../servers/eventStoreDouble/faults.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { event, events, ids, newStream, readOn } from '../events.ts';
import { createBed, failureOf, idsAt } from './parts.ts';

const test = suite('EventStoreDB (the double): appends');

const { serve, open, end } = createBed();
test.after.each(end);

/** The first append to each stream meets a fault, its repeats none. */
const faultOnce = ({ faults }: EventStoreDouble, fault: AppendFault) => {
  const met = new Set<string>();
  faults.append = (stream) => {
    if (met.has(stream)) return 'none';
    met.add(stream);
    return fault;
  };
  return met;
};

const appended = (result: AppendResult) => {
  if (!result.appended) throw new Error(`it stands at ${result.actual}`);
  return result;
};

/** What a caller does after an error that leaves it open: the same again. */
const untilAnswered = async (append: () => Promise<AppendResult>): Promise<AppendResult> => {
  for (;;) {
    try {
      return await append();
    } catch (error) {
      if (!failedWith(error, 'store-unavailable')) throw error;
    }
  }
};

for (const fault of ['cut-after', 'cut-before'] as const)
  test(`${fault === 'cut-after' ? 'cut right after' : 'cut before'} it took effect, 200 times: each is there once`, async () => {
    const server = await serve();
    const store = open(server);
    const met = faultOnce(server, fault);
    const written: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      const [stream, some] = [newStream(), events(1 + (n % 3))];
      const { revision, position } = appended(await store.append(stream, 'no-stream', some));
      assert.is(revision, some.length - 1);
      assert.is((await store.readStream(stream, revision, 1)).events[0]!.position, position);
      written.push(...ids(some));
    }
    assert.is(met.size, 200);
    assert.equal(idsAt(server), written);
    assert.ok(server.connections() <= 1, 'every connection that was cut was let go');
  });

test('cut again and again, 10,000 appends by 64 writers are there once, in order', async () => {
  const server = await serve();
  const store = open(server);
  let asked = 0;
  const kinds = new Set<AppendFault>();
  server.faults.append = () => {
    asked += 1;
    // Some of them hit repeats of what was hit before.
    const fault = asked % 197 === 0 ? 'cut-after' : asked % 263 === 0 ? 'cut-before' : 'none';
    kinds.add(fault);
    return fault;
  };
  const streams = Array.from({ length: 64 }, () => newStream());
  const written = new Map<string, string[]>(streams.map((stream) => [stream, []]));
  let left = 10_000;
  await Promise.all(
    streams.map(async (stream) => {
      for (let revision = -1; left > 0; revision += 1) {
        left -= 1;
        const one = event();
        const result = await untilAnswered(() => store.append(stream, revision < 0 ? 'no-stream' : revision, [one]));
        assert.is(appended(result).revision, revision + 1);
        written.get(stream)!.push(one.id);
      }
    }),
  );
  assert.is(kinds.size, 3);
  for (const stream of streams) assert.equal(idsAt(server, stream), written.get(stream));
  assert.is(idsAt(server).length, 10_000);
  assert.ok(server.connections() <= 1);
});

test('stopped and started in the middle of appends and reads: nothing is lost, doubled or out of order', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const streams = Array.from({ length: 16 }, () => newStream());
  let writing = true;
  const seen: string[] = [];
  const reading = (async () => {
    for (let after: string | null = null; ; ) {
      const last = !writing;
      const page = await other.readAll(after, 50);
      seen.push(...ids(page.events));
      after = page.position;
      if (page.end && last) return;
      if (page.end) await setImmediate();
    }
  })();
  let count = 0;
  let stopping = Promise.resolve();
  const stopNow = async () => {
    await server.stop();
    await server.start();
  };
  await Promise.all(
    streams.map(async (stream) => {
      for (let revision = -1; revision < 39; revision += 1) {
        count += 1;
        if (count % 100 === 0) stopping = stopping.then(stopNow);
        appended(await store.append(stream, revision < 0 ? 'no-stream' : revision, events(1)));
      }
    }),
  );
  await stopping;
  writing = false;
  await reading;
  assert.is(idsAt(server).length, 640);
  assert.equal(seen, idsAt(server));
  for (const stream of streams) assert.is(idsAt(server, stream).length, 40);
});

const patience = { call: 5_000, append: 10_000, read: 3_000 };

/** Goes on with time until the call has ended. */
const passing = async <T>(time: ReturnType<typeof createManualTime>, call: Promise<T>): Promise<T> => {
  let ended = false;
  const end = () => {
    ended = true;
  };
  call.then(end, end);
  while (!ended) await time.advance(1_000);
  return call;
};

test('never answered, it asks again when it has waited long enough, and gets the first answer', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time, patience });
  const met = faultOnce(server, 'mute');
  const [stream, some] = [newStream(), events(2)];
  const result = appended(await passing(time, store.append(stream, 'no-stream', some)));
  assert.is(met.size, 1);
  assert.is(result.revision, 1);
  assert.equal(idsAt(server), ids(some));
  assert.is(time.sleepers(), 0, 'nothing is left waiting');
});

test('never answered at all, it says so in the end; the same append later is answered as if nothing had been', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time, patience });
  server.faults.append = () => 'mute';
  // Nor is it read back.
  server.faults.gate = (call) => (call === 'read' ? new Promise(() => {}) : null);
  const [stream, some] = [newStream(), events(2)];
  const began = time.monotonic();
  const error = await failureOf(() => passing(time, store.append(stream, 'no-stream', some)));
  assert.ok(failedWith(error, 'store-unavailable'));
  assert.match(String(error), /no answer/);
  assert.ok(time.monotonic() - began <= patience.append + 2 * patience.call + 1_000);
  server.faults.append = () => 'none';
  server.faults.gate = () => null;
  assert.is(appended(await passing(time, store.append(stream, 'no-stream', some))).revision, 1);
  assert.equal(idsAt(server), ids(some));
  assert.is(time.sleepers(), 0);
});

test('never answered, but written: it is found when it is looked for', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time, patience });
  server.faults.append = () => 'mute';
  const [stream, some] = [newStream(), events(2)];
  assert.is(appended(await passing(time, store.append(stream, 'no-stream', some))).revision, 1);
  assert.equal(idsAt(server), ids(some));
});

test('reads its position back where the answer has none', async () => {
  const server = await serve();
  const store = open(server);
  server.faults.withoutPositions = true;
  const [stream, some] = [newStream(), events(3)];
  const { revision, position } = appended(await store.append(stream, 'no-stream', some));
  assert.is(revision, 2);
  assert.is((await store.readAt(position))!.id, some[2]!.id);
  assert.equal(await store.append(stream, 'no-stream', some), { appended: true, revision, position });
});

test('finds its own after a cut, whatever others wrote behind it', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const [stream, mine, theirs] = [newStream(), events(2), events(1)];
  const gate = Promise.withResolvers<void>();
  faultOnce(server, 'cut-after');
  let appends = 0;
  // The repeat waits until others have written.
  server.faults.gate = (call) => (call === 'append' && ++appends === 2 ? gate.promise : null);
  const appending = store.append(stream, 'no-stream', mine);
  while (appends < 2) await setImmediate();
  appended(await other.append(stream, 1, theirs));
  gate.resolve();
  assert.is(appended(await appending).revision, 1);
  assert.equal(idsAt(server, stream), ids([...mine, ...theirs]));
});

test('cut before it took effect, and others came first: refused, with where the stream stands', async () => {
  const server = await serve();
  const [store, other] = [open(server), open(server)];
  const [stream, mine, theirs] = [newStream(), events(2), events(3)];
  const gate = Promise.withResolvers<void>();
  faultOnce(server, 'cut-before');
  let appends = 0;
  server.faults.gate = (call) => (call === 'append' && ++appends === 2 ? gate.promise : null);
  const appending = store.append(stream, 'no-stream', mine);
  while (appends < 2) await setImmediate();
  appended(await other.append(stream, 'no-stream', theirs));
  gate.resolve();
  assert.equal(await appending, { appended: false, actual: 2 });
  assert.equal(idsAt(server, stream), ids(theirs));
});

test('a stream of ours that somebody deleted is never taken for a new one', async () => {
  const server = await serve();
  const store = open(server);
  for (const forEver of [false, true]) {
    const stream = newStream();
    appended(await store.append(stream, 'no-stream', events(2)));
    server.log.remove(`tests-${stream}`, forEver);
    const calls = [
      () => store.readStream(stream, 0, 10),
      () => store.append(stream, 'no-stream', events(1)),
      ...(forEver ? [() => store.append(stream, 1, events(1))] : []),
    ];
    for (const call of calls) {
      const error = await failureOf(call);
      assert.ok(failedWith(error, 'store-unavailable'));
      assert.match(String(error), /deleted|cut/);
    }
  }
});

test('what no append may be is refused before anything is sent', async () => {
  const server = await serve();
  const store = open(server);
  const large = (characters: number): EventToAppend => event({ text: 'é'.repeat(characters) });
  const refused = [
    [{ ...event(), id: 'not-a-uuid' }],
    [{ ...event(), id: event().id.slice(1) }],
    [large(maxAppendBytes / 2)],
    Array.from({ length: 8 }, () => large(maxAppendBytes / 16)),
  ];
  for (const some of refused)
    assert.instance(await failureOf(() => store.append(newStream(), 'no-stream', some)), TypeError);
  assert.is(server.connections(), 0);
  assert.equal(idsAt(server), []);
  appended(await store.append(newStream(), 'no-stream', [large(maxAppendBytes / 2 - 1_000)]));
});

test('waits for a server that starts', async () => {
  const server = await serve();
  const store = open(server);
  server.faults.starting = true;
  let said = 0;
  const stream = newStream();
  const calls: Promise<unknown>[] = [
    store.append(stream, 'no-stream', events(1)),
    store.readAll(null, 10),
    store.readStream(newStream(), 0, 10),
  ];
  const waiting = calls.map((call) => call.finally(() => (said += 1)));
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  assert.is(said, 0);
  server.faults.starting = false;
  await Promise.all(waiting);
  assert.is(idsAt(server, stream).length, 1);
});

test('one that goes on starting is away', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time, patience });
  server.faults.starting = true;
  const calls: (() => Promise<unknown>)[] = [
    () => store.append(newStream(), 'no-stream', events(1)),
    () => store.readAll(null, 10),
    () => store.readStream(newStream(), 0, 10),
    () => store.readAt('0'.repeat(32)),
  ];
  for (const call of calls) {
    const error = await failureOf(() => passing(time, call()));
    assert.ok(error instanceof Failure && error.code === 'store-unavailable' && !error.refused);
  }
  assert.is(time.sleepers(), 0);
});

test('not let in, it says so at once and never tries again', async () => {
  const server = await serve();
  const store = open(server);
  let asked = 0;
  server.faults.gate = () => {
    asked += 1;
    return null;
  };
  server.faults.credentials = 'keyledger:another secret';
  const calls = [
    () => store.append(newStream(), 'no-stream', events(1)),
    () => store.readAll(null, 10),
    () => store.readStream(newStream(), 0, 10),
    () => store.readAt('0'.repeat(32)),
  ];
  for (const call of calls) {
    const error = await failureOf(call);
    assert.ok(error instanceof Failure && error.refused);
    assert.is(error.message, 'EventStoreDB: access denied');
  }
  assert.is(asked, 0);
  assert.equal(idsAt(server), []);
});

test('goes to the leader that a follower names, and to the next one', async () => {
  const [first, second] = [await serve(), await serve()];
  first.faults.leader = { address: second.host, port: second.port };
  for (const connectionString of [
    first.connectionString,
    `esdb+discover://${first.host}:${first.port}?tls=false`,
    `esdb://${first.host}:${first.port},${second.host}:${second.port}?tls=false`,
  ]) {
    const store = open({ connectionString });
    const [stream, some] = [newStream(), events(2)];
    appended(await store.append(stream, 'no-stream', some));
    assert.equal(ids((await store.readStream(stream, 0, 10)).events), ids(some));
    assert.equal(idsAt(second, stream), ids(some));
    assert.ok((await readOn(store, null)).length > 0);
  }
  assert.equal(idsAt(first), []);

  const store = open(first);
  appended(await store.append(newStream(), 'no-stream', events(1)));
  first.faults.leader = null;
  await second.stop();
  const [stream, some] = [newStream(), events(2)];
  appended(await store.append(stream, 'no-stream', some));
  assert.equal(idsAt(first), ids(some));
});

test('closes, also where nobody answers and where a cluster cannot be found', async () => {
  const server = await serve();
  const silent = open(server);
  server.faults.gate = () => new Promise(() => {});
  const nowhere = open({ connectionString: `esdb+discover://127.0.0.1:1?tls=false&maxDiscoverAttempts=2` });
  const own = { append: 100, call: 100, read: 100 };
  const impatient = open(server, { patience: own });
  const calls: [EventStore, Promise<unknown>][] = [
    [nowhere, failureOf(() => nowhere.readAll(null, 1))],
    [impatient, failureOf(() => impatient.append(newStream(), 'no-stream', events(1)))],
  ];
  await silent.close();
  for (const [store, failure] of calls) {
    await store.close();
    assert.ok(failedWith(await failure, 'store-unavailable'));
  }
});

test.run();
