import * as assert from 'uvu/assert';
import type { Health } from '../../../sdk/src/core/calls.ts';
import { createTrust } from '../../../sdk/src/core/trust.ts';
import { suite } from '../../support/suite.ts';

const trust = suite('whether memory may say yes');

const createRig = () => {
  const world = { now: 100_000, at: 100_000, surelyAt: 100_000, health: 'answered' as Health };
  const told: string[] = [];
  let lives = 0;
  const made = createTrust({
    proof: { at: () => world.at, surelyAt: () => world.surelyAt },
    health: () => world.health,
    maxSilenceMs: 15_000,
    monotonic: () => world.now,
    live: () => {
      lives++;
    },
    changed: (state) => told.push(state),
  });
  return { ...made, world, told, lives: () => lives };
};

trust('not before the feed was read to its end, whatever is proven', () => {
  const { update, restore, isFresh, mayRecall, state, told, world } = createRig();
  update();
  assert.equal([state(), isFresh(world.now), mayRecall(world.now)], ['catching-up', false, false]);
  restore();
  assert.equal([state(), isFresh(world.now), mayRecall(world.now)], ['live', true, true]);
  assert.equal(told, ['live']);
});

trust('for 3 s after a proof; where nobody answers it may be recalled for as long as silence is borne', () => {
  const { restore, isFresh, mayRecall } = createRig();
  restore();
  assert.equal([102_999, 103_000].map(isFresh), [true, false]);
  assert.equal([115_000, 115_001].map(mayRecall), [true, false]);
});

trust('never for longer than silence is borne after what is surely proven', () => {
  const { restore, isFresh, mayRecall, world } = createRig();
  world.surelyAt = 86_000;
  restore();
  assert.equal([100_999, 101_000].map(isFresh), [true, false]);
  assert.is(mayRecall(101_001), false);
});

trust('distrusted it is not even recalled, until the feed was read again', () => {
  const { restore, distrust, isFresh, mayRecall, state, told, world } = createRig();
  restore();
  distrust();
  assert.equal([state(), isFresh(world.now), mayRecall(world.now)], ['catching-up', false, false]);
  restore();
  assert.equal(told, ['live', 'catching-up', 'live']);
});

trust('stale where nothing is proven for so long and the server does not answer; not where it does', () => {
  for (const health of ['answered', 'failing', 'silent'] as const) {
    const { restore, state, world } = createRig();
    restore();
    Object.assign(world, { health, now: 115_001 });
    assert.is(state(), health === 'answered' ? 'catching-up' : 'stale');
    world.now = 115_000;
    assert.is(state(), 'catching-up');
  }
});

trust('a change is told once, that it is live whenever it is looked at', () => {
  const { restore, update, told, lives, world } = createRig();
  restore();
  update();
  assert.equal([told, lives()], [['live'], 2]);
  world.now = 103_000;
  update();
  update();
  assert.equal([told, lives()], [['live', 'catching-up'], 2]);
});

trust('closed it is over, and nothing is told', () => {
  const { restore, close, isFresh, mayRecall, told, world } = createRig();
  restore();
  close();
  restore();
  assert.equal([isFresh(world.now), mayRecall(world.now), told], [false, false, ['live']]);
});

trust.run();
