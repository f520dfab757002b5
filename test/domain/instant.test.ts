import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { instant, latestInstant, millis } from '../../domain/instant.ts';
import { suite } from '../support/suite.ts';

const instants = suite('instants');

const same = (ms: number): void => assert.is(instant(ms), new Date(ms).toISOString());

instants('any millisecond, as JavaScript writes it', () => {
  const latest = 8_640_000_000_000_000;
  const millisecond = fc.oneof(
    fc.integer({ min: -latest, max: latest }),
    fc.integer({ min: millis('0000-01-01T00:00:00.000Z'), max: millis(latestInstant) }),
    fc.integer({ min: 0, max: 4_200_000_000_000 }),
  );
  return fc.assert(
    fc.property(millisecond, (ms) => same(ms)),
    { numRuns: 2_000 },
  );
});

instants('every day of 800 years, its first and its last millisecond', () => {
  const dayMs = 86_400_000;
  for (let at = millis('1600-01-01T00:00:00.000Z'); at < millis('2400-01-02T00:00:00.000Z'); at += dayMs) {
    same(at);
    same(at - 1);
  }
});

instants('the ends of the years that have four digits', () => {
  for (const at of ['0000-01-01T00:00:00.000Z', '0000-02-29T23:59:59.999Z', '0001-01-01T00:00:00.000Z', latestInstant])
    for (const ms of [millis(at) - 1, millis(at), millis(at) + 1]) same(ms);
});

instants('fractions are cut off; what is no time has no text', () => {
  for (const ms of [0.9, -0.9, 1.5, 1_800_000_000_000.999, -0]) same(ms);
  for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 8_640_000_000_000_001]) assert.throws(() => instant(ms));
});

instants.run();
