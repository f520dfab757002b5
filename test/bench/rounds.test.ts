import { existsSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { Figure } from '../../bench/figure.ts';
import { measure, spread } from '../../bench/rounds.ts';
import { suite } from '../support/suite.ts';

const rounds = suite('rounds of a benchmark');

const figure = (calls: string[], product: readonly number[], folders: string[] = []): Figure => {
  let round = 0;
  return {
    name: 'toy',
    title: 'a toy',
    unit: 'turns/s',
    goal: 2,
    rounds: product.length - 1,
    baseline: 'nothing',
    product: 'little',
    bound: 'nothing',
    open: async (folder) => {
      folders.push(folder);
      return {
        baseline: async () => {
          calls.push('baseline');
          return { rate: 10 };
        },
        product: async () => {
          calls.push('product');
          return { rate: product[round++]!, more: { 'p99 ms': 7 } };
        },
        close: async () => void calls.push('close'),
      };
    },
  };
};

rounds('throws the first round away and lets each come first every other time', async () => {
  const calls: string[] = [];
  await measure(figure(calls, [1, 20, 20]), () => {});
  assert.equal(calls, ['baseline', 'product', 'baseline', 'product', 'product', 'baseline', 'close']);
});

rounds('takes medians, of the rates and of the ratios of the rounds', async () => {
  const result = await measure(figure([], [1000, 30, 10, 25]), () => {});
  assert.equal(result.product, { median: 25, min: 10, max: 30 });
  assert.equal(result.ratio, { median: 2.5, min: 1, max: 3 });
  assert.is(result.reached, true);
  assert.equal(result.more, { 'product p99 ms': 7 });
  assert.is((await measure(figure([], [1000, 19, 19, 90]), () => {})).reached, false);
});

rounds('leaves no folder behind, also where a round fails', async () => {
  const folders: string[] = [];
  const broken = figure([], [1, 1], folders);
  const failing: Figure = {
    ...broken,
    open: async (folder) => ({
      ...(await broken.open(folder)),
      product: async () => {
        throw new Error('broken');
      },
    }),
  };
  await measure(failing, () => {}).then(
    () => assert.unreachable(),
    ({ message }) => assert.is(message, 'broken'),
  );
  assert.is(folders.length, 1);
  assert.not(existsSync(folders[0]!));
});

rounds('takes the middle of an even number of values', () => {
  assert.equal(spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
});

rounds.run();
