// Compiles src/ to CommonJS, with a door for ES modules: one verifier, however it is imported. `npm run build -w sdk`
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const dist = join(folder, 'dist');
const made = join(dist, 'types');

const compile = (...options) => {
  const args = [tsc, '--project', folder, '--noEmit', 'false', ...options];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

const commonJs = ['--module', 'commonjs', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', 'false'];

rmSync(dist, { recursive: true, force: true });
// Comments are for people who read types; what runs is smaller without them.
compile('--outDir', join(dist, 'cjs'), '--removeComments', ...commonJs, '--esModuleInterop');
compile('--outDir', made, '--declaration', '--emitDeclarationOnly');
mkdirSync(join(dist, 'esm'));
for (const name of ['index', 'types', 'errors']) {
  const text = readFileSync(join(made, `${name}.d.ts`), 'utf8').replaceAll(".ts';", ".js';");
  for (const form of ['cjs', 'esm']) writeFileSync(join(dist, form, `${name}.d.ts`), text);
}
rmSync(made, { recursive: true });
writeFileSync(join(dist, 'cjs/package.json'), '{"type":"commonjs"}\n');
writeFileSync(join(dist, 'esm/index.js'), "export { createVerifier, VerifierUnavailable } from '../cjs/index.js';\n");
