// time limit: 8 min
import { setTimeout } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { streamName } from '../../adapters/nats/stream.ts';
import { lookAt } from '../adapters/nats/parts.ts';
import { type Client, expectStatus, serviceWith, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { type NatsTap, tapBefore } from '../support/natsTap.ts';
import type { Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Nats = Awaited<ReturnType<typeof lookAt>>;

/** A process that publishes or stands by, and what it says to NATS. */
type Publisher = { server: Server; readonly tap: NatsTap };

type Context = {
  deployment: Deployment;
  api: Server;
  admin: Client;
  service: Client;
  nats: Nats;
  publishers: readonly [Publisher, Publisher];
};

const test = suite<Context>('the publisher, two processes of it');
test.skipUnless(noServers);

const startPublisher = ({ deployment }: Context, tap: NatsTap) =>
  deployment.start({ KEYLEDGER_ROLE: 'worker', KEYLEDGER_NATS: tap.url });

test.before(async (context) => {
  context.deployment = await startDeployment();
  context.api = await context.deployment.start({ KEYLEDGER_ROLE: 'api' });
  context.admin = await signIn(context.api, administrator.email, administrator.password);
  context.service = await serviceWith(context.api, context.admin, ['revocations:read']);
  context.nats = await lookAt(context.deployment.nats.url);
  expectStatus(await context.admin.put('/v1/admin/policy', { preset: 'aip' }), 200);
  await revoke(context);
  const started = async (): Promise<Publisher> => {
    const tap = await tapBefore(context.deployment.nats.port);
    return { tap, server: await startPublisher(context, tap) };
  };
  context.publishers = await Promise.all([started(), started()]);
});

test.after(async ({ deployment, nats, publishers }) => {
  await nats.close();
  await Promise.all(publishers.map(({ tap }) => tap.close()));
  await deployment.stop();
});

/** Waits for what another process does. */
const comesTrue = async (holds: () => boolean | Promise<boolean>, what: string, longestMs = 60_000) => {
  for (const until = performance.now() + longestMs; !(await holds()); await setTimeout(10))
    if (performance.now() > until) throw new Error(`never came true: ${what}`);
};

const together = 8;

/** One user has one key at a time: a new one ends the one before, and that is a message. */
const revoke = async ({ admin }: Pick<Context, 'admin'>) => {
  expectStatus(await admin.post('/v1/api-keys'), 201);
};

const revokeMany = async (context: Context, count: number, before: (nth: number) => unknown = () => {}) => {
  let next = 0;
  const revoker = async () => {
    while (next < count) {
      next += 1;
      await before(next);
      await revoke(context);
    }
  };
  await Promise.all(Array.from({ length: together }, revoker));
};

/** The feed as the API gives it: each message as its exact text. */
const feedOf = async ({ service }: Context): Promise<readonly string[]> => {
  const texts: string[] = [];
  for (let place = ''; ; ) {
    const { body } = expectStatus(await service.get(`/v1/revocations?limit=1000${place}`), 200);
    // The order of fields is kept by parsing, and the text was made by the same writer.
    texts.push(...body.items.map((item: unknown) => JSON.stringify(item)));
    if (body.items.length < 1000) return texts;
    place = `&epoch=${body.epoch}&after=${body.items.at(-1).position}`;
  }
};

/** The text of `data` in an envelope, as it lies there. */
const dataOf = (envelope: string) => {
  const found = /,"data":(\{.*\})\}$/.exec(envelope)?.[1];
  if (found === undefined) throw new Error(`no envelope: ${envelope}`);
  return found;
};

/** Waits until the stream has come to the feed's end, and compares. @returns how many messages there are */
const isFeedInStream = async (context: Context, before: readonly string[] = []): Promise<number> => {
  const feed = await feedOf(context);
  const messages = async () => (await context.nats.streams.info(streamName)).state.messages;
  await comesTrue(async () => before.length + (await messages()) >= feed.length, 'everything is published');
  const kept = (await context.nats.kept()).map(({ text }) => dataOf(text));
  assert.equal([...before, ...kept], feed);
  const chain = feed.map((text) => JSON.parse(text));
  assert.is(chain[0].previous, null);
  for (let at = 1; at < chain.length; at++) assert.is(chain[at].previous, chain[at - 1].position);
  assert.is(new Set(chain.map(({ id }) => id)).size, chain.length);
  return feed.length;
};

/** Whoever publishes now, first. */
const inTurn = async ({ publishers }: Context): Promise<readonly [Publisher, Publisher]> => {
  const [one, other] = publishers;
  const before = publishers.map(({ tap }) => tap.heartbeats());
  await comesTrue(() => publishers.some(({ tap }, at) => tap.heartbeats() > before[at]!), 'somebody sends heartbeats');
  return one.tap.heartbeats() > before[0]! ? [one, other] : [other, one];
};

test('one that stands still for 15 s is taken over from and, going on, publishes nothing', async (context) => {
  const [stopped, next] = await inTurn(context);
  let flowing = true;
  let revoked = 0;
  const flow = (async () => {
    for (; flowing; revoked++) {
      await revoke(context);
      await setTimeout(50);
    }
  })();
  flow.catch(() => {});

  // In the middle of publishing: what it has sent comes to NATS when another has long published the same.
  const caught = Promise.withResolvers<void>();
  const { tap } = stopped;
  tap.onMessage = () => {
    tap.onMessage = () => {};
    tap.hold();
    process.kill(stopped.server.pid, 'SIGSTOP');
    caught.resolve();
  };
  await caught.promise;
  const since = performance.now();
  const heartbeats = tap.heartbeats();
  const before = next.tap.messages();
  await comesTrue(() => next.tap.messages() > before, 'another takes over');
  const took = performance.now() - since;
  assert.ok(took < 10_000, `taking over took ${took} ms`);
  const revokedThen = revoked;
  await setTimeout(Math.max(0, 15_000 - (performance.now() - since)));
  tap.release();
  process.kill(stopped.server.pid, 'SIGCONT');

  const beats = next.tap.heartbeats();
  await comesTrue(() => next.tap.heartbeats() > beats + 3, 'the other goes on');
  flowing = false;
  await flow;
  assert.ok(revoked > revokedThen + 20, `${revoked} revoked, ${revokedThen} before`);
  await isFeedInStream(context);
  assert.is(tap.heartbeats(), heartbeats, 'heartbeats come from one of them');
  assert.is((await inTurn(context))[0], next);
});

test('killed twenty times among a thousand revocations, it leaves every message once, in order', async (context) => {
  const kills = 20;
  let killed = 0;
  const restarted: Promise<void>[] = [];

  const kill = async (publisher: Publisher) => {
    killed += 1;
    publisher.tap.onMessage = () => {};
    const ended = publisher.server.stop('SIGKILL');
    // What died before its message arrived, and what died after it.
    if (killed % 2 === 0) publisher.tap.cut();
    assert.is((await ended).signal, 'SIGKILL');
    publisher.server = await startPublisher(context, publisher.tap);
    dies(publisher);
  };
  /** Each at another message of those that it publishes. */
  const dies = (publisher: Publisher) => {
    const from = publisher.tap.messages();
    publisher.tap.onMessage = (count) => {
      if (killed < kills && count - from > (killed * 7) % 40) restarted.push(kill(publisher));
    };
  };
  context.publishers.forEach(dies);

  const revocations = 1_000;
  const each = revocations / kills;
  await revokeMany(context, revocations, (nth) => comesTrue(() => nth <= each * (killed + 1), 'the next one dies'));
  await comesTrue(() => killed === kills, 'the last one dies');
  await Promise.all(restarted);
  assert.ok((await isFeedInStream(context)) > 1_000);
  await inTurn(context);
});

test('a stream that is deleted while it publishes is made again, and nothing is left out', async (context) => {
  await isFeedInStream(context);
  const before = await feedOf(context);
  await context.nats.streams.delete(streamName);
  await revokeMany(context, 20);
  await comesTrue(
    () =>
      context.nats.streams.info(streamName).then(
        ({ state }) => state.messages > 0,
        () => false,
      ),
    'the stream is there again',
  );
  assert.is(await isFeedInStream(context, before), before.length + 20);
});

test.run();
