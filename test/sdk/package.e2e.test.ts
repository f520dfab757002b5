import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { buildSync } from 'esbuild';
import * as assert from 'uvu/assert';
import { otherNodes } from '../support/otherNodes.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sdk = join(root, 'sdk');

/** @throws with all that it said */
const run = (program: string, args: readonly string[], cwd: string): string => {
  try {
    return execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${stdout}${stderr}`);
  }
};

// Bytes. What runs, compressed; and all that is downloaded: as much again for the types with what is said of them, the
// licence's terms, which whoever passes the package on has to pass on, too, and the README.
const mostThatRuns = 12_250;
const mostPacked = 21_000;
// Characters: Node shows the whole line in which an error was thrown that nobody has caught.
const longestLine = 1_000;

type Packed = {
  readonly size: number;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
};
type Context = { folder: string; packed: Packed };

const program = (load: string) => `${load}
  const verifier = createVerifier({ url: 'http://127.0.0.1:1', token: 'svc_x', name: 'billing', maxSilenceMs: 100 });
  verifier.ready().catch(async (error) => {
    console.log(error instanceof VerifierUnavailable, error.code, error.cause.code, error.cause.cause.name);
    console.log((await verifier.verify('x')).code);
    console.log(createVerifier.name, VerifierUnavailable.name, error.name, error.stack.split(':')[0]);
    await verifier.close();
  });\n`;
const unavailable = 'VerifierUnavailable';
const said = `true stale unreachable TypeError\nmalformed\ncreateVerifier ${unavailable} ${unavailable} ${unavailable}\n`;

const programs = {
  'module.mjs': program("import { createVerifier, VerifierUnavailable } from '@keyledger/verifier';"),
  'common.cjs': program("const { createVerifier, VerifierUnavailable } = require('@keyledger/verifier');"),
  'both.mjs': `import { createRequire } from 'node:module';
    import * as imported from '@keyledger/verifier';
    const required = createRequire(import.meta.url)('@keyledger/verifier');
    for (const [name, value] of Object.entries(required)) console.log(name, imported[name] === value);\n`,
  'stack.cjs': `const { createVerifier } = require('@keyledger/verifier');
    try { createVerifier({ url: 'nowhere' }); } catch (error) { console.log(error.stack); }
    const verifier = createVerifier({ url: 'http://127.0.0.1:1', token: 'svc_x' });
    const asked = async () => verifier.verify('x', { scopes: 'x' });
    asked().catch((error) => console.log(error.stack)).then(verifier.close);\n`,
};

// What must not compile is said by @ts-expect-error.
const typed = `import { createVerifier, VerifierUnavailable, type InvalidKey, type Middleware, type ValidKey, type Verifier } from '@keyledger/verifier';
  export const verifier: Verifier = createVerifier({ url: new URL('http://here'), token: 'x', feed: { nats: 'nats://here' } });
  export const use = async (): Promise<ValidKey | string> => {
    const result = await verifier.verify('x', { scopes: ['a:b'], ip: undefined });
    // @ts-expect-error: not before it is known to work
    result.keyId;
    if (result.valid) return result;
    // @ts-expect-error: only where scopes are missing
    result.missing;
    if (result.code === 'insufficient-scope') return result.missing.join(' ');
    // @ts-expect-error: there is no such code
    return result.code === 'nonsense' ? '' : result.code;
  };
  verifier.on('revoked', (message) => {
    if (message.kind === 'key') message.keyId.length;
    // @ts-expect-error: a message of all keys has none
    if (message.kind === 'all') message.keyId.length;
    const { keyId, ownerId, reason } = message;
    console.log(keyId ?? ownerId ?? 'all', reason);
  })();
  verifier.on('state', (state) => state === 'live');
  // @ts-expect-error: there is no such event
  verifier.on('nonsense', () => {});
  export const handled = async (request: Request): Promise<ValidKey | Response> => verifier.handle(request, { ip: '::1' });
  export const guard: Middleware = verifier.express({ scopes: ['a:b'] });
  export const whyNot = (error: unknown) => error instanceof VerifierUnavailable && error.code === 'stale' ? error.cause : null;
  export const invalid: InvalidKey = { valid: false, code: 'revoked' };\n`;
const plain = `import { createServer } from 'node:http';
  import { createServer as createHttp2 } from 'node:http2';
  import { guard } from './typed.SUFFIX';
  createServer((request, response) => guard(request, response, () => response.end()));
  createHttp2((request, response) => guard(request, response, () => response.end()));\n`;
const withExpress = `import express from 'express';
  import { verifier } from './typed.SUFFIX';
  const app = express();
  app.use('/reports', verifier.express({ scopes: ['reports:read'] }));
  app.get('/reports', verifier.express(), (request, response) => {
    const ownerId: string | undefined = request.keyledger?.ownerId;
    // @ts-expect-error: where no guard stands before it there is none
    request.keyledger.ownerId;
    response.json({ ownerId });
  });\n`;

/** A project that has the packed package among its own, as npm would put it there. */
const consumer = (tarball: string): string => {
  const folder = temporaryFolder();
  const modules = join(folder, 'node_modules');
  const installed = join(modules, '@keyledger/verifier');
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', installed], folder);
  mkdirSync(join(modules, '@types'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), text);
  return folder;
};

const built = suite<Context>('the package, as it is packed');

const pack = (): Packed & { readonly tarball: string } => {
  run(process.execPath, ['build.mjs'], sdk);
  const folder = temporaryFolder();
  const [packed] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], sdk));
  return { ...packed, tarball: join(folder, packed.filename) };
};
const packed = pack();

built.before((context) => {
  Object.assign(context, { packed, folder: consumer(packed.tarball) });
});

built('holds what is needed, once, and is small', ({ packed: { files, size } }) => {
  const paths = files.map(({ path }) => path).sort();
  const dist = ['index.cjs', 'index.d.cts', 'index.d.mts', 'index.mjs'].map((name) => `dist/${name}`);
  assert.equal(paths, ['LICENSE', 'README.md', ...dist, 'package.json']);
  const runs = ['index.cjs', 'index.mjs'].map((name) => gzipSync(readFileSync(join(sdk, 'dist', name))).length);
  const total = runs.reduce((a, b) => a + b);
  assert.ok(total <= mostThatRuns, `what runs has ${total} bytes`);
  assert.ok(size <= mostPacked, `it has ${size} bytes`);
});

built('has no dependency but nats, where that is chosen', () => {
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(sdk, 'package.json'), 'utf8'),
  );
  assert.is(dependencies, undefined);
  assert.equal(Object.keys(peerDependencies), ['nats']);
  assert.equal(peerDependenciesMeta, { nats: { optional: true } });
});

const works = (node: string, folder: string) => {
  for (const file of ['module.mjs', 'common.cjs']) assert.is(run(node, [file], folder), said, file);
  assert.is(run(node, ['both.mjs'], folder), 'VerifierUnavailable true\ncreateVerifier true\n');
};

built('works as a module and in CommonJS, and is one verifier in both', ({ folder }) =>
  works(process.execPath, folder),
);

built('a stack trace says what was called, and where; its lines can be shown', ({ folder }) => {
  const stacks = run(process.execPath, ['stack.cjs'], folder);
  for (const name of ['createVerifier', 'Object.verify', 'asked'])
    assert.match(stacks, new RegExp(`at ${name} \\(.*\\.cjs:\\d+:\\d+\\)`));
  for (const line of readFileSync(join(sdk, 'dist/index.cjs'), 'utf8').split('\n'))
    assert.ok(line.length <= longestLine, `a line of ${line.length} characters`);
});

built('can be packed into a service that has no NATS', ({ folder }) => {
  for (const name of ['module.mjs', 'common.cjs']) {
    const { errors, warnings } = buildSync({
      ...{ absWorkingDir: folder, entryPoints: [name], outfile: `packed-${name.replace('.mjs', '.cjs')}` },
      ...{ bundle: true, platform: 'node', format: 'cjs', logLevel: 'silent' },
    });
    assert.equal([errors, warnings], [[], []]);
    assert.is(run(process.execPath, [`packed-${name.replace('.mjs', '.cjs')}`], folder), said);
  }
});

built('its types, for modules and CommonJS, checked as strictly as there is', ({ folder }) => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const strict = '--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck false';
  const check = (files: { readonly [name: string]: string }, ...options: readonly string[]) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    run(process.execPath, [tsc, ...strict.split(' '), '--target', 'es2022', ...options, ...Object.keys(files)], folder);
  };
  const inBoth = (text: string, name: string) =>
    Object.fromEntries(['m', 'c'].map((form) => [`${name}.${form}ts`, text.replace('SUFFIX', `${form}js`)]));
  const nodenext = ['--module', 'nodenext', '--types', 'node'];
  check({ ...inBoth(typed, 'typed'), ...inBoth(plain, 'plain') }, ...nodenext);
  check({ 'bundled.ts': typed }, '--module', 'esnext', '--moduleResolution', 'bundler', '--types', 'node');
  // With Express, its types, and theirs.
  const types = join(folder, 'node_modules/@types');
  rmSync(types, { recursive: true });
  symlinkSync(join(root, 'node_modules/@types'), types);
  check(inBoth(withExpress, 'express'), ...nodenext, '--esModuleInterop');
});

built('every file that it is made of is there', () => {
  assert.equal(readdirSync(join(sdk, 'dist')).sort(), ['index.cjs', 'index.d.cts', 'index.d.mts', 'index.mjs']);
});

built.run();

const older = suite<Context>('the package, in other Nodes');
older.skipUnless(
  otherNodes.length > 0 ? null : 'no other Node from 20 on, neither on PATH nor where .ci/run puts them',
);

older.before((context) => {
  Object.assign(context, { packed, folder: consumer(packed.tarball) });
});

for (const { path, version } of otherNodes)
  older(`works in Node ${version} as a module and in CommonJS`, ({ folder }) => works(path, folder));

older.run();
