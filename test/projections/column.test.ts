import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createColumn } from '../../projections/index/column.ts';
import { suite } from '../support/suite.ts';

const column = suite('column');

const row = fc.integer({ min: 0, max: 1_000 });
const writes = fc.array(fc.tuple(row, fc.integer()), { maxLength: 100 });

column('holds what was set last of every row, 0 of the rest, also once loaded from a copy', () =>
  fc.assert(
    fc.property(writes, writes, (before, after) => {
      const made = createColumn(Int32Array);
      const model = new Map<number, number>();
      const holds = (one: typeof made) => {
        for (let n = 0; n <= 1_100; n++) assert.is(one.get(n), model.get(n) ?? 0);
      };
      const write = (one: typeof made, all: typeof before) => {
        for (const [at, value] of all) {
          one.set(at, value);
          model.set(at, value);
        }
      };
      write(made, before);
      holds(made);
      const rows = Math.max(-1, ...model.keys()) + 1;
      const loaded = createColumn(Int32Array);
      loaded.load(new Uint8Array(made.copy(rows).buffer), rows);
      holds(loaded);
      write(loaded, after);
      holds(loaded);
    }),
  ),
);

column.run();
