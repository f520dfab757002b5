import * as assert from 'uvu/assert';
import { createEarly } from '../../../sdk/src/core/early.ts';
import { suite } from '../../support/suite.ts';
import { createTime } from '../simulation/time.ts';

const early = suite('a heartbeat that comes before its message');

const heartbeat = (lastMessage: string) => ({
  epoch: 'e1',
  head: lastMessage,
  lastMessage,
  provenAt: '2030-01-01T00:00:00Z',
});

const createRig = () => {
  const time = createTime();
  let gaps = 0;
  const kept = createEarly(time.after, () => {
    gaps++;
  });
  return { ...kept, time, gaps: () => gaps };
};

early('counts from when it came, once its message was heard, once', async () => {
  const rig = createRig();
  rig.keep(heartbeat('12'), 7);
  assert.is(rig.take('11'), null);
  assert.is(rig.take(null), null);
  assert.equal(rig.take('12'), { heartbeat: heartbeat('12'), came: 7 });
  assert.is(rig.take('13'), null);
  await rig.time.runUntil(1_000);
  assert.is(rig.gaps(), 0);
});

early('is a gap after a quarter of a second, and counts no more', async () => {
  const rig = createRig();
  rig.keep(heartbeat('12'), 0);
  await rig.time.runUntil(249);
  assert.is(rig.gaps(), 0);
  await rig.time.runUntil(250);
  assert.is(rig.gaps(), 1);
  assert.is(rig.take('12'), null);
});

early('of several the first counts the time, the last one what is awaited', async () => {
  const rig = createRig();
  rig.keep(heartbeat('12'), 0);
  await rig.time.runUntil(200);
  rig.keep(heartbeat('13'), 200);
  assert.is(rig.take('12'), null);
  await rig.time.runUntil(250);
  assert.is(rig.gaps(), 1);
  rig.keep(heartbeat('13'), 300);
  await rig.time.runUntil(499);
  assert.is(rig.gaps(), 1);
  await rig.time.runUntil(500);
  assert.is(rig.gaps(), 2);
});

early('dropped, it is no gap', async () => {
  const rig = createRig();
  rig.keep(heartbeat('12'), 0);
  rig.drop();
  await rig.time.runUntil(1_000);
  assert.equal([rig.gaps(), rig.take('12')], [0, null]);
});

early.run();
