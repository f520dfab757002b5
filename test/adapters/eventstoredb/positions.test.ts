import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isLogPosition, logPositionOf, positionOf } from '../../../adapters/eventstoredb/positions.ts';
import { suite } from '../../support/suite.ts';

const test = suite('EventStoreDB: positions');

const last = 2n ** 63n - 1n;
const number = fc.bigInt({ min: 0n, max: last });
const logPosition = fc.record({ commit: number, prepare: number });

test('are of one width and come back as they were', async () => {
  await fc.assert(
    fc.property(logPosition, (position) => {
      const text = positionOf(position);
      assert.match(text, /^[0-9a-f]{32}$/);
      assert.equal(logPositionOf(text), { ...position });
    }),
  );
});

test('sort as the log does', async () => {
  const near = fc.record({ commit: fc.bigInt({ min: 0n, max: 40n }), prepare: fc.bigInt({ min: 0n, max: 40n }) });
  await fc.assert(
    fc.property(fc.oneof(near, logPosition), fc.oneof(near, logPosition), (a, b) => {
      const before = a.commit < b.commit || (a.commit === b.commit && a.prepare < b.prepare);
      assert.is(positionOf(a) < positionOf(b), before);
    }),
  );
});

test('are nothing else', async () => {
  for (const text of [
    '',
    '0',
    'f'.repeat(32),
    '0'.repeat(31),
    '0'.repeat(33),
    'G'.repeat(32),
    'A'.repeat(32),
    ' '.repeat(32),
  ])
    assert.is(logPositionOf(text), null);
  await fc.assert(
    fc.property(fc.string(), (text) => {
      const found = logPositionOf(text);
      assert.ok(found === null || positionOf(found) === text);
    }),
  );
});

test('are there only where the server says where', async () => {
  assert.not.ok(isLogPosition(undefined));
  // What the server says for "none".
  assert.not.ok(isLogPosition({ commit: 2n ** 64n - 1n, prepare: 2n ** 64n - 1n }));
  assert.not.ok(isLogPosition({ commit: -1n, prepare: -1n }));
  assert.ok(isLogPosition({ commit: 733n, prepare: 0n }));
});

test.run();
