import * as assert from 'uvu/assert';
import { createRequestIds } from '../../../adapters/node/requestIds.ts';
import { suite } from '../../support/suite.ts';

const ids = suite('ids of requests');

ids('each another UUID, in every process', () => {
  const here = createRequestIds();
  const there = createRequestIds();
  const all = Array.from({ length: 2_000 }, (_, n) => (n % 2 === 0 ? here() : there()));
  assert.is(new Set(all).size, all.length);
  for (const id of all) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

ids.run();
