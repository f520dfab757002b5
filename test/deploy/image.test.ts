import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const lines = readFileSync('Dockerfile', 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const instructions = lines.map((line) => {
  const [name = '', ...rest] = line.split(' ');
  return { name, rest: rest.join(' ') };
});
const froms = instructions.flatMap(({ name, rest }, at) => (name === 'FROM' ? [{ at, rest }] : []));
const last = instructions.slice(froms.at(-1)!.at);
const only = (wanted: string) => last.find(({ name }) => name === wanted)!.rest;

/** What the last stage takes from here. */
const copied = last.flatMap(({ name, rest }) =>
  name === 'COPY' && !rest.startsWith('--from') ? rest.split(' ').slice(0, -1) : [],
);

const image = suite('Dockerfile');

image('begins from images of one release', () => {
  assert.is(froms.length, 2);
  for (const { rest } of froms) assert.match(rest, /^[\w./-]+:\d+\.\d+(\.\d+)?-[\w.-]*slim( AS \w+)?$/);
});

image('copies what is there, and nothing that the .dockerignore leaves out', () => {
  const rules = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.is(rules[0], '*');
  const isLetIn = (path: string) => {
    let ignored = false;
    for (const rule of rules) {
      const pattern = rule.replace(/^!/, '');
      const covers = pattern === '*' || path === pattern || path.startsWith(`${pattern.replace(/\/?\*$/, '')}/`);
      if (covers) ignored = !rule.startsWith('!');
    }
    return !ignored;
  };
  const here = [...copied, 'package-lock.json', '.npmrc'];
  for (const path of here) assert.ok(existsSync(path) && isLetIn(path), path);
  for (const path of [
    'deploy/secrets/master-key',
    'deploy/.env',
    'data/log.sqlite',
    '.git/config',
    'test/run.ts',
    '.env',
  ])
    assert.not(isLetIn(path), path);
});

image('is not root, and runs the Node that the lock file has', () => {
  assert.match(only('USER'), /^[1-9]\d*:[1-9]\d*$/);
  assert.match(only('ENV'), /PATH=\/keyledger\/node_modules\/\.bin:\$PATH/);
  assert.match(only('ENV'), /KEYLEDGER_HOST=0\.0\.0\.0/);
  assert.match(only('HEALTHCHECK'), /CMD \["node", "deploy\/ready\.mjs"\]$/);
  const install = instructions.find(({ name, rest }) => name === 'RUN' && rest.includes('npm ci'))!.rest;
  assert.match(install, /npm ci --omit=dev --ignore-scripts && npm rebuild node /);
});

image('has all that the program needs, and no package of development', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  assert.ok('node' in dependencies);
  const folder = temporaryFolder();
  for (const path of copied) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(path, join(folder, path), { recursive: true });
  }
  // What npm ci --omit=dev leaves for us to import.
  for (const [path, { dev = false }] of Object.entries(packages)) {
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) || dev || !existsSync(path)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(resolve(path), join(folder, path));
  }
  assert.not(existsSync(join(folder, 'node_modules/typescript')));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: {},
    });
  const version = run('main/keyledger.mjs', '--version');
  assert.match(version.stdout, /^keyledger \d/, version.stderr);
  const loaded = run(
    '--input-type=module',
    '--eval',
    "await import('./main/program.ts'); await import('./main/restore.ts')",
  );
  assert.is(loaded.status, 0, loaded.stderr);

  // As the image is built: afterwards nothing needs the compiler.
  const kept = last.find(({ name, rest }) => name === 'RUN' && rest.includes('keepCode'))!.rest;
  const [, ...keep] = JSON.parse(kept) as string[];
  const [, ...start] = JSON.parse(only('ENTRYPOINT')) as string[];
  assert.equal(keep.slice(0, -1), start.slice(0, -1));
  const built = run(...keep);
  assert.is(built.status, 0, built.stderr);
  const told = run(
    ...start.slice(0, -1),
    '--input-type=module',
    '--eval',
    `import { once } from 'node:events';
     import { Worker } from 'node:worker_threads';
     await import('./main/runtime.mjs');
     const files = ['main/program.ts', 'adapters/eventstoredb/eventStore.ts', 'adapters/mongodb/vault.ts',
       'adapters/mongodb/lists.ts', 'adapters/nats/bus.ts', 'adapters/sqlite/listsFile.ts'];
     const code = \`
       Promise.all(\${JSON.stringify(files)}.map((file) => import('\${process.cwd()}/' + file))).finally(() => {
         console.log(process.moduleLoadList.join(' '));
         process.exit();
       })\`;
     await once(new Worker(code, { eval: true }), 'exit');
     for (const file of files) await import(process.cwd() + '/' + file);
     console.log(process.moduleLoadList.join(' '));
     process.exit();`,
  );
  assert.is(told.stdout.match(/NativeModule http /g)?.length, 2, told.stderr);
  assert.not.match(told.stdout, /NativeModule internal\/deps\/amaro/);
});

image('is healthy while it can verify', async () => {
  let status = 200;
  const server = createServer(({ url }, response) => response.writeHead(url === '/readyz' ? status : 404).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const check = async () => {
    const child = spawn(process.execPath, ['deploy/ready.mjs'], { env: { KEYLEDGER_PORT: String(port) } });
    const [code] = await once(child, 'close');
    return code as number;
  };
  assert.is(await check(), 0);
  status = 503;
  assert.is(await check(), 1);
  server.close();
  await once(server, 'close');
  assert.is(await check(), 1);
});

image.run();
