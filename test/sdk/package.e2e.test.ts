import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sdk = join(root, 'sdk');

const run = (program: string, args: readonly string[], cwd: string): string =>
  execFileSync(program, args, { cwd, encoding: 'utf8' });

/** A project that has the built package among its own. */
const consumer = (): string => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'node_modules/@keyledger'), { recursive: true });
  symlinkSync(sdk, join(folder, 'node_modules/@keyledger/verifier'));
  symlinkSync(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  const use = (load: string) => `${load}
    const verifier = createVerifier({ url: 'http://127.0.0.1:1', token: 'svc_x', name: 'billing', maxSilenceMs: 100 });
    verifier.ready().catch(async (error) => {
      console.log(error instanceof VerifierUnavailable, error.code, (await verifier.verify('x')).code);
      await verifier.close();
    });\n`;
  writeFileSync(
    join(folder, 'module.mjs'),
    use("import { createVerifier, VerifierUnavailable } from '@keyledger/verifier';"),
  );
  writeFileSync(
    join(folder, 'common.cjs'),
    use("const { createVerifier, VerifierUnavailable } = require('@keyledger/verifier');"),
  );
  const typed = `import { createVerifier, type ValidKey, type Verifier } from '@keyledger/verifier';
    export const verifier: Verifier = createVerifier({ url: 'http://here', token: 'x', feed: { nats: 'nats://here' } });
    export const use = async (): Promise<ValidKey | null> => {
      const result = await verifier.verify('x', { scopes: ['a:b'] });
      return result.valid ? result : null;
    };\n`;
  for (const name of ['typed.mts', 'typed.cts']) writeFileSync(join(folder, name), typed);
  return folder;
};

/** Nodes on PATH that are not the pinned one, by version. */
const otherNodes = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .filter((path) => existsSync(path))
  .map((path) => ({ path, version: run(path, ['--version'], root).trim() }))
  .filter(({ version }) => version.startsWith('v2') && version !== process.version);

const built = suite<{ folder: string }>('the package, built');

built.before((context) => {
  run(process.execPath, ['build.mjs'], sdk);
  context.folder = consumer();
});

built('has no dependency but nats, where that is chosen', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(sdk, 'package.json'), 'utf8'),
  );
  assert.is(dependencies, undefined);
  assert.equal(Object.keys(peerDependencies), ['nats']);
  assert.equal(peerDependenciesMeta, { nats: { optional: true } });
});

for (const file of ['module.mjs', 'common.cjs'])
  built(`works as ${file}`, ({ folder }) => {
    assert.is(run(process.execPath, [file], folder), 'true stale malformed\n');
  });

built('its types, for modules and for CommonJS', ({ folder }) => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  run(process.execPath, [tsc, ...options, 'typed.mts', 'typed.cts'], folder);
});

built.run();

const older = suite<{ folder: string }>('the package, in an older Node');
older.skipUnless(otherNodes.length > 0 ? null : 'no other Node from 20 on is on PATH');

older.before((context) => {
  context.folder = consumer();
});

for (const file of ['module.mjs', 'common.cjs'])
  older(`works as ${file}`, ({ folder }) => {
    for (const { path } of otherNodes) assert.is(run(path, [file], folder), 'true stale malformed\n');
  });

older.run();
