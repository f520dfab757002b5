import * as assert from 'uvu/assert';
import type { Delay } from '../../bench/delay.ts';
import type { Figure } from '../../bench/figure.ts';
import { warningOf } from '../../bench/machine.ts';
import { pageOf, type Run, tableOf, trialsTableOf } from '../../bench/report.ts';
import type { Trial } from '../../bench/trial.ts';
import { suite } from '../support/suite.ts';

const report = suite('the page of the benchmarks');

const same = { median: 1, min: 1, max: 1 };
const run: Run = {
  at: '2026-01-01T00:00:00.000Z',
  machine: { processor: 'one', cores: 2, memoryGiB: 4, system: 'any', node: 'v24', sqlite: '3' },
  warning: null,
  failures: [],
  loads: { speed: 0.1 },
  results: [
    {
      name: 'speed',
      unit: 'turns/s',
      goal: 2,
      reached: false,
      rounds: 3,
      baseline: { median: 1_000, min: 900, max: 1_100 },
      product: { median: 1_500, min: 1_400, max: 1_600 },
      ratio: { median: 1.5, min: 1.4, max: 1.6 },
      more: { 'product p99 ms': 7 },
    },
    {
      name: 'told',
      unit: 'turns/s',
      goal: null,
      reached: null,
      rounds: 1,
      baseline: same,
      product: same,
      ratio: same,
      more: {},
    },
  ],
  delays: [
    {
      name: 'way',
      goalMs: 20,
      rows: [{ setup: 'near', way: 'wire', count: 9, p50Ms: 1, p99Ms: 21, reached: false }],
      skipped: [{ setup: 'far', reason: 'there is none' }],
    },
  ],
  trials: [
    {
      name: 'storm',
      rows: [{ what: 'wait', unit: 's', value: 4, baseline: 2, ratio: 2, goal: { atMost: 60 }, reached: true }],
    },
  ],
};

const figure = { name: 'speed', title: 'of a toy', baseline: 'one', product: 'other', bound: 'air' } as Figure;
const delay = { name: 'way', title: 'of a message', measured: 'time', bound: 'air' } as Delay;
const trial = { name: 'storm', title: 'of a toy', baseline: 'none', measured: 'time', bound: 'air' } as Trial;
const page = (changed: Partial<Run>) =>
  pageOf({ ...run, ...changed }, { figures: [figure], delays: [delay], trials: [trial] });

report('says of every figure what was measured, its goal and whether it is reached', () => {
  const text = page({});
  assert.match(text, '| speed | turns/s | 3 | 1,000 (900–1,100) | 1,500 (1,400–1,600) | 1.50 (1.40–1.60) | ≥ 2 | no |');
  assert.match(text, '| way | near | wire | 9 | 1.0 | 21.0 | p99 ≤ 20 | no |');
  assert.match(text, 'not measured: there is none');
  assert.match(text, '| storm | wait | s | 2 | 4 | 2.00 | ≤ 60 s | yes |');
  for (const heading of ['## speed: of a toy', '## way: of a message', '## storm: of a toy', '## Where it ran'])
    assert.match(text, heading);
  assert.match(text, 'product p99 ms 7');
});

report('leaves goal and verdict out of what is only told', () => {
  assert.match(tableOf(run.results), /^told .*1\.00 \(1\.00–1\.00\)$/m);
});

report('keeps the columns of a table for a terminal in line', () => {
  const lines = trialsTableOf(run.trials).split('\n');
  assert.is(lines[0]!.indexOf('goal'), lines[1]!.indexOf('≤ 60 s'));
});

report('warns of a busy machine and of what failed', () => {
  assert.is(warningOf(1), null);
  const warning = warningOf(1.1)!;
  assert.match(page({ warning }), `**${warning}**`);
  assert.not.match(page({}), '**');
  assert.match(page({ failures: [{ name: 'storm', error: 'broken' }] }), '**storm failed and is missing here.**');
});

report.run();
