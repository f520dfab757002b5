import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import * as assert from 'uvu/assert';
import { failedWith } from '../../../commands/failure.ts';
import type { Position } from '../../../commands/ports/eventStore.ts';
import type { EventStoreDouble } from '../../servers/eventStoreDouble/double.ts';
import { createManualTime } from '../../support/manualTime.ts';
import { suite } from '../../support/suite.ts';
import { endOf, events, ids, newStream, readOn } from '../events.ts';
import { createBed, failureOf, idsAt, prefix } from './parts.ts';

const test = suite('EventStoreDB (the double): reads');

const { ends, serve, open, end } = createBed();
test.after.each(end);

/** Somebody else who writes to the same server. */
const others = ({ connectionString }: EventStoreDouble) => {
  const client = EventStoreDBClient.connectionString(connectionString);
  ends.push(() => client.dispose());
  return async (stream: string, count = 1, metadata?: { readonly [field: string]: unknown }) => {
    const some = Array.from({ length: count }, (_, n) =>
      jsonEvent({ id: randomUUID(), type: 'OfOthers', data: { n }, ...(metadata && { metadata }) }),
    );
    const { position } = await client.appendToStream(stream, some);
    return { ids: ids(some), position: position! };
  };
};

test('events of others and of the server are passed over, and the position moves over them', async () => {
  const server = await serve();
  const store = open(server);
  const write = others(server);
  const written: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    const some = events(2);
    await store.append(newStream(), 'no-stream', some);
    written.push(...ids(some));
    await write(`strangers-${round}`, 3);
    await write(`${prefix}2-${round}`, 3);
    await write(`$strange-${round}`);
    await write(`${prefix}`);
    // One that only looks like ours.
    await write(`${prefix}-stranger-${round}`, 1, { envelope: 'none' });
    server.log.remove(`strangers-${round}`, false);
  }
  assert.equal(ids(await readOn(store, null, 3)), written);
  const tail = await endOf(store);
  const last = server.log.records.at(-1)!;
  assert.is(last.type, '$metadata');
  assert.is(BigInt(`0x${tail!.slice(0, 16)}`), BigInt(last.position));
});

test('a log that ends before what was read of it is not read to its end, and proves nothing new', async () => {
  const server = await serve();
  const store = open(server);
  const [known, other] = [newStream(), newStream()];
  await store.append(known, 'no-stream', events(2));
  await store.append(other, 'no-stream', events(1));
  const tail = await endOf(store);
  assert.is((await store.readAll(tail, 10)).end, true);
  assert.equal((await store.readStream(known, 0, 10)).events.length, 2);
  assert.equal((await store.readStream(known, 2, 10)).events, []);
  server.faults.shortened = true;
  for (const read of [() => store.readAll(tail, 10), () => store.readStream(known, 2, 10)])
    assert.ok(failedWith(await failureOf(read), 'store-unavailable'));
  server.faults.shortened = false;
  assert.is((await store.readAll(tail, 10)).end, true);
});

test('many events of others make pages without events, each with a position further on', async () => {
  const server = await serve();
  const store = open(server);
  const write = others(server);
  for (let n = 0; n < 7; n += 1) await write('strangers', 200);
  const some = events(1);
  await store.append(newStream(), 'no-stream', some);
  const found: string[] = [];
  let empty = 0;
  for (let after: Position | null = null; ; ) {
    const page = await store.readAll(after, 10);
    assert.ok(after === null || page.position! > after);
    found.push(...ids(page.events));
    if (page.events.length === 0) empty += 1;
    after = page.position;
    if (page.end) break;
  }
  assert.equal(found, ids(some));
  assert.ok(empty > 2 && empty < 10, 'neither one by one nor all at once');
});

test('finds no event where somebody else has one, and none between two', async () => {
  const server = await serve();
  const store = open(server);
  const { position } = await others(server)('strangers');
  const hex = (value: bigint) => value.toString(16).padStart(16, '0');
  const at = (by: bigint) => hex(position.commit + by) + hex(position.prepare + by);
  assert.is(await store.readAt(at(0n)), null);
  assert.is(await store.readAt(at(1n)), null);
  assert.is(await store.readAt('f'.repeat(32)), null);
});

test('a server in trouble is not taken for one without that event', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time });
  const result = await store.append(newStream(), 'no-stream', events(1));
  await server.stop();
  let ended = false;
  const asking = failureOf(() => store.readAt(result.appended ? result.position : '')).finally(() => (ended = true));
  while (!ended) await time.advance(500);
  assert.ok(failedWith(await asking, 'store-unavailable'));
});

test('what is strange in a stream of ours is said, not read', async () => {
  const server = await serve();
  const store = open(server);
  const write = others(server);
  const stream = newStream();
  await store.append(stream, 'no-stream', events(3));
  await write(`${prefix}-${stream}`);
  assert.equal((await store.readStream(stream, 0, 3)).events.length, 3);
  assert.match(String(await failureOf(() => store.readStream(stream, 0, 10))), /not ours/);

  const cut = newStream();
  await store.append(cut, 'no-stream', events(3));
  await write(`$$${prefix}-${cut}`);
  server.log.append(`$$${prefix}-${cut}`, 'any', [
    {
      id: randomUUID(),
      type: '$metadata',
      contentType: 'application/json',
      data: Buffer.from('{"$tb":2}'),
      metadata: Buffer.from(''),
    },
  ]);
  assert.match(String(await failureOf(() => store.readStream(cut, 0, 10))), /missing/);
});

test('a stream without events of which something is said that is no cut is new', async () => {
  const server = await serve();
  const store = open(server);
  for (const said of ['{}', 'null', '7', '"$tb"', 'no JSON']) {
    const stream = newStream();
    const metadata = {
      id: randomUUID(),
      type: 'remark',
      contentType: 'application/json',
      metadata: Buffer.from(''),
    };
    server.log.append(`$$${prefix}-${stream}`, 'any', [{ ...metadata, data: Buffer.from(said) }]);
    assert.equal(await store.readStream(stream, 0, 10), { events: [], end: true }, said);
    assert.ok((await store.append(stream, 'no-stream', events(1))).appended, said);
  }
});

test('cut in the middle of pages, no page ends early', async () => {
  const server = await serve();
  const store = open(server);
  const stream = newStream();
  for (let n = 0; n < 6; n += 1) await store.append(stream, n === 0 ? 'no-stream' : n * 500 - 1, events(500));
  const log = idsAt(server);
  let reads = 0;
  server.faults.gate = (call) => {
    if (call !== 'read') return null;
    reads += 1;
    // While it is sending: after as many turns as it takes to send some of it.
    if (reads % 2 === 0) cutAfter(reads);
    return null;
  };
  const cutAfter = (turns: number) => {
    if (turns === 0) server.cut();
    else setImmediate(cutAfter, turns - 1);
  };
  for (let round = 0; round < 8; round += 1) {
    assert.equal(ids(await readOn(store, null, 700)), log);
    const found: string[] = [];
    for (let from = 0; ; ) {
      const page = await store.readStream(stream, from, 900);
      found.push(...ids(page.events));
      from = found.length;
      if (page.end) break;
    }
    assert.equal(found, log);
  }
  assert.ok(reads > 16);
});

test('a read that nobody answers ends, and the next one goes over another connection', async () => {
  const server = await serve();
  const time = createManualTime();
  const store = open(server, { clock: time, scheduler: time });
  const stream = newStream();
  await store.append(stream, 'no-stream', events(5));
  let silent = true;
  server.faults.gate = (call) => (silent && call === 'read' ? new Promise(() => {}) : null);
  for (const call of [() => store.readAll(null, 2), () => store.readStream(stream, 0, 2)]) {
    let ended = false;
    const reading = failureOf(call).finally(() => (ended = true));
    while (!ended) await time.advance(500);
    assert.ok(failedWith(await reading, 'store-unavailable'));
  }
  silent = false;
  assert.is((await store.readAll(null, 2)).events.length, 2);
  assert.is((await store.readStream(stream, 0, 9)).events.length, 5);
  assert.is(time.sleepers(), 0, 'nothing is left waiting');
});

test.run();
