import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import { systemClock } from '../../../adapters/node/systemClock.ts';
import { failedWith } from '../../../commands/failure.ts';
import type { Bus, BusEvent } from '../../../commands/ports/bus.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { publisher } from '../../../workers/publisher.ts';
import { type NatsServer, noNatsToStop, startNats } from '../../servers/nats.ts';
import { eventually } from '../../support/eventually.ts';
import { quiet } from '../../support/listsBed.ts';
import { suite } from '../../support/suite.ts';
import { createToldIndex, positionOf } from '../../support/toldIndex.ts';
import { heartbeat, message } from '../busSuite.ts';
import { isSigned, lookAt, openBus } from './parts.ts';

const test = suite('NATS: away, killed, stopped, emptied');
test.skipUnless(noNatsToStop);

const clock = systemClock();
const scheduler = systemScheduler();

/** What the test began, ended in the opposite order whatever happens. */
const ends: (() => unknown)[] = [];
test.after.each(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const serve = async (): Promise<NatsServer> => {
  const server = await startNats();
  ends.push(server.stop);
  return server;
};

const open = async (url: string): Promise<Bus> => {
  const bus = await openBus(url);
  ends.push(bus.close);
  return bus;
};

/** A log, and publishers that put it on the bus. */
const publishing = () => {
  const log = createToldIndex(clock);
  const run = (bus: Bus, processId: string, vault: Vault) => {
    const worker = publisher({ clock, scheduler, log: quiet, index: log.index, bus, vault, processId });
    const stop = new AbortController();
    const running = worker.run(stop.signal);
    const end = async () => {
      stop.abort();
      await running;
    };
    ends.push(end);
    return { ...worker, end };
  };
  return { ...log, run };
};

type Told = Pick<ReturnType<typeof message>, 'id' | 'position' | 'previous'>;

const inStream = async (url: string): Promise<readonly Told[]> => {
  const raw = await lookAt(url);
  try {
    const kept = await raw.kept();
    assert.ok(kept.every(isSigned));
    return kept.map(({ text }) => JSON.parse(text).data);
  } finally {
    await raw.close();
  }
};

/** Events of the log from the second on: the first is no message. */
const ids = (count: number, from = 1) => Array.from({ length: count }, (_, at) => `event-${from + at + 1}`);
const chained = (messages: readonly Told[]) =>
  messages.every(({ previous }, at) => at === 0 || previous === messages[at - 1]!.position);

const stands = async (bus: Bus, position: string) => {
  const last = await bus.last().catch(() => null);
  return last?.position === position;
};

const failure = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (error: unknown) => error,
  );

test('what was revoked reaches who listens, in order, and then the heartbeat', async () => {
  const server = await serve();
  const [bus, ear] = [await open(server.url), await open(server.url)];
  const stop = new AbortController();
  const events = ear.subscribe(stop.signal);
  await ear.last();
  const log = publishing();
  log.revoke(700);
  log.run(bus, 'a', createMemoryVault(clock));
  await eventually(() => stands(bus, positionOf(701)));
  log.revoke(300);
  await eventually(() => stands(bus, positionOf(1_001)));
  log.prove();
  const heard: Told[] = [];
  for await (const event of events) {
    if (event.kind === 'message') heard.push(event.message);
    else {
      assert.is(event.heartbeat.lastMessage, positionOf(1_001));
      break;
    }
  }
  assert.equal(
    heard.map(({ id }) => id),
    ids(1_000),
  );
  assert.is(heard[0]!.previous, null);
  assert.ok(chained(heard));
});

test('killed in the middle, three times, every message is there once, in order', async () => {
  const server = await serve();
  const log = publishing();
  // Two of them: the one that does not hold the lease takes over, or is too late.
  const vault = createMemoryVault(clock);
  const bus = await open(server.url);
  log.run(bus, 'a', vault);
  log.run(await open(server.url), 'b', vault);
  for (let kill = 0; kill < 3; kill++) {
    log.revoke(1_500);
    const from = kill * 1_500;
    await eventually(async () => ((await bus.last().catch(() => null))?.position ?? '') > positionOf(from + 100));
    await server.kill();
    assert.ok(failedWith(await failure(bus.last()), 'bus-unavailable'));
    await server.start();
  }
  await eventually(() => stands(bus, positionOf(4_501)));
  const messages = await inStream(server.url);
  assert.equal(
    messages.map(({ id }) => id),
    ids(4_500),
  );
  assert.ok(chained(messages));
});

test('away, everything fails at once; back, everything goes on', async () => {
  const server = await serve();
  const bus = await open(server.url);
  const stop = new AbortController();
  const events = bus.subscribe(stop.signal)[Symbol.asyncIterator]();
  await bus.publish([message(1)], null);
  assert.equal((await events.next()).value, { kind: 'message', message: message(1) });
  await server.kill();
  for (const call of [
    () => bus.publish([message(2)], message(1).position),
    () => bus.last(),
    () => bus.heartbeat(heartbeat(1)),
  ])
    assert.ok(failedWith(await failure(call()), 'bus-unavailable'));
  const late = bus.subscribe(stop.signal)[Symbol.asyncIterator]();
  await server.start();
  await eventually(() => stands(bus, message(1).position));
  await bus.publish([message(2)], message(1).position);
  for (const one of [events, late])
    assert.equal((await one.next()).value, { kind: 'message', message: message(2) } satisfies BusEvent);
});

test('what is on its way when the connection is lost fails at once', async () => {
  const server = await serve();
  const bus = await open(server.url);
  await bus.publish([message(1)], null);
  await server.pause();
  const publishing = failure(bus.publish([message(2)], message(1).position));
  const beating = failure(bus.heartbeat(heartbeat(1)));
  const asking = failure(bus.last());
  await server.kill();
  for (const failed of [publishing, beating, asking]) assert.ok(failedWith(await failed, 'bus-unavailable'));
});

test('not there when the bus is opened: it goes on when it comes', async () => {
  const server = await serve();
  await server.kill();
  const bus = await open(server.url);
  assert.ok(failedWith(await failure(bus.last()), 'bus-unavailable'));
  const events = bus.subscribe(new AbortController().signal)[Symbol.asyncIterator]();
  const log = publishing();
  log.revoke(3);
  const worker = log.run(bus, 'a', createMemoryVault(clock));
  await eventually(() => worker.state().failures > 1);
  await server.start(true);
  const heard = [await events.next(), await events.next(), await events.next()];
  assert.equal(
    heard.map(({ value }) => value.message.id),
    ids(3),
  );
});

test('back with an empty store, it gets what it had not taken yet', async () => {
  const server = await serve();
  const bus = await open(server.url);
  const vault = createMemoryVault(clock);
  const log = publishing();
  const worker = log.run(bus, 'a', vault);
  log.revoke(5);
  await eventually(async () => (await vault.get('checkpoint', 'publisher'))?.value.includes('event-6') ?? false);
  await server.kill();
  log.revoke(4);
  await eventually(() => worker.state().failures > 0);
  await server.start(true);
  await eventually(() => stands(bus, positionOf(10)));
  const messages = await inStream(server.url);
  assert.equal(
    messages.map(({ id }) => id),
    ids(4, 6),
  );
  assert.is(messages[0]!.previous, positionOf(6), 'the chain goes on');
});

test('emptied, and nobody knows how far it had come: it is filled from the beginning of the log', async () => {
  const server = await serve();
  const bus = await open(server.url);
  const log = publishing();
  log.revoke(600);
  const first = log.run(bus, 'a', createMemoryVault(clock));
  await eventually(() => stands(bus, positionOf(601)));
  await first.end();
  await server.kill();
  await server.start(true);
  log.run(bus, 'b', createMemoryVault(clock));
  log.revoke(2);
  await eventually(() => stands(bus, positionOf(603)));
  const messages = await inStream(server.url);
  assert.equal(
    messages.map(({ id }) => id),
    ids(602),
  );
  assert.ok(chained(messages));
});

test('standing still, it is given up; going on, it has every message once', async () => {
  const server = await serve();
  const bus = await open(server.url);
  const log = publishing();
  const worker = log.run(bus, 'a', createMemoryVault(clock));
  log.revoke(10);
  await eventually(() => stands(bus, positionOf(11)));
  await server.pause();
  log.revoke(10);
  // Its client asks every two seconds whether it is there, and the answer to a message is awaited for five.
  for (let tries = 0; worker.state().failures === 0 && tries < 12; tries++) await scheduler.sleep(1_000);
  assert.match(worker.state().lastError ?? '', /NATS/);
  await server.resume();
  log.revoke(10);
  await eventually(() => stands(bus, positionOf(31)));
  const messages = await inStream(server.url);
  assert.equal(
    messages.map(({ id }) => id),
    ids(30),
  );
  assert.ok(chained(messages));
});

test('closes where nobody answers', async () => {
  const server = await serve();
  const [away, still] = [await openBus(server.url), await openBus(server.url)];
  const events = still.subscribe(new AbortController().signal);
  await server.pause();
  await still.close();
  for await (const event of events) assert.unreachable(`${event.kind} out of nothing`);
  await server.resume();
  await server.kill();
  await away.close();
  assert.ok(failedWith(await failure(away.last()), 'bus-unavailable'));
});

test.run();
