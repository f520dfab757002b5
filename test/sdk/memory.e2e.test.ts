// time limit: 30 min
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { full } from '../support/full.ts';
import { suite } from '../support/suite.ts';

/** A million with KEYLEDGER_TEST_FULL=1. */
const asked = full ? 1_000_000 : 20_000;
const cacheSize = asked / 50;
const mebibyte = 2 ** 20;

const memory = suite("the verifier's memory over many different keys");

memory(`${asked} asked about, ${cacheSize} remembered at most: it stays flat`, async () => {
  const program = fileURLToPath(new URL('flat.ts', import.meta.url));
  const args = ['--disable-warning=ExperimentalWarning', '--expose-gc', program, `${asked}`, `${cacheSize}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { keys: number; heapUsed: number; rss: number; cached: number });
  console.log(measured.map(({ keys, heapUsed, rss }) => `${keys}: ${heapUsed >> 20}, ${rss >> 20} MiB`).join('; '));
  for (const { cached } of measured) assert.is(cached, cacheSize);
  // The first half fills what stays: the memory, the connections, the compiled code.
  const early = measured[Math.floor(measured.length / 2)];
  const last = measured.at(-1)!;
  assert.ok(
    last.heapUsed - early!.heapUsed < 4 * mebibyte,
    `the heap grew by ${last.heapUsed - early!.heapUsed} bytes`,
  );
  assert.ok(last.rss - early!.rss < 96 * mebibyte, `the process grew by ${last.rss - early!.rss} bytes`);
});

memory.run();
