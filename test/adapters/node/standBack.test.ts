import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import * as assert from 'uvu/assert';
import { suite } from '../../support/suite.ts';

const standing = suite('a thread that stands back');
standing.skipUnless(process.platform === 'linux' ? null : 'only Linux has a priority for each thread');

const module = new URL('../../../adapters/node/standBack.ts', import.meta.url);

/** Of a thread before and after it stood back `times` times. @param first code that it runs before all */
const prioritiesIn = (times: number, first = ''): Promise<readonly [number, number]> =>
  new Promise((resolve, reject) => {
    const code = `
      import { readlinkSync } from 'node:fs';
      import os, { getPriority } from 'node:os';
      import { syncBuiltinESMExports } from 'node:module';
      import { parentPort } from 'node:worker_threads';
      ${first}
      import { standBack } from ${JSON.stringify(module.href)};
      const mine = () => getPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)));
      const before = mine();
      for (let n = 0; n < ${times}; n++) standBack();
      parentPort.postMessage([before, mine()]);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
    worker.once('message', resolve);
    worker.once('error', reject);
  });

standing('comes after the others of its process, which stay as they are', async () => {
  const main = getPriority(process.pid);
  const [before, after] = await prioritiesIn(1);
  assert.is(before, main);
  assert.is(after, Math.min(19, main + 5));
  assert.is(getPriority(process.pid), main);
});

standing('never goes beyond what the system knows', async () => {
  const [, after] = await prioritiesIn(5);
  assert.is(after, 19);
});

standing('stays where it is in a sandbox that does not permit it', async () => {
  const denied = `
    os.setPriority = () => {
      throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
    };
    syncBuiltinESMExports();`;
  const [before, after] = await prioritiesIn(1, denied);
  assert.is(after, before);
});
standing.run();
