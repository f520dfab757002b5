import * as assert from 'uvu/assert';
import { createMemoryBus } from '../../adapters/memory/bus.ts';
import { Failure } from '../../commands/failure.ts';
import type { Bus, BusEvent, Heartbeat } from '../../commands/ports/bus.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';
import { type PublisherParts, publisher } from '../../workers/publisher.ts';
import { createBed } from '../support/commandBed.ts';
import { createGate } from '../support/faultyEventStore.ts';
import { suite } from '../support/suite.ts';
import { createToldIndex, positionOf as position } from '../support/toldIndex.ts';
import { runUntil, until, workerParts } from '../support/workerBed.ts';

const test = suite('publisher');

const codec = {} as never;

const setUp = () => {
  const bed = createBed();
  const log = createToldIndex(bed.clock);
  const bus = createMemoryBus();
  const messages: RevocationMessage[] = [];
  const heartbeats: Heartbeat[] = [];
  const order: BusEvent[] = [];
  const ear = new AbortController();
  const listening = (async () => {
    for await (const event of bus.subscribe(ear.signal)) {
      order.push(event);
      if (event.kind === 'message') messages.push(event.message);
      else heartbeats.push(event.heartbeat);
    }
  })();
  const made = (processId: string, own: Partial<PublisherParts> = {}) =>
    publisher({ ...workerParts(bed, { codec }), index: log.index, bus, processId, ...own });
  const end = async () => {
    ear.abort();
    await listening;
  };
  return { bed, log, bus, messages, heartbeats, order, made, end };
};

const chained = (messages: readonly RevocationMessage[]) =>
  messages.every(({ previous }, at) => at === 0 || previous === messages[at - 1]!.position);

test('publishes every message once, in order, and goes on where the bus stands', async () => {
  const { log, messages, made, end } = setUp();
  log.revoke(1_200);
  await runUntil([made('a')], () => messages.length === 1_200);
  log.revoke(3);
  await runUntil([made('b')], () => messages.length === 1_203);
  assert.ok(chained(messages));
  assert.is(messages[0]!.previous, null);
  await end();
});

test('a bus that forgets is gone on with from the place kept in the vault', async () => {
  const { bed, log, messages, made, end } = setUp();
  log.revoke(5);
  await runUntil(
    [made('a')],
    async () => messages.length === 5 && (await bed.vault.get('checkpoint', 'publisher')) !== null,
  );
  // Like every checkpoint, so that the start can ask whether the log has been there.
  const noted = JSON.parse((await bed.vault.get('checkpoint', 'publisher'))!.value);
  assert.equal(noted, { epoch: 'e1', position: messages[4]!.position, eventId: messages[4]!.id });
  log.revoke(2);
  const emptied = createMemoryBus();
  const heard: RevocationMessage[] = [];
  const publish: Bus['publish'] = async (given, after) => {
    await emptied.publish(given, after);
    heard.push(...given);
  };
  await runUntil([made('b', { bus: { ...emptied, publish } })], () => heard.length === 2);
  assert.is(heard[0]!.previous, messages[4]!.position);
  await end();
});

test('a restored log begins a feed of its own: what came before its epoch is not published again', async () => {
  const { log, messages, made, end } = setUp();
  log.revoke(3);
  await runUntil([made('a')], () => messages.length === 3);
  log.restore();
  log.revoke();
  await runUntil([made('b')], () => messages.length === 5);
  assert.equal(
    messages.map(({ epoch }) => epoch),
    ['e1', 'e1', 'e1', 'e2', 'e2'],
  );
  assert.ok(chained(messages));
  await end();
});

test('one that another has overtaken publishes nothing', async () => {
  const { bed, log, bus, messages, made, end } = setUp();
  log.revoke(2);
  const gate = createGate();
  let held = false;
  const slow: Bus = {
    ...bus,
    publish: async (given, after) => {
      if (!held) {
        held = true;
        await gate.pass();
      }
      await bus.publish(given, after);
    },
  };
  const stop = new AbortController();
  const warnings: string[] = [];
  const log1 = { info: () => {}, error: () => {}, warn: (_: object, text: string) => void warnings.push(text) };
  const stale = made('stale', { bus: slow, log: log1 }).run(stop.signal);
  await gate.reached;
  // Its lease runs out while it hangs; another takes over and publishes the same, and more.
  bed.clock.advance(60_000);
  await runUntil([made('fresh')], () => messages.length === 2);
  log.revoke();
  await runUntil([made('fresh')], () => messages.length === 3);
  gate.open();
  await until(() => warnings.includes('another publisher was faster'));
  log.revoke();
  bed.clock.advance(60_000);
  await until(() => messages.length === 4);
  stop.abort();
  await stale;
  assert.is(new Set(messages.map(({ id }) => id)).size, 4);
  assert.ok(chained(messages));
  await end();
});

test('two at once publish each message once', async () => {
  const { log, messages, made, end } = setUp();
  const stop = new AbortController();
  const running = [made('a'), made('b')].map((one) => one.run(stop.signal));
  for (let n = 1; n <= 30; n++) {
    log.revoke(n % 3 === 0 ? 4 : 1);
    log.pass();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => messages.length === 60);
  stop.abort();
  await Promise.all(running);
  assert.is(new Set(messages.map(({ id }) => id)).size, 60);
  assert.ok(chained(messages));
  await end();
});

test('a heartbeat comes after every message up to its head, each with a newer proof', async () => {
  const { log, order, heartbeats, made, end } = setUp();
  const stop = new AbortController();
  const running = made('a').run(stop.signal);
  log.revoke(2);
  await until(() => order.length === 2);
  for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(heartbeats.length, 0, 'nothing was proven');
  log.prove();
  await until(() => heartbeats.length === 1);
  for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(heartbeats.length, 1, 'nothing was proven since');
  log.pass();
  log.prove();
  await until(() => heartbeats.length === 2);
  stop.abort();
  await running;
  assert.is(heartbeats[1]!.lastMessage, position(3));
  assert.is(heartbeats[1]!.head, position(4));
  assert.is(heartbeats[1]!.epoch, 'e1');
  assert.ok(heartbeats[1]!.provenAt > heartbeats[0]!.provenAt);
  await end();
});

test('only who holds the lease sends heartbeats; without the vault messages still go out', async () => {
  const { bed, log, messages, heartbeats, made, end } = setUp();
  let away = false;
  const vault = {
    ...bed.vault,
    lease: async (...args: Parameters<typeof bed.vault.lease>) => {
      if (away) throw new Failure('store-unavailable', 'away');
      return bed.vault.lease(...args);
    },
  };
  const stop = new AbortController();
  const running = [made('a', { vault })].map((one) => one.run(stop.signal));
  log.revoke();
  log.prove();
  await until(() => heartbeats.length === 1);
  away = true;
  bed.clock.advance(5_000);
  log.revoke();
  log.prove();
  await until(() => messages.length === 2);
  for (let n = 0; n < 300; n++) await new Promise((resolve) => setImmediate(resolve));
  assert.is(heartbeats.length, 1);
  away = false;
  await until(() => heartbeats.length === 2);
  stop.abort();
  await Promise.all(running);
  await end();
});

test('a bus that takes no heartbeat has it fail until it does, not work again in between', async () => {
  const { log, bus, heartbeats, made, end } = setUp();
  let away = true;
  const told: string[] = [];
  const log1 = { error: () => {}, warn: () => {}, info: (_: object, text: string) => void told.push(text) };
  const heartbeat: Bus['heartbeat'] = async (beat) => {
    if (away) throw new Failure('bus-unavailable', 'away');
    await bus.heartbeat(beat);
  };
  const stop = new AbortController();
  const one = made('a', { bus: { ...bus, heartbeat }, log: log1 });
  const running = one.run(stop.signal);
  log.prove();
  await until(() => one.state().failures === 25);
  assert.equal([one.state().status, told], ['failing', []]);
  away = false;
  await until(() => heartbeats.length === 1);
  await until(() => one.state().status === 'running');
  assert.equal(told, ['a worker works again']);
  stop.abort();
  await running;
  await end();
});

/** No time ever passes: what is not called for is not done. */
const standingStill = {
  sleep: (_: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve())),
};

test('what comes while others are on their way follows at once, and a proof calls for the heartbeat', async () => {
  const { log, bus, messages, heartbeats, made, end } = setUp();
  const gate = createGate();
  let calls = 0;
  const slow: Bus = {
    ...bus,
    publish: async (given, after) => {
      if (++calls === 1) await gate.pass();
      await bus.publish(given, after);
    },
  };
  log.revoke();
  const stop = new AbortController();
  const running = made('a', { bus: slow, scheduler: standingStill }).run(stop.signal);
  await gate.reached;
  log.revoke();
  gate.open();
  await until(() => messages.length === 2);
  log.prove();
  await until(() => heartbeats.length === 1);
  log.revoke();
  await until(() => messages.length === 3);
  stop.abort();
  await running;
  await end();
});

test('no message waits for a vault that is slow', async () => {
  const { bed, log, messages, heartbeats, made, end } = setUp();
  let slow = false;
  const never = new Promise<never>(() => {});
  const vault = {
    ...bed.vault,
    lease: async (...args: Parameters<typeof bed.vault.lease>) => (slow ? never : bed.vault.lease(...args)),
    put: async (...args: Parameters<typeof bed.vault.put>) => (slow ? never : bed.vault.put(...args)),
  };
  const stop = new AbortController();
  const running = made('a', { vault, scheduler: standingStill }).run(stop.signal);
  log.revoke();
  await until(() => messages.length === 1);
  slow = true;
  for (let n = 2; n <= 5; n++) {
    bed.clock.advance(500);
    log.revoke();
    await until(() => messages.length === n);
  }
  assert.is(heartbeats.length, 0);
  stop.abort();
  // It says goodbye to a vault that does not answer by the clock, which stands still here.
  void running;
  await end();
});

test('whoever slept past the end of its lease asks before it works again', async () => {
  const { bed, log, bus, messages, made, end } = setUp();
  const calls: string[] = [];
  const heardOf: Bus = {
    ...bus,
    publish: async (given, after) => {
      calls.push('publish');
      await bus.publish(given, after);
    },
  };
  const vault = {
    ...bed.vault,
    lease: async (...args: Parameters<typeof bed.vault.lease>) => {
      const lease = await bed.vault.lease(...args);
      calls.push(lease === null ? 'refused' : 'leased');
      return lease;
    },
  };
  const stop = new AbortController();
  const sleeper = made('sleeper', { bus: heardOf, vault, scheduler: standingStill }).run(stop.signal);
  log.revoke();
  await until(() => messages.length === 1);
  // While it sleeps its lease ends, and another holds it when there is something to publish.
  bed.clock.advance(15_000);
  assert.ok(await bed.vault.lease('publisher', 'other', 3_000));
  calls.length = 0;
  log.revoke();
  await until(() => calls.length > 0);
  for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(calls, ['refused']);
  stop.abort();
  await sleeper;
  await end();
});

test('where the feed has stopped there is neither message nor heartbeat, and it says why', async () => {
  const { log, messages, made, end } = setUp();
  log.revoke();
  const index = {
    ...log.index,
    halted: () => ({ reason: 'an unknown event', position: position(9), eventId: 'e9', type: 'Strange' }),
  };
  const one = made('a', { index });
  await runUntil([one], () => one.state().failures > 2);
  assert.match(one.state().lastError!, 'an unknown event');
  assert.is(messages.length, 0);
  await end();
});

test.run();
