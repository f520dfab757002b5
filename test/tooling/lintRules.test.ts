import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

// One statement a file; the rule that must refuse it. `plugin` is scripts/lint/noAmbientTime.grit.
const refused: readonly (readonly [rule: string, file: string, statement: string])[] = [
  ['plugin', 'domain/a.ts', 'export const a = Date.now();'],
  ['plugin', 'commands/a.ts', 'export const a = Date.now();'],
  ['plugin', 'projections/a.ts', 'export const a = Date.now();'],
  ['plugin', 'workers/a.ts', 'export const a = Date.now();'],
  ['plugin', 'api/a.ts', 'export const a = Date.now();'],
  ['plugin', 'domain/b.ts', 'export const a = new Date();'],
  ['plugin', 'domain/c.ts', 'export const a = new Date;'],
  ['plugin', 'domain/d.ts', 'export const a = Math.random();'],
  ['plugin', 'domain/e.ts', 'export const a = crypto.randomUUID();'],
  ['lint/style/noRestrictedGlobals', 'domain/f.ts', 'setTimeout(() => {}, 1);'],
  ['lint/style/noRestrictedGlobals', 'workers/b.ts', 'setInterval(() => {}, 1);'],
  ['lint/style/noRestrictedGlobals', 'domain/g.ts', 'export const a = globalThis.Date.now();'],
  ['lint/style/noRestrictedGlobals', 'api/b.ts', 'export const a = process.env;'],
  ['lint/style/noDefaultExport', 'adapters/sqlite/a.ts', 'export default 1;'],
  ['lint/performance/noReExportAll', 'adapters/sqlite/b.ts', "export * from './a.ts';"],
  ['lint/performance/noBarrelFile', 'adapters/sqlite/c.ts', "export { a } from './a.ts';"],
  ['lint/suspicious/noConsole', 'adapters/sqlite/d.ts', "console.log('here');"],
  ['lint/nursery/noFloatingPromises', 'main/a.ts', 'const a = async () => {};\na();'],
];

const allowed: readonly (readonly [file: string, statement: string])[] = [
  ['domain/h.ts', 'export const a = new Date(0).getTime();'],
  ['domain/i.ts', "export const a = Date.parse('2026-01-01T00:00:00Z');"],
  ['adapters/node/a.ts', 'export const a = () => Date.now();'],
  ['main/b.ts', "console.log('ready');"],
];

type Diagnostic = { readonly category: string; readonly location: { readonly path: string } };

const rules = suite<{ root: string; found: readonly Diagnostic[] }>('lint rules');

rules.before((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'keyledger-lint-'));
  for (const path of ['biome.json', '.gitignore', 'scripts/lint']) {
    cpSync(path, join(context.root, path), { recursive: true });
  }
  for (const [file, statement] of [...refused.map(([, ...rest]) => rest), ...allowed]) {
    mkdirSync(dirname(join(context.root, file)), { recursive: true });
    writeFileSync(join(context.root, file), `${statement}\n`);
  }
  const biome = resolve('node_modules/.bin/biome');
  const { stdout, stderr } = spawnSync(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], {
    cwd: context.root,
    encoding: 'utf8',
  });
  assert.ok(stdout.startsWith('{'), `Biome printed no result: ${stderr}`);
  context.found = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
});

rules.after(({ root }) => rmSync(root, { recursive: true }));

const of = (found: readonly Diagnostic[], file: string) =>
  found.filter(({ location }) => `/${location.path}`.endsWith(`/${file}`)).map(({ category }) => category);

for (const [rule, file, statement] of refused) {
  rules(`${rule}: ${file} may not say ${statement}`, ({ found }) => {
    assert.ok(of(found, file).includes(rule), `found only: ${of(found, file).join(', ') || 'nothing'}`);
  });
}

for (const [file, statement] of allowed) {
  rules(`${file} may say ${statement}`, ({ found }) => assert.equal(of(found, file), []));
}

rules.run();
