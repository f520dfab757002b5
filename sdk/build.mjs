// Compiles src/ twice, as ES modules and as CommonJS, with the types of each: `npm run build -w sdk`.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const dist = join(folder, 'dist');

const compile = (...options) => {
  const { status } = spawnSync(process.execPath, [tsc, '--project', folder, '--noEmit', 'false', ...options], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
};

rmSync(dist, { recursive: true, force: true });
for (const [form, type, ...options] of [
  ['esm', 'module'],
  [
    'cjs',
    'commonjs',
    '--module',
    'commonjs',
    '--moduleResolution',
    'bundler',
    '--verbatimModuleSyntax',
    'false',
    '--esModuleInterop',
  ],
]) {
  const out = join(dist, form);
  // Comments are for people who read types; what runs is smaller without them.
  compile('--outDir', out, '--removeComments', ...options);
  compile('--outDir', out, '--declaration', '--emitDeclarationOnly', ...options);
  writeFileSync(join(out, 'package.json'), `{"type":"${type}"}\n`);
}
