import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createUseRows, withoutForgotten } from '../../workers/useRows.ts';
import { suite } from '../support/suite.ts';

const rows = suite('uses of keys, as rows');

const idOf = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;

type Shown = { ownerId: string; at: number; ip: string | null; writtenAt: number; dirty: boolean };

const shown = (uses: ReturnType<typeof createUseRows>) =>
  new Map(
    Array.from({ length: uses.size() }, (_, row) => row)
      .filter((row) => !uses.isForgotten(row))
      .map((row): [string, Shown] => [
        uses.keyId(row),
        {
          ownerId: uses.ownerId(row),
          at: uses.at(row),
          ip: uses.ip(row),
          writtenAt: uses.writtenAt(row),
          dirty: uses.isDirty(row),
        },
      ]),
  );

const step = fc.record({
  key: fc.integer({ min: 0, max: 9 }),
  at: fc.integer({ min: 0, max: 1_000 }),
  ip: fc.option(fc.constantFrom('192.0.2.1', '192.0.2.2'), { nil: null }),
  what: fc.constantFrom('use' as const, 'written' as const, 'unwritten' as const, 'forget' as const),
});

rows('hold what a map of objects would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const uses = createUseRows();
      const model = new Map<string, Shown>();
      for (const { key, at, ip, what } of steps) {
        const [keyId, ownerId] = [idOf(key), idOf(key % 3)];
        const known = model.get(keyId);
        let row = uses.find(keyId);
        if (what === 'use') {
          if (row < 0) row = uses.add(keyId, ownerId);
          uses.use(row, at, ip);
          model.set(keyId, { ownerId, at, ip, writtenAt: known?.writtenAt ?? Number.NEGATIVE_INFINITY, dirty: true });
        } else if (known !== undefined) {
          if (what === 'forget') {
            uses.forget(row);
            model.delete(keyId);
          } else {
            uses[what](row, at);
            model.set(keyId, { ...known, writtenAt: at, dirty: what === 'unwritten' });
          }
        }
      }
      assert.equal(shown(uses), model);
      assert.is(uses.size() - uses.forgottenRows(), model.size);
    }),
  );
});

rows('are made anew without the forgotten ones, where those are most', () => {
  const uses = createUseRows();
  for (let n = 0; n < 30_000; n++) uses.use(uses.add(idOf(n), idOf(n % 7)), n, n % 2 === 0 ? '192.0.2.1' : null);
  for (let row = 0; row < 20_500; row++) uses.forget(row);
  uses.written(25_000, 5);
  const before = shown(uses);
  const kept = withoutForgotten(uses);
  assert.is(kept.size(), 9_500);
  assert.equal(shown(kept), before);
  assert.is(withoutForgotten(kept), kept);
});

rows('do not keep every address that ever was', () => {
  const uses = createUseRows();
  const row = uses.add(idOf(1), idOf(2));
  for (let n = 0; n < 20_000; n++) uses.use(row, n, `192.0.2.${n}`);
  const kept = withoutForgotten(uses);
  assert.is(kept.addresses(), 1);
  assert.is(kept.ip(0), '192.0.2.19999');
});

rows.run();
