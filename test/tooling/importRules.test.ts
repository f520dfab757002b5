import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

// One import each; the rule that must refuse it. A rule without a line here is not known to fire.
const refused: readonly (readonly [rule: string, file: string, imports: string])[] = [
  ['domain-imports-nothing', 'domain/a.ts', '../commands/thing.ts'],
  ['domain-imports-nothing', 'domain/b.ts', 'node:crypto'],
  ['domain-imports-nothing', 'domain/c.ts', 'zod'],
  ['commands-import-domain', 'commands/a.ts', '../projections/thing.ts'],
  ['commands-import-domain', 'commands/b.ts', '../adapters/sqlite/thing.ts'],
  ['commands-import-domain', 'commands/c.ts', 'node:crypto'],
  ['commands-import-domain', 'commands/d.ts', 'zod'],
  ['projections-import-domain', 'projections/a.ts', '../commands/thing.ts'],
  ['projections-import-domain', 'projections/b.ts', 'node:timers'],
  ['workers-import-the-inside', 'workers/a.ts', '../api/thing.ts'],
  ['workers-import-the-inside', 'workers/b.ts', 'node:timers/promises'],
  ['workers-import-the-inside', 'workers/c.ts', 'zod'],
  ['workers-import-the-inside', 'workers/d.ts', '../adapters/sqlite/thing.ts'],
  ['api-imports-the-inside', 'api/a.ts', '../workers/thing.ts'],
  ['api-imports-the-inside', 'api/b.ts', '../adapters/sqlite/thing.ts'],
  ['api-imports-the-inside', 'api/c.ts', 'node:fs'],
  ['api-imports-the-inside', 'api/d.ts', 'mongodb'],
  ['adapters-import-ports', 'adapters/sqlite/a.ts', '../../commands/thing.ts'],
  ['adapters-import-ports', 'adapters/sqlite/b.ts', '../mongodb/thing.ts'],
  ['adapters-import-ports', 'adapters/loose.ts', './mongodb/thing.ts'],
  ['adapters-take-types-of-the-domain', 'adapters/sqlite/c.ts', '../../domain/thing.ts'],
  ['driver-of-sqlite', 'adapters/memory/a.ts', 'node:sqlite'],
  ['driver-of-mongodb', 'adapters/memory/b.ts', 'mongodb'],
  ['driver-of-nats', 'adapters/memory/c.ts', 'nats'],
  ['driver-of-eventstoredb', 'adapters/memory/d.ts', '@eventstore/db-client'],
  ['driver-of-node', 'adapters/memory/e.ts', 'bcryptjs'],
  ['driver-of-smtp', 'adapters/memory/g.ts', 'nodemailer'],
  ['driver-of-sharp', 'adapters/memory/h.ts', 'sharp'],
  ['adapters-have-one-driver', 'adapters/memory/f.ts', 'express'],
  ['nobody-imports-main', 'api/e.ts', '../main/thing.ts'],
  ['nobody-imports-main', 'sdk/a.ts', '../main/thing.ts'],
  ['nobody-imports-tests', 'main/a.ts', '../test/thing.ts'],
  ['sdk-imports-nothing-here', 'sdk/b.ts', '../domain/thing.ts'],
  ['sdk-imports-nothing-here', 'sdk/c.ts', 'express'],
  ['no-development-packages', 'main/b.ts', 'fast-check'],
  ['no-development-packages', 'main/c.ts', 'undeclared'],
  ['no-cycles', 'domain/round.ts', './trip.ts'],
  ['no-unresolvable', 'domain/d.ts', './nowhere.ts'],
];

const allowed: readonly (readonly [file: string, imports: string])[] = [
  ['sdk/d.ts', 'node:crypto'],
  ['sdk/e.ts', 'nats'],
  ['commands/e.ts', '../domain/thing.ts'],
  ['commands/f.ts', './ports/store.ts'],
  ['projections/c.ts', '../domain/thing.ts'],
  ['workers/e.ts', '../commands/thing.ts'],
  ['workers/f.ts', '../projections/thing.ts'],
  ['api/f.ts', '../commands/thing.ts'],
  ['api/g.ts', 'express'],
  ['api/h.ts', 'node:http'],
  ['adapters/sqlite/d.ts', '../../commands/ports/store.ts'],
  ['adapters/sqlite/e.ts', 'node:sqlite'],
  ['adapters/sqlite/f.ts', 'node:worker_threads'],
  ['adapters/sqlite/g.ts', '../node/thing.ts'],
  ['adapters/mongodb/a.ts', 'mongodb'],
  ['adapters/eventstoredb/a.ts', '@eventstore/db-client'],
  ['main/d.ts', '../adapters/sqlite/thing.ts'],
  ['main/e.ts', '../workers/thing.ts'],
  ['test/a.ts', '../main/thing.ts'],
  ['test/b.ts', 'fast-check'],
  ['bench/a.ts', '../main/thing.ts'],
];

const config = resolve('.dependency-cruiser.cjs');
const depcruise = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

type Found = { rule: string; file: string };
type Cruise = { summary: { violations: { from: string; rule: { name: string } }[]; ruleSetUsed: RuleSet } };
type RuleSet = { forbidden: { name: string }[] };

const rules = suite<{ root: string; found: Found[]; names: string[] }>('import rules');

rules.before((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'keyledger-rules-'));
  writeTree(context.root);
  const { stdout, stderr } = spawnSync(process.execPath, [depcruise, '--config', config, '-T', 'json', '.'], {
    cwd: context.root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    // The compiler that it loads would be most of what the coverage report has to read.
    env: { ...process.env, NODE_V8_COVERAGE: '' },
  });
  assert.ok(stdout.startsWith('{'), `dependency-cruiser printed no result: ${stderr}`);
  const { summary } = JSON.parse(stdout) as Cruise;
  context.found = summary.violations.map((violation) => ({ rule: violation.rule.name, file: violation.from }));
  context.names = summary.ruleSetUsed.forbidden.map((rule) => rule.name);
});

rules.after(({ root }) => rmSync(root, { recursive: true }));

for (const [rule, file, imports] of refused) {
  rules(`${rule}: ${file} may not import ${imports}`, ({ found }) => {
    const names = found.filter((violation) => violation.file === file).map((violation) => violation.rule);
    assert.ok(names.includes(rule), `found only: ${names.join(', ') || 'nothing'}`);
  });
}

for (const [file, imports] of allowed) {
  rules(`${file} may import ${imports}`, ({ found }) => {
    assert.equal(
      found.filter((violation) => violation.file === file),
      [],
    );
  });
}

rules('an adapter may take a type of the domain', ({ found }) => {
  assert.not(found.some((violation) => violation.file === 'adapters/sqlite/types.ts'));
});

rules('every rule is among those tried', ({ names }) => {
  const tried = new Set(refused.map(([rule]) => rule));
  assert.equal(
    names.filter((name) => !tried.has(name)),
    [],
  );
});

rules.run();

function writeTree(root: string): void {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const dependencies = [
    'express',
    'zod',
    'mongodb',
    'nats',
    '@eventstore/db-client',
    'bcryptjs',
    'piscina',
    'nodemailer',
    'sharp',
  ];
  const list = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']));
  write(
    'package.json',
    JSON.stringify({ type: 'module', dependencies: list(dependencies), devDependencies: list(['fast-check']) }),
  );
  write('tsconfig.json', '{ "compilerOptions": { "module": "nodenext", "allowImportingTsExtensions": true } }');
  for (const name of [...dependencies, 'fast-check', 'undeclared']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    write(`node_modules/${name}/index.js`, 'exports.thing = 1;\n');
  }
  const folders = ['domain', 'commands', 'projections', 'workers', 'api', 'main', 'test'];
  const adapters = ['adapters/node', 'adapters/sqlite', 'adapters/mongodb'];
  for (const folder of [...folders, ...adapters]) write(`${folder}/thing.ts`, 'export const thing = 1;\n');
  write('commands/ports/store.ts', 'export const thing = 1;\n');
  write('domain/trip.ts', "import { thing } from './round.ts';\nexport const trip = thing;\n");
  write(
    'adapters/sqlite/types.ts',
    "import type { thing } from '../../domain/thing.ts';\nexport type T = typeof thing;\n",
  );
  for (const [file, imports] of [...refused.map(([, ...rest]) => rest), ...allowed]) {
    write(file, `import { thing } from '${imports}';\nexport const used = thing;\n`);
  }
}
