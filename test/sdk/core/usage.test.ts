import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Entry } from '../../../sdk/src/core/memory.ts';
import { createUsage } from '../../../sdk/src/core/usage.ts';
import { suite } from '../../support/suite.ts';
import { entryOf } from './entry.ts';

const usage = suite('what the verifier reports of uses');

type Item = { readonly keyId: string; readonly lastAt: string; readonly count: number; readonly ip?: string };

const startedAt = Date.parse('2030-01-01T00:00:00Z');

/** A server that refuses as a whole whatever holds something wrong. */
const createRig = (isWrong: (item: Item) => boolean = () => false, most = 100_000) => {
  const reports: { readonly items: readonly Item[]; readonly status: number }[] = [];
  let now = 0;
  let down: number | null = null;
  const calls = {
    send: async (_method: string, _path: string, body?: unknown) => {
      const { items } = body as { items: readonly Item[] };
      const status = down ?? (items.length === 0 || items.some(isWrong) ? 400 : 204);
      reports.push({ items, status });
      return { status, body: undefined };
    },
  };
  const reported = createUsage(calls, most, { monotonic: () => now, wall: () => startedAt + now });
  return {
    ...reported,
    reports,
    taken: () => reports.filter(({ status }) => status === 204).flatMap(({ items }) => items),
    setNow: (ms: number) => {
      now = ms;
    },
    answer: (status: number | null) => {
      down = status;
    },
    use: (entries: readonly Entry[], ip?: string) => {
      for (const entry of entries) reported.note(entry, now, ip);
    },
  };
};

const entries = (count: number) => Array.from({ length: count }, (_, nth) => entryOf(`hash ${nth}`, `key-${nth}`));
const idsOf = (items: readonly Item[]) => items.map(({ keyId }) => keyId).sort();

usage('says how often, when and from where each key was used last, and then no more', async () => {
  const rig = createRig();
  const [one, other] = entries(2);
  rig.use([one!, one!], '192.0.2.7');
  rig.setNow(1_000);
  rig.use([one!], '::ffff:192.0.2.8');
  rig.use([other!], 'nowhere');
  rig.setNow(5_000);
  await rig.flush();
  const lastAt = '2030-01-01T00:00:01.000Z';
  assert.equal(rig.taken(), [
    { keyId: 'key-0', lastAt, count: 3, ip: '192.0.2.8' },
    { keyId: 'key-1', lastAt, count: 1 },
  ]);
  await rig.flush();
  assert.is(rig.reports.length, 1);
});

usage('a use that came from nobody knows where claims no address of one before it', async () => {
  const rig = createRig();
  const [one] = entries(1);
  rig.use([one!], '192.0.2.7');
  rig.use([one!]);
  await rig.flush();
  assert.equal(
    rig.taken().map(({ count, ip }) => [count, ip]),
    [[2, undefined]],
  );
});

usage('an address that the server refuses costs no use', async () => {
  const rig = createRig(({ ip }) => ip === '192.0.2.7');
  const all = entries(1000);
  rig.use(all.slice(0, 500), '192.0.2.7');
  rig.use(all.slice(500), '192.0.2.8');
  await rig.flush();
  assert.is(rig.taken().length, 1000);
  assert.is(rig.reports.length, 2);
});

usage('one that is wrong costs nobody else, and is given up once it was refused alone', async () => {
  const rig = createRig(({ keyId }) => keyId === 'key-617');
  const all = entries(2500);
  rig.use(all, '192.0.2.7');
  await rig.flush();
  assert.equal(
    idsOf(rig.taken()),
    idsOf(all.filter((_, nth) => nth !== 617).map(({ key: { keyId } }) => ({ keyId }) as Item)),
  );
  assert.ok(rig.reports.length < 30, `${rig.reports.length} reports`);
  const before = rig.reports.length;
  await rig.flush();
  assert.is(rig.reports.length, before);
});

usage('whatever is wrong, each of the others is reported once, in so many calls and no more', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(1_199), { maxLength: 1_200 }), async (wrong) => {
      const bad = new Set(wrong.map((nth) => `key-${nth}`));
      const rig = createRig(({ keyId }) => bad.has(keyId));
      const all = entries(1_200);
      rig.use(all);
      // What is left over each time is less.
      for (let before = -1; rig.reports.length !== before; ) {
        before = rig.reports.length;
        await rig.flush();
        assert.ok(rig.reports.length - before <= 110, `${rig.reports.length - before} calls`);
      }
      const good = all.map(({ key }) => key.keyId).filter((keyId) => !bad.has(keyId));
      assert.equal(idsOf(rig.taken()), good.sort());
    }),
    { numRuns: 20, seed: 7 },
  );
});

usage('what nobody takes now is reported later, with what came meanwhile', async () => {
  for (const status of [0, 401, 429, 500, 503]) {
    const rig = createRig();
    const all = entries(1_500);
    rig.use(all, '192.0.2.7');
    rig.answer(status);
    await rig.flush();
    assert.is(rig.reports.length, 1);
    rig.use(all.slice(0, 1), '192.0.2.8');
    rig.answer(null);
    await rig.flush();
    const taken = rig.taken();
    assert.is(taken.length, 1_500);
    assert.equal(
      taken.filter(({ count }) => count > 1).map(({ keyId, count, ip }) => [keyId, count, ip]),
      [['key-0', 2, '192.0.2.8']],
    );
  }
});

usage('too many: those that waited longest make room, and nothing is reported that was not used', async () => {
  const rig = createRig(({ count }) => count < 1, 1_500);
  const all = entries(3_000);
  rig.use(all.slice(0, 1_500));
  const first = rig.flush();
  // They make room for others while the first thousand are on their way.
  rig.use(all.slice(1_500));
  await first;
  await rig.close();
  assert.equal(
    rig.reports.filter(({ status }) => status !== 204),
    [],
  );
  const taken = idsOf(rig.taken());
  assert.is(new Set(taken).size, taken.length);
  assert.is(taken.length, 2_500);
});

usage('closing waits for what is being reported, then reports the rest', async () => {
  const rig = createRig();
  const [one, other] = entries(2);
  rig.use([one!]);
  const first = rig.flush();
  rig.use([other!]);
  await rig.close();
  await first;
  assert.equal(
    rig.reports.map(({ items }) => idsOf(items)),
    [['key-0'], ['key-1']],
  );
});

usage.run();
