// By hand: `node test/sdk/simulation/run.ts 5000` runs so many seeds, `… run.ts 17 18` those from 17 up to 18 alone.
import { createCore } from '../../../sdk/src/core/core.ts';
import { createInbox } from '../../../sdk/src/transport/inbox.ts';
import { createSigned } from '../../../sdk/src/transport/signed.ts';
import { faultNames, noFaults } from './faults.ts';
import { simulate } from './simulate.ts';

const [first = 100, last] = process.argv.slice(2).map(Number);
const [from, to] = last === undefined ? [0, first] : [first, last];
const faults = noFaults();
const total = { accepted: 0, refused: 0, unavailable: 0, questions: 0, heard: 0 };
let failed = 0;
for (let seed = from; seed < to; seed++) {
  try {
    const tally = await simulate(seed, { createCore, createInbox, createSigned });
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += tally[name];
    for (const name of faultNames) faults[name] += tally.faults[name];
  } catch (error) {
    failed++;
    console.log(`seed ${seed}: ${(error as Error).message}`);
    if (failed > 10) break;
  }
}
console.log(faults, total, failed);
process.exitCode = failed > 0 ? 1 : 0;
