import * as assert from 'uvu/assert';
import { createKnown } from '../../../sdk/src/core/known.ts';
import { suite } from '../../support/suite.ts';
import { message } from './bed.ts';
import { entryOf } from './entry.ts';

const known = suite('the keys that are known to work');

const startedAt = Date.parse('2030-01-01T00:00:00Z');
const minuteMs = 60_000;

const createRig = () => {
  const world = { now: 0, epoch: 'e1', from: '10', serverTime: startedAt, chance: 0 };
  const noted: unknown[] = [];
  const made = createKnown({
    cacheSize: 10,
    place: { epoch: () => world.epoch, from: () => world.from },
    proof: { serverTime: () => world.serverTime },
    clock: { at: (now) => startedAt + now },
    usage: { note: (entry, at, ip) => noted.push([entry.key.keyId, at, ip]) },
    surroundings: { monotonic: () => world.now, random: () => world.chance },
  });
  const keep = (more: object = {}, { askedAt = 0, epoch = 'e1', name = 'key-1' } = {}) =>
    made.keep(name, { ...entryOf('', name).key, position: '10', ...more }, askedAt, epoch);
  const counts = (scopes: readonly string[] = [], now = world.now) => made.counts(made.find('key-1')!, scopes, now);
  return { ...made, keep, counts, world, noted };
};

known('a key of this log, as of where it is followed from or later', () => {
  const rig = createRig();
  rig.keep({}, { epoch: 'e2' });
  rig.keep({ position: '09' });
  assert.is(rig.size(), 0);
  rig.keep();
  assert.is(rig.size(), 1);
});

known('for a quarter of an hour from when it was asked for, and a look beside it some minutes earlier', () => {
  for (const [chance, refreshAt] of [
    [0, 9],
    [0.5, 10.5],
    [1, 12],
  ] as const) {
    const rig = createRig();
    rig.world.chance = chance;
    rig.keep({}, { askedAt: 1_000 });
    assert.is(rig.find('key-1')!.refreshAt, 1_000 + refreshAt * minuteMs);
    assert.is(rig.counts([], 1_000 + 15 * minuteMs - 1), true);
    assert.is(rig.counts([], 1_000 + 15 * minuteMs), false);
  }
});

known('until its own end, by this clock or by the server', () => {
  const rig = createRig();
  const expiresAt = new Date(startedAt + minuteMs).toISOString();
  rig.keep({ expiresAt });
  assert.equal([rig.counts([], minuteMs - 1), rig.counts([], minuteMs)], [true, false]);
  rig.world.serverTime = startedAt + minuteMs;
  assert.is(rig.counts(), false);
  rig.keep({ expiresAt });
  assert.is(rig.find('key-1'), undefined, 'one that is past its end is forgotten');
});

known('with the scopes that it has', () => {
  const rig = createRig();
  rig.keep({ scopes: ['a:read'] });
  assert.equal([rig.counts(), rig.counts(['a:read']), rig.counts(['a:read', 'a:write'])], [true, true, false]);
});

known('a use gets the same answer each time, and is noted', async () => {
  const rig = createRig();
  rig.keep();
  const entry = rig.find('key-1')!;
  assert.is(rig.use(entry, '192.0.2.7', 5), rig.use(entry, undefined, 6));
  assert.is((await entry.answer).keyId, 'key-1');
  assert.equal(rig.noted, [
    ['key-1', 5, '192.0.2.7'],
    ['key-1', 6, undefined],
  ]);
});

known('a message takes away what it speaks of', () => {
  for (const [about, left] of [
    [{ kind: 'key', keyId: 'key-1' }, ['key-2', 'key-3']],
    [{ kind: 'owner', ownerId: 'owner-1', keyId: undefined }, []],
    [{ kind: 'owner', ownerId: 'owner-2', keyId: undefined }, ['key-1', 'key-2', 'key-3']],
    [{ kind: 'all', keyId: undefined }, []],
  ] as const) {
    const rig = createRig();
    const names = ['key-1', 'key-2', 'key-3'];
    for (const name of names) rig.keep({}, { name });
    rig.forget(message('11', '10', about));
    assert.equal(
      names.filter((name) => rig.find(name) !== undefined),
      left,
    );
  }
});

known.run();
