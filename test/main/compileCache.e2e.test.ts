import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const cache = suite('code whose types were stripped');

/** At its end, the process and each of its threads tells which of Node's own modules it has loaded. */
const tellModules = `data:text/javascript,process.on('exit', () => console.error(process.moduleLoadList.join(' ')))`;

/** What Node says of its cache and its modules during a start, up to the end. */
const cacheLog = async (data: string): Promise<string> => {
  const { NODE_DISABLE_COMPILE_CACHE: _, NODE_COMPILE_CACHE: __, NODE_V8_COVERAGE: ___, ...env } = process.env;
  const args = ['--disable-warning=ExperimentalWarning', '--import', tellModules, 'main/keyledger.mjs', 'serve'];
  const server = spawn(process.execPath, args, {
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
  assert.match(again, /NativeModule http /);
  // The compiler, and Node's fetch.
  assert.not.match(again, /NativeModule internal\/deps\/(amaro|undici)/);
});

cache.run();
