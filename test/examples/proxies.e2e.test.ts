import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { startForService } from '../sdk/service.ts';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/freePort.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

type Addresses = { readonly port: string; readonly keyledger: string; readonly service: string };
type Proxy = {
  readonly name: string;
  /** Why it cannot run; null where it can. */
  readonly missing: string | null;
  /** Writes the example's configuration with these addresses, without TLS. @returns the command that runs it */
  readonly command: (folder: string, addresses: Addresses) => readonly [program: string, ...args: string[]];
  /** The command that checks what the former wrote; null: it has none. */
  readonly check: ((folder: string) => readonly [program: string, ...args: string[]]) | null;
  /** Whether it says by itself that Keyledger is away; else it fails, and waits for a silent one for longer than a test. */
  readonly knows: boolean;
};

/** Debian puts nginx where only root looks. */
const programNamed = (
  name: string,
  folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'],
): string | null => folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;

const given = (path: string) => readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8');

/** Says so where the example has not that text any more: its place would be left as it is. */
const replaced = (config: string, ...changes: readonly (readonly [from: string, to: string])[]): string =>
  changes.reduce((done, [from, to]) => {
    assert.ok(done.includes(from), `the example has ${from}`);
    return done.replaceAll(from, to);
  }, config);

const nginx: Proxy = {
  name: 'nginx',
  missing: programNamed('nginx') === null ? 'no program nginx on PATH' : null,
  command: (folder, { port, keyledger, service }) => {
    const site = replaced(
      given('nginx/reports.conf'),
      ['server 127.0.0.1:8080;', `server ${keyledger};`],
      ['server 127.0.0.1:3000;', `server ${service};`],
      ['  ssl_certificate /etc/ssl/reports.example.com.pem;\n', ''],
      ['  ssl_certificate_key /etc/ssl/reports.example.com.key;\n', ''],
      ['listen 443 ssl;', `listen 127.0.0.1:${port};`],
      ['listen 80;', `listen unix:${folder}/plain.sock;`],
    );
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${folder}/${kind};`,
    );
    // Started by root, it would work as somebody who may not open this folder.
    const user = process.getuid?.() === 0 ? 'user root; ' : '';
    const whole = `${user}daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1;
      events {} http { access_log off; ${paths.join(' ')} include ${folder}/reports.conf; }\n`;
    writeFileSync(join(folder, 'reports.conf'), site);
    writeFileSync(join(folder, 'nginx.conf'), whole);
    return [programNamed('nginx')!, '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')];
  },
  knows: true,
  check: (folder) => [programNamed('nginx')!, '-t', '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')],
};

const caddy: Proxy = {
  name: 'Caddy',
  missing: programNamed('caddy') === null ? 'no program caddy on PATH' : null,
  command: (folder, { port, keyledger, service }) => {
    const site = replaced(
      given('caddy/Caddyfile'),
      ['forward_auth 127.0.0.1:8080', `forward_auth ${keyledger}`],
      ['reverse_proxy 127.0.0.1:3000', `reverse_proxy ${service}`],
      ['http://reports.example.com {', `http://plain.example.com:${port} {`],
      ['\nreports.example.com {', `\nhttp://reports.example.com:${port} {`],
    );
    const file = join(folder, 'Caddyfile');
    writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n${site}`);
    return [programNamed('caddy')!, 'run', '--config', file, '--adapter', 'caddyfile'];
  },
  knows: true,
  check: (folder) => [
    programNamed('caddy')!,
    'validate',
    '--config',
    join(folder, 'Caddyfile'),
    '--adapter',
    'caddyfile',
  ],
};

// Nobody packs it for Debian: where it is compiled to by hand, it is found.
const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const traefikProgram = programNamed('traefik') ?? programNamed('traefik', [join(cache, 'keyledger')]);

const traefik: Proxy = {
  name: 'Traefik',
  missing: traefikProgram === null ? 'no program traefik, neither on PATH nor in ~/.cache/keyledger' : null,
  command: (folder, { port, keyledger, service }) => {
    const dynamic = replaced(
      given('traefik/reports.yaml'),
      ['http://127.0.0.1:8080/', `http://${keyledger}/`],
      ['http://127.0.0.1:3000', `http://${service}`],
      ['      tls:\n        certResolver: letsencrypt\n', ''],
    );
    const start = replaced(
      given('traefik/traefik.yaml'),
      ['address: ":80"', `address: "127.0.0.1:0"`],
      ['address: ":443"', `address: "127.0.0.1:${port}"`],
      ['/var/lib/traefik/acme.json', join(folder, 'acme.json')],
      ['/etc/traefik/reports.yaml', join(folder, 'reports.yaml')],
    );
    writeFileSync(join(folder, 'reports.yaml'), dynamic);
    writeFileSync(
      join(folder, 'traefik.yaml'),
      `${start}\nglobal: { checkNewVersion: false, sendAnonymousUsage: false }\n`,
    );
    return [traefikProgram!, `--configFile=${join(folder, 'traefik.yaml')}`];
  },
  check: null,
  knows: false,
};

type Asked = { readonly method: string; readonly url: string; readonly headers: IncomingHttpHeaders; body: string };
type Listening = { readonly server: Server; readonly address: string; readonly seen: Asked[] };

const listen = async (answer: (asked: Asked, ...rest: Parameters<RequestListener>) => void): Promise<Listening> => {
  const seen: Asked[] = [];
  const server = createServer((incoming, response) => {
    const asked: Asked = { method: incoming.method!, url: incoming.url!, headers: incoming.headers, body: '' };
    text(incoming)
      .then((body) => {
        asked.body = body;
        seen.push(asked);
        answer(asked, incoming, response);
      })
      .catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
};

type Got = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly raw: string[]; body: string };
type Context = {
  world: Awaited<ReturnType<typeof startForService>>;
  owner: Client;
  /** What stands before the real Keyledger: it tells what was asked, and may be away. */
  front: Listening & { mode: 'there' | 'unproven' | 'silent' };
  service: Listening;
  call: (headers: Record<string, string>, body?: string, path?: string) => Promise<Got>;
  end: () => Promise<void>;
};

const unproven = '{"type":"/problems/unavailable","title":"x","status":503,"detail":"x","code":"unavailable"}';

// Of an application whose scopes, the highest bringing all others, make a header of six thousand characters.
const manyActions = Array.from({ length: 150 }, (_, n) => `look-at-the-dashboard-${1000 + n}`);

const startBehind = async (proxy: Proxy): Promise<Context> => {
  const world = await startForService();
  const items = [
    ...['reports', 'streams'].map((application) => ({ application, actions: ['read', 'write'] })),
    { application: 'analytics', actions: manyActions },
  ];
  expectStatus(await world.admin.put('/v1/admin/scopes', { items }), 200);
  const { client: owner } = await world.member('ada@example.com');

  const front = {
    mode: 'there' as Context['front']['mode'],
    ...(await listen(({ method, url, headers }, _, response) => {
      if (front.mode === 'silent') return;
      if (front.mode === 'unproven') {
        response.writeHead(503, { 'Content-Type': 'application/problem+json', 'Retry-After': '1' }).end(unproven);
        return;
      }
      const onward = request(`${world.server.url}${url}`, { method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      onward.end();
    })),
  };
  const service = await listen(({ url, body }, _, response) => {
    const status = Number(/^\/status\/(\d+)$/.exec(url)?.[1] ?? 200);
    response.writeHead(status).end(`service ${body}`);
  });

  const folder = temporaryFolder();
  const port = await freePort();
  const addresses = { port, keyledger: front.address, service: service.address };
  const [program, ...args] = proxy.command(folder, addresses);
  if (proxy.check !== null) {
    const [checker, ...checks] = proxy.check(folder);
    const checked = spawnSync(checker, checks, { encoding: 'utf8', env: { ...process.env, HOME: folder } });
    assert.is(checked.status, 0, checked.stderr);
  }
  const child: ChildProcess = spawn(program, args, {
    env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const said = text(child.stderr!);

  const call: Context['call'] = async (headers, body, path = '/a/report?of=may') => {
    const method = body === undefined ? 'GET' : 'POST';
    const host = 'reports.example.com';
    const outgoing = request({ port, host: '127.0.0.1', path, method, headers: { ...headers, host }, agent: false });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    const { statusCode: status, headers: got, rawHeaders: raw } = response;
    return { status, headers: got, raw, body: await text(response) };
  };
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`${proxy.name} ended: ${await said}`);
    return call({}).then(
      ({ status }) => status === 401,
      () => false,
    );
  }, `${proxy.name} answers`);

  const end = async () => {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
    for (const { server } of [front, service]) {
      server.closeAllConnections();
      server.close();
    }
    await world.server.stop();
  };
  return { world, owner, front, service, call, end };
};

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });
const valuesOf = ({ raw }: Got, name: string) =>
  raw.filter((_, at) => at % 2 === 1 && raw[at - 1]!.toLowerCase() === name);
const codeOf = ({ body }: Got) => JSON.parse(body).code;

for (const proxy of [nginx, caddy, traefik]) {
  const behind = suite<Context>(`a service behind ${proxy.name}`);
  behind.skipUnless(proxy.missing);

  behind.before(async (context) => {
    Object.assign(context, await startBehind(proxy));
  });
  behind.after(({ end }) => end());
  behind.before.each(({ front, service }) => {
    front.mode = 'there';
    front.seen.length = 0;
    service.seen.length = 0;
  });

  behind('gets whoever has a key, with whose it is and without the key', async ({ world, owner, service, call }) => {
    const { id, key } = await world.makeKey(owner, 'good');
    const { id: ownerId } = expectStatus(await owner.get('/v1/me'), 200).body;
    for (const header of [bearer(key), { 'X-API-KEY': key }] as Record<string, string>[]) {
      const got = await call(header, 'a body');
      assert.is(got.status, 200, got.body);
      assert.is(got.body, 'service a body');
    }
    assert.is(service.seen.length, 2);
    for (const { method, url, headers } of service.seen) {
      assert.is(`${method} ${url}`, 'POST /a/report?of=may');
      assert.is(headers['keyledger-key-id'], id);
      assert.is(headers['keyledger-owner-id'], ownerId);
      assert.is(headers['keyledger-scopes'], 'reports:read');
      assert.is(headers.authorization, undefined);
      assert.is(headers['x-api-key'], undefined);
      assert.is(headers.host, 'reports.example.com');
    }
  });

  behind('gets whoever has a key with more scopes than most', async ({ world, owner, service, call }) => {
    const { key } = await world.makeKey(owner, 'many', ['reports:read', `analytics:${manyActions.at(-1)}`]);
    const got = await call(bearer(key));
    assert.is(got.status, 200, got.body);
    assert.is(String(service.seen[0]!.headers['keyledger-scopes']).split(' ').length, 1 + manyActions.length);
  });

  behind('Keyledger gets no body and no cookie, and learns who really called', async (context) => {
    const { world, owner, front, call } = context;
    const { key } = await world.makeKey(owner, 'plain');
    const client = { ...bearer(key), Cookie: 'session=x', 'X-Forwarded-For': '203.0.113.9', 'User-Agent': 'tester' };
    assert.is((await call(client, 'x'.repeat(20_000))).status, 200);
    const [{ method, url, headers, body }] = front.seen as [Asked];
    assert.is(`${method} ${url}`, 'GET /v1/forward-auth?scope=reports:read');
    assert.is(body, '');
    assert.is(headers['content-length'] ?? '0', '0');
    assert.is(headers['transfer-encoding'], undefined);
    assert.is(headers.cookie, undefined);
    assert.is(headers['x-forwarded-for'], '127.0.0.1');
    assert.is(headers['user-agent'], 'tester');
  });

  behind('takes no word from a client about who they are', async ({ world, owner, service, call }) => {
    const { id, key } = await world.makeKey(owner, 'forged');
    const forged = { 'Keyledger-Key-Id': 'x', 'keyledger-owner-id': 'x', 'KEYLEDGER-SCOPES': '*:*' };
    assert.is((await call({ ...bearer(key), ...forged, Keyledger_Key_Id: 'x' })).status, 200);
    const [{ headers }] = service.seen as [Asked];
    assert.is(headers['keyledger-key-id'], id);
    assert.is.not(headers['keyledger-owner-id'], 'x');
    assert.is(headers['keyledger-scopes'], 'reports:read');
  });

  behind('401, 403 and 400 come as Keyledger says them', async ({ world, owner, service, call }) => {
    const { key } = await world.makeKey(owner, 'other', ['streams:read']);
    const none = await call({});
    const wrong = await call(bearer('wrong'), 'a body');
    const lacking = await call(bearer(key));
    const both = await call({ ...bearer(key), 'X-API-KEY': 'another' });
    assert.equal(
      [none, wrong, lacking, both].map(({ status }) => status),
      [401, 401, 403, 400],
    );
    assert.equal(valuesOf(none, 'www-authenticate'), ['Bearer realm="keyledger"']);
    assert.equal(valuesOf(wrong, 'www-authenticate'), ['Bearer realm="keyledger", error="invalid_token"']);
    assert.equal(valuesOf(lacking, 'www-authenticate'), ['Bearer realm="keyledger", error="insufficient_scope"']);
    assert.equal([wrong, lacking, both].map(codeOf), ['invalid-key', 'insufficient-scope', 'ambiguous-credentials']);
    for (const { headers } of [none, wrong, lacking, both]) {
      assert.match(headers['content-type'] ?? '', /^application\/problem\+json/);
      assert.is(headers['retry-after'], undefined);
    }
    assert.is(service.seen.length, 0);
  });

  behind('a revoked key is refused with the next request', async ({ world, owner, call }) => {
    const { id, key } = await world.makeKey(owner, 'revoked');
    assert.is((await call(bearer(key))).status, 200);
    expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
    assert.is((await call(bearer(key))).status, 401);
  });

  behind("the service's own errors pass as they are", async ({ world, owner, call }) => {
    const { key } = await world.makeKey(owner, 'errors');
    for (const status of [401, 403, 404, 500, 503]) {
      const got = await call(bearer(key), undefined, `/status/${status}`);
      assert.equal([got.status, got.body], [status, 'service ']);
    }
  });

  const unknown = proxy.knows
    ? '503 where Keyledger cannot know, is silent, or away'
    : '503 where Keyledger cannot know';
  behind(unknown, async (context) => {
    const { world, owner, front, service, call } = context;
    const { key } = await world.makeKey(owner, 'patient');
    const is503 = async (what: string) => {
      const got = await call(bearer(key), 'a body');
      assert.is(got.status, 503, what);
      assert.equal(valuesOf(got, 'retry-after'), ['1'], what);
      assert.match(got.headers['content-type'] ?? '', /^application\/problem\+json/);
      assert.is(codeOf(got), 'unavailable');
    };
    front.mode = 'unproven';
    await is503('it says so');
    if (!proxy.knows) {
      front.server.closeAllConnections();
      front.server.close();
      assert.is((await call(bearer(key))).status, 500, 'it is away');
      assert.is(service.seen.length, 0);
      return;
    }
    front.mode = 'silent';
    await is503('it is silent');
    front.server.closeAllConnections();
    front.server.close();
    await is503('it is away');
    assert.is(service.seen.length, 0);
  });

  behind.run();
}
