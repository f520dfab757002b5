import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { add, countsLine, countsOf, none } from '../support/printing.ts';
import { runFile } from '../support/runFile.ts';
import { findTests } from '../support/runFiles.ts';
import { suite } from '../support/suite.ts';

const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}.fixture.ts`, import.meta.url));
const run = (name: string) => runFile(fixture(name));

const runner = suite('test runner');

runner('counts what passed', async () => {
  const { passed, failed, skips, problems } = await run('passing');
  assert.equal({ passed, failed, skips, problems }, { passed: 2, failed: 0, skips: [], problems: [] });
});

runner('counts what failed and keeps what it printed', async () => {
  const { passed, failed, output } = await run('failing');
  assert.equal({ passed, failed }, { passed: 1, failed: 1 });
  assert.match(output, 'one is not two');
});

runner('skips by name and reason, hooks included', async () => {
  const { passed, failed, skips } = await run('skipped');
  const reason = 'no server at example:2113';
  assert.equal({ passed, failed }, { passed: 1, failed: 0 });
  assert.equal(skips, [
    { suite: 'absent', name: 'reads', reason },
    { suite: 'absent', name: 'writes', reason },
  ]);
});

// Each of these would pass in silence, or go unseen, without the runner.
const failures: readonly (readonly [fixture: string, failed: number, problem: string])[] = [
  ['forgotten', 1, 'the suite "forgotten" never calls .run()'],
  ['forgottenPlain', 1, 'the suite forgotten never calls .run()'],
  ['narrowed', 1, 'left out by .only'],
  ['hook', 2, 'a hook threw'],
  ['empty', 1, 'no test ran'],
  ['throwing', 1, 'ended before its tests were done (exit code 1)'],
  ['pending', 1, 'ended before its tests were done (exit code 13)'],
  ['hanging', 1, 'still running after 1 s'],
  ['exiting', 1, 'ended with exit code 3'],
];

for (const [name, count, problem] of failures) {
  runner(`fails ${name}: ${problem}`, async () => {
    const { failed, problems } = await run(name);
    assert.is(failed, count);
    assert.match(problems.join('\n'), problem);
  });
}

runner('a suite that is never run or whose hook throws fails without the runner too', () => {
  for (const name of ['forgotten', 'hook']) assert.is(spawnSync(process.execPath, [fixture(name)]).status, 1, name);
  assert.is(spawnSync(process.execPath, [fixture('passing')]).status, 0);
});

runner('finds this file, and no fixture', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  assert.ok(findTests(root, []).includes(fileURLToPath(import.meta.url)));
  assert.is(findTests(root, ['fixtures']).length, 0);
  assert.is(findTests(root, ['tooling/runner']).length, 1);
});

runner('adds up to one line', async () => {
  const counts = [await run('failing'), await run('skipped')].map(countsOf).reduce(add, none);
  assert.is(countsLine(counts), '2 passed, 1 failed, 2 skipped');
});

runner.run();
