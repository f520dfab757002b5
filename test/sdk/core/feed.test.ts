import * as assert from 'uvu/assert';
import { createFeed } from '../../../sdk/src/core/feed.ts';
import { createPlace } from '../../../sdk/src/core/place.ts';
import { createProof } from '../../../sdk/src/core/proof.ts';
import type { FeedPlace, Hearing, Reply } from '../../../sdk/src/core/surroundings.ts';
import { createTrust } from '../../../sdk/src/core/trust.ts';
import { suite } from '../../support/suite.ts';
import { createTime } from '../simulation/time.ts';
import { message, startedAt } from './bed.ts';

const feed = suite('following the feed');

const page = (head: string, items: readonly object[] = [], epoch = 'e1'): Reply => ({
  status: 200,
  body: { items, head, epoch },
});

const createRig = async (resumed = true) => {
  const time = createTime();
  const told: string[] = [];
  const confirmed: FeedPlace[] = [];
  const read: string[] = [];
  const world = { answer: (_path: string): Reply | Promise<Reply> => page('10'), connections: 0 };
  let hearing: Hearing | null = null;
  const place = createPlace();
  const proof = createProof(time.now());
  const trust = createTrust({
    ...{ proof, health: () => 'answered' as const, maxSilenceMs: 15_000, monotonic: time.now },
    live: () => {},
    changed: (state) => told.push(state),
  });
  const made = createFeed({
    ...{ place, proof, trust },
    calls: {
      send: async (_method, path) => {
        read.push(path);
        return world.answer(path);
      },
    },
    receipts: { confirm: (at) => confirmed.push(at) },
    surroundings: {
      ...{ monotonic: time.now, after: time.after, random: () => 1, wall: () => startedAt + time.now() },
      follow: (_place: FeedPlace, heard: Hearing) => {
        world.connections++;
        hearing = heard;
        heard.opened(resumed);
        return () => {
          hearing = null;
        };
      },
    } as never,
    forget: ({ position }) => told.push(`forget ${position}`),
    forgetAll: () => told.push('forget all'),
    news: ({ position }) => told.push(`news ${position}`),
    refused: ({ code }) => told.push(code),
  });
  const pass = (ms: number) => time.runUntil(time.now() + ms);
  const heartbeat = (head: string, lastMessage: string | null, epoch = 'e1') =>
    hearing!.heartbeat({ epoch, head, lastMessage, provenAt: new Date(startedAt + time.now()).toISOString() });
  made.start();
  await pass(10);
  return {
    ...{ ...made, world, place, trust, told, confirmed, read, pass, heartbeat },
    hearing: () => hearing!,
    /** What it was told since this was asked for. */
    since: () => told.splice(0),
  };
};

feed('goes on from the head, confirms it, and is live once it has heard that nothing is missing', async () => {
  const rig = await createRig();
  assert.equal(rig.read, ['/v1/revocations?limit=1']);
  assert.equal(rig.confirmed[0], { epoch: 'e1', position: '10' });
  rig.heartbeat('10', '10');
  assert.equal([rig.since(), rig.trust.state()], [['live'], 'live']);
});

feed('a message is forgotten first, then taken in, confirmed and told, however often it comes', async () => {
  const rig = await createRig();
  rig.heartbeat('10', '10');
  rig.since();
  rig.hearing().message(message('11', '10'));
  assert.equal(rig.since(), ['forget 11', 'news 11']);
  assert.equal(rig.confirmed.at(-1), { epoch: 'e1', position: '11' });
  rig.hearing().message(message('11', '10'));
  assert.equal(rig.since(), ['forget 11']);
  assert.is(rig.lastHeardAt(), startedAt + 10);
});

feed('a gap: distrust until what is missing was read', async () => {
  const rig = await createRig();
  rig.heartbeat('10', '10');
  rig.since();
  rig.world.answer = (path) =>
    path.includes('after=10&') ? page('12', [message('11', '10'), message('12', '11')]) : page('12');
  rig.hearing().message(message('12', '11'));
  assert.equal(rig.since(), ['forget 12', 'catching-up', 'news 12']);
  assert.is(rig.confirmed.at(-1)!.position, '10', 'not what is beyond it');
  await rig.pass(1_000);
  assert.equal(rig.since(), ['forget 11', 'news 11', 'forget 12', 'live']);
  assert.is(rig.confirmed.at(-1)!.position, '12');
});

feed('a heartbeat that speaks of more than was heard proves nothing until that has come', async () => {
  const rig = await createRig();
  rig.heartbeat('12', '11');
  assert.is(rig.trust.state(), 'catching-up');
  rig.hearing().message(message('11', '10'));
  assert.is(rig.trust.state(), 'live');
  assert.is(rig.place.position(), '12');
  rig.since();
  const before = rig.read.length;
  rig.heartbeat('14', '13');
  await rig.pass(249);
  assert.equal(rig.since(), []);
  await rig.pass(1);
  assert.equal([rig.since()[0], rig.read.length], ['catching-up', before + 1]);
});

feed('another log: everything is forgotten, and it goes on from its head', async () => {
  const rig = await createRig();
  rig.heartbeat('10', '10');
  rig.since();
  rig.world.answer = (path) => (path.includes('epoch=e1') ? { status: 410, body: undefined } : page('03', [], 'e2'));
  rig.heartbeat('03', null, 'e2');
  assert.equal(rig.since(), ['catching-up']);
  await rig.pass(1_000);
  rig.heartbeat('03', null, 'e2');
  assert.equal(rig.since(), ['forget all', 'live']);
  assert.equal(rig.confirmed.at(-1), { epoch: 'e2', position: '03' });
});

feed('what is spoilt, and a connection that knows nothing of its place, are reasons for distrust', async () => {
  const rig = await createRig();
  for (const spoil of [() => rig.hearing().spoilt(), () => rig.hearing().closed(410), () => rig.distrust()]) {
    rig.heartbeat('10', '10');
    await rig.pass(500);
    rig.heartbeat('10', '10');
    assert.is(rig.trust.state(), 'live');
    spoil();
    assert.is(rig.trust.state(), 'catching-up');
    await rig.pass(1_000);
  }
});

feed('where others could say again what was said, nothing is proven before the server was asked', async () => {
  const rig = await createRig(false);
  let answer: (reply: Reply) => void = () => {};
  rig.world.answer = () => new Promise((resolve) => (answer = resolve));
  rig.hearing().closed();
  await rig.pass(1_000);
  rig.heartbeat('10', '10');
  assert.is(rig.trust.state(), 'catching-up');
  answer(page('10'));
  await rig.pass(1);
  rig.heartbeat('10', '10');
  assert.is(rig.trust.state(), 'live');
});

feed('why it is not followed; that the token is refused is told at once', async () => {
  const rig = await createRig();
  const cause = new Error('nobody there');
  rig.hearing().closed(undefined, cause);
  assert.is(rig.trouble(), cause);
  await rig.pass(1_000);
  assert.is(rig.trouble(), undefined, 'it is connected again');
  rig.since();
  rig.hearing().closed(403);
  assert.equal(rig.since(), ['forbidden']);
  rig.world.answer = () => ({ status: 503, body: undefined });
  rig.distrust();
  await rig.pass(1_000);
  assert.is((rig.trouble() as { code: string }).code, 'server-error');
});

feed('one that says nothing is connected to again, and read over HTTP', async () => {
  const rig = await createRig();
  rig.heartbeat('10', '10');
  const [read, connections] = [rig.read.length, rig.world.connections];
  await rig.pass(2_900);
  rig.look(2_910);
  await rig.pass(1_000);
  assert.equal([rig.read.length, rig.world.connections], [read, connections]);
  rig.look(3_910);
  await rig.pass(1_000);
  assert.equal([rig.read.length, rig.world.connections], [read + 1, connections + 1]);
});

feed('closed, it neither reads nor connects', async () => {
  const rig = await createRig();
  rig.close();
  const { connections } = rig.world;
  const read = rig.read.length;
  rig.start();
  rig.look(60_000);
  await rig.pass(60_000);
  assert.equal([rig.read.length, rig.world.connections], [read, connections]);
});

feed.run();
