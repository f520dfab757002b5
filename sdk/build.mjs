// Packs src/ into one file of CommonJS, with a door for ES modules: one verifier, however it is imported; and one file of
// types for both. `npm run build -w sdk`
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
const dist = join(folder, 'dist');
const declared = join(dist, 'declared');

/** What tsc says of the types; it also checks them. */
const declare = () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--stripInternal'];
  const { status } = spawnSync(process.execPath, [tsc, '--project', folder, ...options, '--outDir', declared], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
};

/** Three files of types as one: what they import from each other is all there. */
const types = () => {
  const texts = ['errors', 'types', 'index'].map((name) => readFileSync(join(declared, `${name}.d.ts`), 'utf8'));
  const text = texts
    .join('')
    .replace(/^(import|export) (type )?\{[^}]*\}( from '[^']*')?;\n/gm, '')
    .replace(/^( {4})+/gm, (indent) => indent.slice(indent.length / 2));
  if (/^import /m.test(text)) throw new Error('the types import something');
  return text;
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
declare();
writeFileSync(join(dist, 'index.d.cts'), types());
writeFileSync(join(dist, 'index.d.mts'), "export * from './index.cjs';\n");
rmSync(declared, { recursive: true });
buildSync({
  // What is said of it in CommonJS needs no machinery of modules around it.
  stdin: {
    contents: `import { createVerifier, VerifierUnavailable } from './src/index.ts';
      module.exports = { VerifierUnavailable, createVerifier: (options) => createVerifier(options) };`,
    resolveDir: folder,
  },
  outfile: join(dist, 'index.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Names are a tenth of its size. A stack trace still says those that somebody outside calls (createVerifier, verify,
  // ready, …), the class of the error, and where, in lines short enough to be shown: what is wrong is in the message.
  minify: true,
  lineLimit: 300,
  charset: 'utf8',
  legalComments: 'none',
  banner: { js: '// @keyledger/verifier, Apache-2.0' },
  logLevel: 'warning',
});
writeFileSync(join(dist, 'index.mjs'), "export { createVerifier, VerifierUnavailable } from './index.cjs';\n");
