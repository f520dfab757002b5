import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { FileResult } from '../support/report.ts';
import { runFile } from '../support/runFile.ts';
import { findTests } from '../support/runFiles.ts';
import { suite } from '../support/suite.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const test = suite('a machine without servers');

/** Those that skip whole suites; what runs in several setups runs in those that need nothing. */
const needServers = findTests(root, []).filter((file) => {
  const source = readFileSync(file, 'utf8');
  return /skipUnless\(no(Mongo|Nats|Servers)/.test(source) && !source.includes('support/setups.ts');
});

const withoutServers = () => {
  const given = Object.entries(process.env).filter(([name]) => !/^(KEYLEDGER_TEST_|NODE_V8_COVERAGE)/.test(name));
  return { ...Object.fromEntries(given), KEYLEDGER_TEST_SERVERS: 'none' };
};

test('passes, and names each test that it skips and what is missing', async () => {
  assert.ok(needServers.length > 10, `${needServers.length} files`);
  const queue = [...needServers];
  const results: FileResult[] = [];
  const drain = async () => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop())
      results.push(await runFile(file, withoutServers()));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, drain));
  for (const { file, failed, problems, skips, output } of results) {
    assert.equal([failed, ...problems], [0], `${file}: ${output}`);
    assert.ok(skips.length > 0, file);
    for (const { name, reason } of skips) assert.match(reason, /MongoDB|FerretDB|NATS|nats-server/, `${file}: ${name}`);
  }
});

test.run();
