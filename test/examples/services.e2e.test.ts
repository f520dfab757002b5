import { execFile, execFileSync, spawn } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { startForService } from '../sdk/service.ts';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/freePort.ts';
import { type OtherNode, otherNodes } from '../support/otherNodes.ts';
import { startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What others install is built, so examples need it built. */
const build = () => execFileSync(process.execPath, ['build.mjs'], { cwd: join(root, 'sdk') });

/** The pinned Node, and the others that the verifier promises to work in. */
const nodes: readonly OtherNode[] = [{ path: process.execPath, version: process.versions.node }, ...otherNodes];

type Running = {
  readonly url: string;
  readonly said: () => string;
  readonly stop: () => Promise<number | null>;
};

const start = async (
  node: string,
  example: string,
  environment: { readonly [name: string]: string },
): Promise<Running> => {
  const child = spawn(node, [join(root, 'examples', example, 'server.js')], {
    env: { ...environment, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const listening = () => /^listening on (\S+)$/m.exec(said)?.[1];
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`${example} ended:\n${said}`);
    return listening() !== undefined;
  }, `${example} listens`);
  return {
    url: listening()!,
    said: () => said,
    stop: () => {
      child.kill('SIGTERM');
      return closed;
    },
  };
};

type Context = { world: Awaited<ReturnType<typeof startForService>>; owner: Client };

const services = suite<Context>('the services that verify keys themselves');

services.before(async (context) => {
  build();
  const world = await startForService();
  const { client: owner } = await world.member('ada@example.com');
  Object.assign(context, { world, owner });
});
services.after(async ({ world }) => {
  await world.server.stop();
});

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

for (const { version, path: node } of nodes)
  for (const example of ['express-service', 'http-service'])
    services(`${example} in Node ${version}: 200, 401, 403, what is revoked, the end`, async ({ world, owner }) => {
      const running = await start(node, example, { KEYLEDGER_URL: world.server.url, KEYLEDGER_TOKEN: world.token });
      const ask = (init?: RequestInit) => fetch(`${running.url}/reports`, init);
      const statusAndCode = async (init?: RequestInit) => {
        const response = await ask(init);
        return [response.status, ((await response.json()) as { code?: string }).code];
      };
      const reader = await world.makeKey(owner, `reads ${example} ${version}`);
      const writer = await world.makeKey(owner, `writes ${example} ${version}`, ['reports:read', 'reports:write']);

      assert.match(running.said(), /^verifier: live$/m);
      const read = await ask(bearer(reader.key));
      assert.is(read.status, 200);
      const { id } = expectStatus(await owner.get('/v1/me'), 200).body;
      assert.equal(await read.json(), { reports: ['January', 'February'], owner: id });
      assert.equal(await statusAndCode(), [401, 'unauthenticated']);
      assert.equal(await statusAndCode(bearer('wrong')), [401, 'invalid-key']);
      assert.equal(await statusAndCode({ method: 'POST', ...bearer(reader.key) }), [403, 'insufficient-scope']);
      assert.is((await ask({ method: 'POST', ...bearer(writer.key) })).status, 201);
      assert.is((await fetch(`${running.url}/elsewhere`)).status, 404);

      expectStatus(await owner.delete(`/v1/api-keys/${reader.id}`), 204);
      await eventually(() => running.said().includes(`revoked: key ${reader.id} (owner)`), 'it hears of it');
      assert.equal(await statusAndCode(bearer(reader.key)), [401, 'invalid-key']);
      assert.is(await running.stop(), 0, running.said());
    });

for (const example of ['express-service', 'http-service'])
  services(`${example}: 503 for what it has not seen while Keyledger is away, and after`, async () => {
    const world = await startForService();
    const { client: owner } = await world.member('ada@example.com');
    const running = await start(process.execPath, example, {
      KEYLEDGER_URL: world.server.url,
      KEYLEDGER_TOKEN: world.token,
    });
    const seen = await world.makeKey(owner, 'seen');
    const unseen = await world.makeKey(owner, 'unseen');
    const ask = async (key: string) => {
      const response = await fetch(`${running.url}/reports`, bearer(key));
      return [response.status, response.headers.get('retry-after')];
    };
    assert.equal(await ask(seen.key), [200, null]);
    await world.server.stop('SIGKILL');
    assert.equal(await ask(unseen.key), [503, '1']);
    assert.is(await running.stop(), 0, running.said());
  });

services('with a token that is none they do not start', async ({ world }) => {
  for (const example of ['express-service', 'http-service']) {
    const environment = { KEYLEDGER_URL: world.server.url, KEYLEDGER_TOKEN: 'svc_wrong' };
    const ended = await start(process.execPath, example, environment).then(
      () => 'it listens',
      (error: Error) => error.message,
    );
    assert.match(ended, /ended:[\s\S]*unauthenticated/);
  }
});

services('the very commands of examples/README.md', async () => {
  const blocks = (path: string) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  const server = await startServer();
  const port = await freePort();
  const folder = temporaryFolder();
  for (const name of ['examples', 'sdk', 'package.json', 'node_modules'])
    symlinkSync(join(root, name), join(folder, name));
  const script = [...blocks('README.md').slice(1), 'echo ---', ...blocks('examples/README.md')]
    .join('\n')
    .replaceAll('http://127.0.0.1:8080', server.url)
    .replaceAll('data/initial-admin', join(server.data, 'initial-admin'))
    .replaceAll('http://127.0.0.1:3000', `http://127.0.0.1:${port}`)
    // However busy this machine is.
    .replace('sleep 1', 'until [ "$(ask -H "Authorization: Bearer $KEY")" = 401 ]; do sleep 0.1; done');
  try {
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', `${script}\nwait || true`], {
      cwd: folder,
      env: { PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`, PORT: port, HOME: folder },
    });
    const after = stdout.slice(stdout.indexOf('---\n') + 4).split('\n');
    assert.equal(
      after.filter((line) => /^\d+$/.test(line)),
      ['200', '403', '401', '401'],
    );
    assert.ok(after.includes('verifier: live'));
    assert.ok(after.some((line) => line.startsWith('revoked: key ')));
  } finally {
    await server.stop();
  }
});

services.run();
