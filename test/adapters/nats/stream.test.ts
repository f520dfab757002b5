import { connect, DiscardPolicy, RetentionPolicy, StorageType } from 'nats';
import * as assert from 'uvu/assert';
import { NatsRefused } from '../../../adapters/nats/errors.ts';
import { failedWith } from '../../../commands/failure.ts';
import type { BusEvent } from '../../../commands/ports/bus.ts';
import { type NatsServer, noNatsToStop, startNats } from '../../servers/nats.ts';
import { eventually } from '../../support/eventually.ts';
import { suite } from '../../support/suite.ts';
import { heartbeat, message } from '../busSuite.ts';
import { isSigned, lookAt, oneKey, openBus, otherKey } from './parts.ts';

const test = suite('NATS: the stream');
test.skipUnless(noNatsToStop);

let server: NatsServer;
let raw: Awaited<ReturnType<typeof lookAt>>;

// A server of its own for each: one that is told to delete and make the same stream again and again does not always.
test.before.each(async () => {
  server = await startNats();
  raw = await lookAt(server.url);
});
test.after.each(async () => {
  await raw.close();
  await server.stop();
});

const name = 'KEYLEDGER_REVOCATIONS';
const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error,
  );
const messages = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));
const position = (n: number) => message(n).position;

test('is made as documented, by whichever of several processes comes first', async () => {
  const buses = await Promise.all([1, 2, 3].map(() => openBus(server.url)));
  const { config } = await raw.streams.info(name);
  assert.equal(config.subjects, ['keyledger.revocations.>']);
  assert.equal(
    [config.storage, config.retention, config.discard, config.max_age, config.max_msgs, config.max_bytes],
    [StorageType.File, RetentionPolicy.Limits, DiscardPolicy.Old, 7 * 24 * 3600 * 1e9, -1, -1],
  );
  await Promise.all(buses.map((bus) => bus.close()));
});

test('with other settings it is refused, by name and number, and left as it is', async () => {
  const wrong = { name, subjects: ['keyledger.revocations.>'], storage: StorageType.Memory, max_age: 1e9 * 60 };
  await raw.streams.add(wrong);
  const before = (await raw.streams.info(name)).config;
  const error = await failure(openBus(server.url));
  assert.instance(error, NatsRefused);
  const { message: said } = error as Error;
  assert.match(said, /KEYLEDGER_REVOCATIONS/);
  assert.match(said, /storage "memory" where "file" is needed/);
  assert.match(said, /max_age 60000000000 where 604800000000000 is needed/);
  assert.not.match(said, /\n|subjects/);
  assert.equal((await raw.streams.info(name)).config, before);
});

const confined = async (bytes: string) => {
  const small = await startNats({
    jetStream: false,
    more: `jetstream { store_dir: "FILES/store", max_file_store: ${bytes} }`,
  });
  const inside = await lookAt(small.url);
  return {
    url: small.url,
    inside,
    stop: async () => {
      await inside.close();
      await small.stop();
    },
  };
};

test('full, it lets its oldest messages go, and takes every new one', async () => {
  const { url, inside, stop } = await confined('300KB');
  const bus = await openBus(`${url}?maxBytes=200000`);
  for (let from = 1; from <= 1_000; from += 100)
    await bus.publish(messages(from, from + 99), from === 1 ? null : position(from - 1));
  const { config, state } = await inside.streams.info(name);
  assert.is(config.max_bytes, 200_000);
  assert.ok(state.bytes <= 200_000 && state.first_seq > 1);
  assert.is(state.last_seq, 1_000);
  assert.equal(await bus.last(), { epoch: 'e1', position: position(1_000) });
  await bus.close();
  // Whoever comes later and asks for another size finds it as it is, and goes on.
  const later = await openBus(`${url}?maxBytes=100000`);
  await later.publish([message(1_001)], position(1_000));
  await later.close();
  await stop();
});

test('where the server has no more room it takes nothing and says why, and goes on when there is', async () => {
  const { url, inside, stop } = await confined('200KB');
  const bus = await openBus(url);
  let taken = 0;
  let error: unknown = null;
  while (error === null && taken < 1_000) {
    const after = taken === 0 ? null : position(taken);
    error = await failure(bus.publish(messages(taken + 1, taken + 50), after));
    if (error === null) taken += 50;
  }
  assert.ok(failedWith(error, 'bus-unavailable'), String(error));
  assert.match((error as Error).message, /insufficient resources/);
  const { state } = await inside.streams.info(name);
  const last = (await bus.last())!;
  assert.is(last.position, position(state.last_seq), 'those of the last call that were taken are the first of them');
  await inside.streams.purge(name, { keep: 10 });
  await bus.publish(messages(state.last_seq + 1, state.last_seq + 3), last.position);
  assert.equal(await bus.last(), { epoch: 'e1', position: position(state.last_seq + 3) });
  await bus.close();
  await stop();
});

test('with more than the server has room for, it is refused', async () => {
  const { url, stop } = await confined('200KB');
  const error = await failure(openBus(`${url}?maxBytes=300000`));
  assert.instance(error, NatsRefused);
  assert.match((error as Error).message, /insufficient storage/);
  await stop();
});

test('with messages of another installation it is used, and that is told once', async () => {
  const told: string[] = [];
  const own = { installation: async () => 'i2', signatures: otherKey, report: (what: string) => told.push(what) };
  const bus = await openBus(server.url);
  const other = await openBus(server.url, own);
  await bus.publish([message(1)], null);
  await other.last();
  await other.publish([message(11)], null);
  assert.match(told.join(), /holds messages of \/keyledger\/i1, another installation/);
  await bus.last();
  await bus.publish([message(2)], null);
  await other.last();
  await other.publish([message(12)], null);
  assert.is(told.length, 1);
  await Promise.all([bus.close(), other.close()]);
});

test('another stream with its subjects is refused', async () => {
  await raw.streams.add({ name: 'OTHER', subjects: ['keyledger.>'] });
  const error = await failure(openBus(server.url));
  assert.instance(error, NatsRefused);
  assert.match((error as Error).message, /subjects overlap/);
});

test('put in the place of ours while we run, it takes nothing, and why is told', async () => {
  const bus = await openBus(server.url);
  await raw.streams.delete(name);
  await raw.streams.add({ name, subjects: ['keyledger.revocations.>'], max_age: 1e9 * 60 });
  const error = await failure(bus.last());
  assert.ok(failedWith(error, 'bus-unavailable'));
  assert.match((error as Error).message, /max_age 60000000000/);
  await bus.close();
});

test('holds each message as documented, signed, with its own id; heartbeats it does not hold', async () => {
  const bus = await openBus(server.url);
  const { keyId: _, ...common } = message(3);
  const { keyId: _ofOwner, ...owned } = message(2);
  const ofOwner = { ...owned, kind: 'owner', effect: 'recheck', ownerId: 'o1' } as const;
  const ofAll = { ...common, kind: 'all', effect: 'recheck' } as const;
  const plain = raw.nc.subscribe('keyledger.>');
  await raw.nc.flush();
  const seen: string[] = [];
  const heard = (async () => {
    for await (const { subject, data, headers } of plain) {
      assert.ok(isSigned({ bytes: data, header: (name) => headers?.get(name) }), subject);
      seen.push(`${subject} ${Buffer.from(data)}`);
      if (seen.length === 4) return;
    }
  })();
  await bus.publish([message(1), ofOwner, ofAll], null);
  await bus.heartbeat(heartbeat(3));
  await heard;

  const kept = await raw.kept();
  assert.equal(
    kept.map(({ subject }) => subject),
    ['keyledger.revocations.key.key-1', 'keyledger.revocations.owner.o1', 'keyledger.revocations.all'],
  );
  assert.equal(
    kept.map(({ header }) => [header('Nats-Msg-Id'), header('Content-Type')]),
    ['event-1', 'event-2', 'event-3'].map((id) => [id, 'application/cloudevents+json']),
  );
  assert.ok(kept.every(isSigned));
  assert.is(
    kept[0]!.text,
    `{"specversion":"1.0","id":"event-1","source":"/keyledger/i1","type":"keyledger.revocation.v1","subject":"key/key-1","time":"2027-01-01T00:00:00.000Z","datacontenttype":"application/json","data":${JSON.stringify(message(1))}}`,
  );
  // What plain subscribers get is what is kept, byte for byte, and the heartbeat after it.
  assert.equal(seen, [
    ...kept.map(({ subject, text }) => `${subject} ${text}`),
    `keyledger.heartbeat ${JSON.stringify(heartbeat(3))}`,
  ]);
  await bus.close();
});

test('a thousand messages stand in it in order, `previous` unbroken, and reach who listens so', async () => {
  const bus = await openBus(server.url);
  const events = bus.subscribe(new AbortController().signal);
  await bus.publish(messages(1, 700), null);
  await bus.publish(messages(701, 1_000), position(700));
  const kept = await raw.kept();
  assert.equal(
    kept.map(({ text }) => JSON.parse(text).data),
    messages(1, 1_000),
  );
  assert.equal(
    kept.map(({ sequence }) => sequence),
    kept.map((_, at) => at + 1),
  );
  const heard: BusEvent[] = [];
  for await (const event of events) if (heard.push(event) === 1_000) break;
  assert.equal(
    heard,
    messages(1, 1_000).map((one) => ({ kind: 'message', message: one })),
  );
  await bus.close();
});

for (const [what, empty] of [
  ['emptied', () => raw.streams.purge(name)],
  ['deleted', () => raw.streams.delete(name)],
] as const)
  test(`${what}, it has no last message, and goes on with whatever comes`, async () => {
    const [bus, other] = [await openBus(server.url), await openBus(server.url)];
    await bus.publish(messages(1, 5), null);
    assert.equal(await other.last(), { epoch: 'e1', position: position(5) });
    await empty();
    assert.is(await bus.last(), null);
    assert.ok(failedWith(await failure(bus.publish([message(6)], position(5))), 'bus-out-of-step'));
    await bus.publish(messages(6, 8), null);
    assert.equal(await bus.last(), { epoch: 'e1', position: position(8) });
    // The other has not heard of any of it, and may not publish from where it stood.
    assert.ok(failedWith(await failure(other.publish([message(6)], position(5))), 'bus-out-of-step'));
    assert.equal(
      (await raw.kept()).map(({ text }) => JSON.parse(text).id),
      ['event-6', 'event-7', 'event-8'],
    );
    await Promise.all([bus.close(), other.close()]);
  });

test('emptied, it takes what it held before once more, as soon as the server has forgotten it', async () => {
  const bus = await openBus(server.url);
  await bus.publish(messages(1, 5), null);
  await raw.streams.purge(name);
  assert.is(await bus.last(), null);
  // Not out of step: whoever hears that tries again at once.
  assert.ok(failedWith(await failure(bus.publish([message(1)], null)), 'bus-unavailable'));
  await eventually(async () => {
    const after = (await bus.last())?.position ?? null;
    await failure(
      bus.publish(
        messages(1, 5).filter((one) => one.position > (after ?? '')),
        after,
      ),
    );
    return (await raw.kept()).length === 5;
  });
  assert.equal(
    (await raw.kept()).map(({ text }) => JSON.parse(text).data),
    messages(1, 5),
  );
  await bus.close();
});

test('of two publishers the stale one is out of step, in the first message and in the middle', async () => {
  const [bus, stale] = [await openBus(server.url), await openBus(server.url)];
  await bus.publish(messages(1, 3), null);
  await stale.last();
  await bus.publish(messages(4, 6), position(3));
  for (const late of [messages(4, 6), messages(4, 9), [message(6)]])
    assert.ok(failedWith(await failure(stale.publish(late, position(3))), 'bus-out-of-step'));
  // Having looked, it stands where the bus stands.
  assert.equal(await stale.last(), { epoch: 'e1', position: position(6) });
  await stale.publish(messages(7, 8), position(6));
  const both = await Promise.allSettled([bus.last(), stale.last()].map((one) => one));
  assert.ok(both.every(({ status }) => status === 'fulfilled'));
  const results = await Promise.allSettled([
    bus.publish(messages(9, 300), position(8)),
    stale.publish(messages(9, 300), position(8)),
  ]);
  assert.ok(results.some(({ status }) => status === 'rejected'));
  for (const result of results)
    if (result.status === 'rejected') assert.ok(failedWith(result.reason, 'bus-out-of-step'));
  const ids = (await raw.kept()).map(({ text }) => JSON.parse(text).id);
  assert.equal(
    ids,
    messages(1, ids.length).map(({ id }) => id),
  );
  await Promise.all([bus.close(), stale.close()]);
});

test('who listens hears each message once, also where two publish it', async () => {
  const [bus, other] = [await openBus(server.url), await openBus(server.url)];
  const stop = new AbortController();
  const events = other.subscribe(stop.signal);
  await other.last();
  await Promise.allSettled([bus.publish(messages(1, 50), null), other.publish(messages(1, 50), null)]);
  await other.last();
  await other.close();
  const heard: string[] = [];
  for await (const event of events) heard.push(event.kind === 'message' ? event.message.id : 'heartbeat');
  assert.equal(
    heard,
    messages(1, heard.length).map(({ id }) => id),
  );
  assert.ok(heard.length > 0);
  await bus.close();
});

test('a last message that is forged or none of ours is none, and what follows it is taken', async () => {
  const bus = await openBus(server.url);
  await bus.publish(messages(1, 2), null);
  const far = { ...message(9), position: 'f'.repeat(16) };
  const forged = JSON.stringify({ ...JSON.parse((await raw.kept())[1]!.text), data: far });
  for (const bytes of ['not JSON', forged]) {
    await raw.nc.jetstream().publish('keyledger.revocations.all', bytes);
    assert.is(await bus.last(), null);
  }
  assert.ok(failedWith(await failure(bus.publish([message(3)], position(2))), 'bus-out-of-step'));
  await bus.publish([message(3)], null);
  assert.equal(await bus.last(), { epoch: 'e1', position: position(3) });
  // Signed by a key that no longer counts.
  const other = await openBus(server.url, { signatures: { ...oneKey, verify: async () => false } });
  assert.is(await other.last(), null);
  await Promise.all([bus.close(), other.close()]);
});

test('what is neither a message nor a heartbeat is not given to who listens', async () => {
  const bus = await openBus(server.url);
  const stop = new AbortController();
  const events = bus.subscribe(stop.signal);
  await bus.last();
  for (const subject of ['keyledger.revocations.all', 'keyledger.heartbeat', 'keyledger.revocations.key.k1'])
    for (const bytes of ['', '{}', 'null', '{"data":{"kind":"all"}}', '\u0000']) raw.nc.publish(subject, bytes);
  await raw.nc.flush();
  await bus.heartbeat(heartbeat(1));
  for await (const event of events) {
    assert.equal(event, { kind: 'heartbeat', heartbeat: heartbeat(1) });
    break;
  }
  await bus.close();
});

test('who reads too slowly keeps what it holds, without a gap, and is let go', async () => {
  const bus = await openBus(server.url);
  const events = bus.subscribe(new AbortController().signal);
  const count = 10_050;
  for (let from = 1; from <= count; from += 2_010)
    await bus.publish(messages(from, from + 2_009), from === 1 ? null : position(from - 1));
  let heard = 0;
  for await (const event of events) {
    heard += 1;
    assert.is(event.kind === 'message' && event.message.id, `event-${heard}`);
  }
  assert.is(heard, 10_000);
  await bus.close();
});

test('a server without JetStream is told so', async () => {
  const plain = await startNats({ jetStream: false });
  try {
    const error = await failure(openBus(plain.url));
    assert.instance(error, NatsRefused);
    assert.match((error as Error).message, /JetStream/);
    const nc = await connect({ servers: plain.url });
    await nc.close();
  } finally {
    await plain.stop();
  }
});

test.run();
