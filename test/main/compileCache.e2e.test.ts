import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const cache = suite('code whose types were stripped');

/** What Node says of its cache during a start, up to the end. */
const cacheLog = async (data: string): Promise<string> => {
  const { NODE_DISABLE_COMPILE_CACHE: _, NODE_COMPILE_CACHE: __, NODE_V8_COVERAGE: ___, ...env } = process.env;
  const server = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'main/keyledger.ts', 'serve'], {
    env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE', KEYLEDGER_DATA: data, KEYLEDGER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = text(server.stderr);
  for await (const line of createInterface({ input: server.stdout }))
    if (line.includes('listening')) server.kill('SIGTERM');
  return said;
};

cache('is found again by the next start, in its own folder, by the threads as well', async () => {
  const data = temporaryFolder();
  await cacheLog(data);
  const again = await cacheLog(data);
  assert.match(again, /resolved path \S+\/node_modules\/\.cache\/keyledger /);
  for (const file of ['main/program.ts', 'adapters/sqlite/groupCommitWorker.ts'])
    assert.match(again, new RegExp(`retrieving transpile cache for StrippedTypeScript \\S+/${file}\\.\\.\\.success`));
});

cache.run();
