// time limit: 30 min
import * as assert from 'uvu/assert';
import { createCore } from '../../../sdk/src/core/core.ts';
import { createInbox } from '../../../sdk/src/transport/inbox.ts';
import { createSigned } from '../../../sdk/src/transport/signed.ts';
import { full } from '../../support/full.ts';
import { suite } from '../../support/suite.ts';
import { faultNames, noFaults } from './faults.ts';
import { simulate } from './simulate.ts';

const simulation = suite('the verifier, however the server, the network and the clocks fail');

const sdk = { createCore, createInbox, createSigned };

// One again: KEYLEDGER_TEST_SEED=17; other counts: KEYLEDGER_TEST_SEEDS=5000.
const { KEYLEDGER_TEST_SEED: only, KEYLEDGER_TEST_SEEDS: count } = process.env;
const seeds =
  only === undefined
    ? Array.from({ length: Number(count ?? (full ? 5_000 : 400)) }, (_, seed) => seed)
    : [Number(only)];

simulation(`lets nothing through that it must not, and recovers, with ${seeds.length} seeds`, async () => {
  const total = { accepted: 0, refused: 0, unavailable: 0, heard: 0 };
  const faults = noFaults();
  for (const seed of seeds) {
    try {
      const tally = await simulate(seed, sdk);
      for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += tally[name];
      for (const name of faultNames) faults[name] += tally.faults[name];
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A simulation in which little happens shows little.
  if (only !== undefined) return;
  for (const happened of Object.values(total)) assert.ok(happened > 2 * seeds.length);
  for (const name of faultNames) assert.ok(faults[name] >= seeds.length / 20, `${name}: only ${faults[name]} times`);
});

simulation.run();
