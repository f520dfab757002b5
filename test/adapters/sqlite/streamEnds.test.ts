import * as assert from 'uvu/assert';
import { createStreamEnds } from '../../../adapters/sqlite/streamEnds.ts';
import { suite } from '../../support/suite.ts';

const ends = suite('where streams end');

ends('knows nothing of a stream that was never read', () => {
  const { isBefore } = createStreamEnds();
  assert.not(isBefore('a', 0));
});

ends('knows what lies beyond a stream that was read to its end', () => {
  const { isBefore, read } = createStreamEnds();
  read('a', 4);
  assert.not(isBefore('a', 4));
  assert.ok(isBefore('a', 5));
  assert.not(isBefore('b', 5));
});

ends('follows an append to a known end, and knows nothing while it is under way', () => {
  const { isBefore, read, appending } = createStreamEnds();
  read('a', -1);
  const answered = appending('a', -1);
  assert.not(isBefore('a', 5));
  read('a', -1);
  assert.not(isBefore('a', 5), 'what was read meanwhile may be of before');
  answered({ revision: 1 });
  assert.not(isBefore('a', 1));
  assert.ok(isBefore('a', 2));
});

ends('does not take the answer of a repeated append for the end', () => {
  const { isBefore, read, appending } = createStreamEnds();
  read('a', 9);
  appending('a', 1)({ revision: 2 });
  assert.not(isBefore('a', 3));
});

ends('learns the end from a conflict', () => {
  const { isBefore, appending } = createStreamEnds();
  appending('a', 1)({ actual: 6 });
  assert.not(isBefore('a', 6));
  assert.ok(isBefore('a', 7));
});

ends('forgets where an answer stayed open, and where two appends were under way', () => {
  const { isBefore, read, appending } = createStreamEnds();
  read('a', 3);
  appending('a', 3)(null);
  assert.not(isBefore('a', 100));
  read('a', 3);
  const [first, second] = [appending('a', 3), appending('a', 4)];
  first({ revision: 4 });
  assert.not(isBefore('a', 100));
  second({ revision: 5 });
  assert.not(isBefore('a', 100));
});

ends.run();
