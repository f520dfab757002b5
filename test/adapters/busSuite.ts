import * as assert from 'uvu/assert';
import { failedWith } from '../../commands/failure.ts';
import type { Bus, BusEvent } from '../../commands/ports/bus.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';
import { suite } from '../support/suite.ts';

export type BusHarness = { readonly bus: Bus; readonly dispose: () => Promise<void> };

const position = (n: number) => n.toString(16).padStart(16, '0');

/** The n-th message of a feed, from 1. */
export const message = (n: number, epoch = 'e1'): RevocationMessage => ({
  position: position(n),
  previous: n === 1 ? null : position(n - 1),
  epoch,
  id: `event-${n}`,
  kind: 'key',
  effect: 'ended',
  keyId: `key-${n}`,
  reason: 'owner',
  at: '2027-01-01T00:00:00.000Z',
  effectiveAt: '2027-01-01T00:00:00.000Z',
});

export const heartbeat = (n: number) => ({
  epoch: 'e1',
  head: position(n),
  lastMessage: position(n),
  provenAt: '2027-01-01T00:00:00.000Z',
});

const told = (n: number): BusEvent => ({ kind: 'message', message: message(n) });
const beat = (n: number): BusEvent => ({ kind: 'heartbeat', heartbeat: heartbeat(n) });

/**
 * What every bus must do. Each test has a bus of its own.
 * @param missing why its server is not there
 */
export const busBehaviours = (name: string, open: () => Promise<BusHarness>, missing: string | null = null): void => {
  const test = suite(`bus: ${name}`);
  test.skipUnless(missing);
  let harness: BusHarness;
  let bus: Bus;

  test.before.each(async () => {
    harness = await open();
    bus = harness.bus;
  });
  test.after.each(() => harness.dispose());

  const take = async (events: AsyncIterable<BusEvent>, count: number): Promise<BusEvent[]> => {
    const taken: BusEvent[] = [];
    for await (const event of events) {
      taken.push(event);
      if (taken.length === count) break;
    }
    return taken;
  };
  const failure = (call: () => Promise<unknown>) =>
    call().then(
      () => null,
      (error) => error,
    );

  test('has no last message at first, and then the newest', async () => {
    assert.is(await bus.last(), null);
    await bus.publish([message(1), message(2)], null);
    assert.equal(await bus.last(), { epoch: 'e1', position: position(2) });
    await bus.publish([], position(2));
    await bus.heartbeat(heartbeat(9));
    assert.equal(await bus.last(), { epoch: 'e1', position: position(2) });
  });

  test('gives each subscriber everything from then on, in order', async () => {
    const { signal } = new AbortController();
    await bus.publish([message(1)], null);
    const early = bus.subscribe(signal);
    await bus.publish([message(2), message(3)], position(1));
    const late = bus.subscribe(signal);
    await bus.heartbeat(heartbeat(3));
    await bus.publish([message(4)], position(3));
    assert.equal(await take(early, 4), [told(2), told(3), beat(3), told(4)]);
    assert.equal(await take(late, 2), [beat(3), told(4)]);
  });

  test('wakes a subscriber that waits', async () => {
    const taken = take(bus.subscribe(new AbortController().signal), 2);
    await bus.publish([message(1)], null);
    await bus.heartbeat(heartbeat(1));
    assert.equal(await taken, [told(1), beat(1)]);
  });

  test('takes nothing from a publisher that is not where the bus stands', async () => {
    const events = bus.subscribe(new AbortController().signal);
    const outOfStep = async (messages: RevocationMessage[], after: string | null) =>
      assert.ok(failedWith(await failure(() => bus.publish(messages, after)), 'bus-out-of-step'));
    await outOfStep([message(2)], position(1));
    await bus.publish([message(1), message(2)], null);
    await outOfStep([message(2)], null);
    await outOfStep([message(2)], position(1));
    await outOfStep([message(4)], position(3));
    await bus.publish([message(3)], position(2));
    assert.equal(await take(events, 3), [told(1), told(2), told(3)]);
  });

  test('lets one of two publishers be first', async () => {
    const results = await Promise.allSettled([bus.publish([message(1)], null), bus.publish([message(1)], null)]);
    assert.equal(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  });

  test('takes the first message of another log after nothing', async () => {
    await bus.publish([message(7)], null);
    await bus.publish([message(1, 'e2')], null);
    assert.equal(await bus.last(), { epoch: 'e2', position: position(1) });
    await bus.publish([message(2, 'e2')], position(1));
    assert.ok(failedWith(await failure(() => bus.publish([message(3, 'e2')], null)), 'bus-out-of-step'));
  });

  test('ends a subscription at its signal: waiting, in the middle, and before it began', async () => {
    const ended = async (begin: (abort: AbortController) => Promise<BusEvent[]>) =>
      (await begin(new AbortController())).length;
    const waiting = await ended(async (abort) => {
      const all = take(bus.subscribe(abort.signal), 100);
      abort.abort();
      return all;
    });
    const inTheMiddle = await ended(async (abort) => {
      const events = bus.subscribe(abort.signal);
      await bus.publish([message(1), message(2), message(3)], null);
      const seen: BusEvent[] = [];
      for await (const event of events) {
        seen.push(event);
        abort.abort();
      }
      return seen;
    });
    const before = await ended((abort) => {
      abort.abort();
      return take(bus.subscribe(abort.signal), 100);
    });
    assert.equal([waiting, inTheMiddle, before], [0, 1, 0]);
  });

  test('goes on for the others when one subscriber leaves', async () => {
    const { signal } = new AbortController();
    const leaving = bus.subscribe(signal);
    const staying = bus.subscribe(signal);
    await bus.publish([message(1)], null);
    assert.equal(await take(leaving, 1), [told(1)]);
    await bus.publish([message(2)], position(1));
    assert.equal(await take(staying, 2), [told(1), told(2)]);
  });

  test('ends its subscriptions when it closes, and says that it is closed', async () => {
    const events = bus.subscribe(new AbortController().signal);
    await bus.publish([message(1)], null);
    await bus.close();
    assert.equal(await take(events, 100), [told(1)]);
    for (const call of [
      () => bus.last(),
      () => bus.publish([message(2)], position(1)),
      () => bus.heartbeat(heartbeat(1)),
    ]) {
      assert.ok(failedWith(await failure(call), 'bus-unavailable'));
    }
  });

  test.run();
};
