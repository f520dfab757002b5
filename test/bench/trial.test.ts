import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { compared } from '../../bench/support/comparison.ts';
import { measureTrial, type Observation, type Trial } from '../../bench/trial.ts';
import { suite } from '../support/suite.ts';

const trials = suite('trials of a benchmark');

const trial = (observations: readonly Observation[], folders: string[] = []): Trial => ({
  name: 'toy',
  title: 'a toy',
  baseline: 'nothing',
  measured: 'little',
  bound: 'nothing',
  run: async (folder) => {
    folders.push(folder);
    return observations;
  },
});

const reached = async (observation: Partial<Observation>) => {
  const whole = { what: 'turns', unit: 'turns', value: 0, baseline: null, goal: null, ...observation };
  const { rows } = await measureTrial(trial([whole]), () => {});
  return rows[0]!.reached;
};

trials('holds a goal against the value, at most or at least', async () => {
  assert.is(await reached({ value: 2, goal: { atMost: 2 } }), true);
  assert.is(await reached({ value: 3, goal: { atMost: 2 } }), false);
  assert.is(await reached({ value: 2, goal: { atLeast: 2 } }), true);
  assert.is(await reached({ value: 1, goal: { atLeast: 2 } }), false);
  assert.is(await reached({ value: 1 }), null);
});

trials('holds a goal against the ratio to the baseline, where it is of it', async () => {
  assert.is(await reached({ value: 30, baseline: 10, goal: { atMost: 3, ofBaseline: true } }), true);
  assert.is(await reached({ value: 31, baseline: 10, goal: { atMost: 3, ofBaseline: true } }), false);
  assert.is(await reached({ value: 31, baseline: 10, ratio: 2, goal: { atMost: 3, ofBaseline: true } }), true);
});

trials('compares rounds by the median of their own ratios', () => {
  const pairs = [
    [10, 20],
    [20, 30],
    [30, 90],
  ].map(([baseline, product]) => ({ baseline: { rate: baseline! }, product: { rate: product! } }));
  const { value, baseline, ratio } = compared('turns', 'turns/s', pairs, ({ rate }) => rate, null);
  assert.equal([value, baseline, ratio], [30, 20, 2]);
});

trials('leaves no folder behind, also where it fails', async () => {
  const folders: string[] = [];
  await measureTrial(trial([], folders), () => {});
  const failing: Trial = {
    ...trial([]),
    run: async (folder) => {
      folders.push(folder);
      throw new Error('broken');
    },
  };
  await measureTrial(failing, () => {}).then(
    () => assert.unreachable(),
    ({ message }) => assert.is(message, 'broken'),
  );
  assert.is(folders.length, 2);
  assert.equal(folders.map(existsSync), [false, false]);
});

trials.run();
