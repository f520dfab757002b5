import * as assert from 'uvu/assert';
import { createClock } from '../../../sdk/src/core/clock.ts';
import { suite } from '../../support/suite.ts';

const clock = suite("the verifier's look at the clock");

clock('tells the time as of the last look, and whether it has leapt ahead', () => {
  let wall = 1_000_000;
  const { at, look } = createClock({ monotonic: () => 10, wall: () => wall });
  assert.is(at(10), 1_000_000);
  for (const [passed, set, leapt] of [
    [250, 0, false],
    [250, 3_000, false],
    [250, 3_001, true],
    [250, -3_600_000, false],
    [250, 3_600_000, true],
    [3_600_000, 0, false],
  ] as const) {
    const now = 10 + passed;
    const before = at(now);
    wall = before + set;
    assert.is(look(now), leapt, String(set));
    assert.is(at(now), before + set);
  }
});

clock.run();
