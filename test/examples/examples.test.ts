import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { freePort } from '../support/freePort.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const text = (path: string) => readFileSync(join(folder, path), 'utf8');
const all = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const filesOf = (example: string) => readdirSync(join(folder, example)).filter((name) => name !== 'node_modules');
const identity = ['Keyledger-Key-Id', 'Keyledger-Owner-Id', 'Keyledger-Scopes'];

const examples = suite('examples/');

examples('each is told of, says what it is, and links to what is there', () => {
  assert.is(all.length, 6);
  for (const example of all) {
    assert.ok(text('README.md').includes(`](${example}/)`), `README.md lists ${example}`);
    assert.match(text(`${example}/README.md`), /^# /);
  }
  for (const [where, readme] of [['', text('README.md')], ...all.map((name) => [name, text(`${name}/README.md`)])])
    for (const [, link] of readme!.matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g))
      assert.ok(existsSync(join(folder, where!, link!)), `${where}/README.md links to ${link}`);
});

const programs = all.filter((name) => existsSync(join(folder, name, 'package.json')));

examples('every program can be read by Node, and imports what its package.json says and no more', () => {
  assert.equal(programs.sort(), ['express-service', 'http-service', 'nats-subscriber']);
  for (const example of programs) {
    const { type, dependencies, scripts, engines } = JSON.parse(text(`${example}/package.json`));
    assert.is(type, 'module');
    assert.is(engines.node, '>=20');
    const sources = filesOf(example).filter((name) => name.endsWith('.js'));
    assert.ok(sources.includes(scripts.start.replace('node ', '')));
    const imported = new Set<string>();
    for (const name of sources) {
      const { status, stderr } = spawnSync(process.execPath, ['--check', join(folder, example, name)]);
      assert.is(status, 0, String(stderr));
      for (const [, from] of text(`${example}/${name}`).matchAll(/ from '([^']+)'/g))
        if (!/^(node:|\.\/)/.test(from!)) imported.add(from!);
    }
    assert.equal([...imported].sort(), Object.keys(dependencies).sort());
  }
});

examples('no proxy leaves a client its own identity', () => {
  const nginx = text('nginx/reports.conf');
  for (const name of identity) assert.match(nginx, new RegExp(`proxy_set_header ${name} \\$keyledger_`));
  const caddy = text('caddy/Caddyfile');
  assert.ok(caddy.includes(`copy_headers ${identity.join(' ')}`));
  assert.ok(caddy.indexOf('request_header -Keyledger-*') < caddy.indexOf('forward_auth'));
});

examples("Traefik's files have the form of Traefik's", () => {
  const { entryPoints, certificatesResolvers, providers } = parse(text('traefik/traefik.yaml'));
  assert.match(providers.file.filename, /reports\.yaml$/);
  const { routers, middlewares, services } = parse(text('traefik/reports.yaml')).http;
  type Router = { entryPoints: string[]; tls: { certResolver: string }; middlewares: string[]; service: string };
  for (const router of Object.values(routers) as Router[]) {
    for (const name of router.entryPoints) assert.ok(name in entryPoints && name !== 'web');
    assert.ok(router.tls.certResolver in certificatesResolvers);
    assert.equal(router.middlewares, ['keyledger', 'without-key']);
    assert.ok(router.service in services);
  }
  const { address, authRequestHeaders, authResponseHeadersRegex, trustForwardHeader, ...rest } =
    middlewares.keyledger.forwardAuth;
  assert.match(address, /^http:\/\/[^/]+\/v1\/forward-auth\?scope=reports:read$/);
  assert.equal(authRequestHeaders, ['Authorization', 'X-API-Key', 'User-Agent']);
  for (const name of identity) assert.match(name, new RegExp(authResponseHeadersRegex));
  assert.is(trustForwardHeader, false);
  assert.equal(rest, {});
  assert.equal(middlewares['without-key'].headers.customRequestHeaders, { Authorization: '', 'X-API-Key': '' });
});

examples.run();

const programNamed = (name: string): string | null =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
    .map((place) => join(place, name))
    .find((file) => existsSync(file)) ?? null;

const nginx = programNamed('nginx');
const openssl = programNamed('openssl');
const takes = suite('examples/nginx/reports.conf, as it is');
takes.skipUnless(nginx === null || openssl === null ? 'no programs nginx and openssl on PATH' : null);

takes('nginx -t', async () => {
  const place = temporaryFolder();
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(place, name));
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  const subject = ['-subj', '/CN=reports.example.com', '-keyout', key!, '-out', cert!];
  assert.is(spawnSync(openssl!, [...made, ...subject]).status, 0);
  const site = text('nginx/reports.conf')
    .replace('/etc/ssl/reports.example.com.pem', cert!)
    .replace('/etc/ssl/reports.example.com.key', key!)
    // Below 1024 only root may.
    .replace('listen 443 ssl', `listen 127.0.0.1:${await freePort()} ssl`)
    .replace('listen 80', `listen 127.0.0.1:${await freePort()}`);
  writeFileSync(join(place, 'reports.conf'), site);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${place}/${kind};`,
  );
  const whole = `pid ${place}/pid; error_log stderr; events {} http { access_log off; ${paths.join(' ')} include reports.conf; }`;
  writeFileSync(join(place, 'nginx.conf'), whole);
  const args = ['-t', '-e', 'stderr', '-p', place, '-c', join(place, 'nginx.conf')];
  const { status, stderr } = spawnSync(nginx!, args, { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  assert.not.match(stderr, /\[warn\]/);
});

takes.run();

const caddy = programNamed('caddy');
const adapts = suite('examples/caddy/Caddyfile, as it is');
adapts.skipUnless(caddy === null ? 'no program caddy on PATH' : null);

adapts('caddy adapt, and it is formatted', () => {
  const file = join(folder, 'caddy/Caddyfile');
  const { status, stderr } = spawnSync(caddy!, ['adapt', '--config', file], { encoding: 'utf8' });
  assert.is(status, 0, stderr);
  assert.not.match(stderr, /not formatted/);
});

adapts.run();
