import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readConfiguration } from '../../main/configuration.ts';
import { suite } from '../support/suite.ts';
import { composeText, networksOf, readCompose, type Service, sourceOf, targetOf, variablesOf } from './composeFile.ts';
import { makeSecrets, noOpenssl } from './secrets.ts';

const example = readFileSync('deploy/env.example', 'utf8');
const given = Object.fromEntries([...example.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
const compose = readCompose(given);
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const docs = readFileSync('docs/deploy.md', 'utf8');
const none: readonly never[] = [];

const wrong = (is: (service: Service, name: string) => boolean) =>
  services.filter(([name, service]) => is(service, name)).map(([name]) => name);

const files = suite('deploy/compose.yaml');

files('has two API processes and two workers, and the servers that they need', () => {
  const roles = ours.map(([, { environment }]) => environment!.KEYLEDGER_ROLE);
  assert.equal(roles, ['api', 'api', 'worker', 'worker']);
  for (const image of ['eventstore/eventstore', 'mongo', 'nats', 'caddy'])
    assert.ok(services.some(([, service]) => service.image.split(':')[0] === image));
});

files('pins every image to one release', () => {
  assert.equal(
    wrong(({ image }) => !/^[\w./-]+:\d+\.\d+\.\d+(-[\w.-]+)?$/.test(image)),
    none,
  );
  const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
  assert.equal([...new Set(ours.map(([, { image }]) => image))], [`keyledger:${version}`]);
});

files('says of each service whether it is well, or waits for it to be over', () => {
  const awaited = new Set(
    services.flatMap(([, { depends_on = {} }]) =>
      Object.entries(depends_on)
        .filter(([, { condition }]) => condition === 'service_completed_successfully')
        .map(([name]) => name),
    ),
  );
  assert.equal([...awaited], ['mongodb-setup']);
  assert.equal(
    wrong(({ healthcheck }, name) => !awaited.has(name) && !healthcheck?.test?.[0]?.startsWith('CMD')),
    none,
  );
});

files('waits only for what can come true', () => {
  const conditions = services.flatMap(([from, { depends_on = {} }]) =>
    Object.entries(depends_on).map(([on, { condition }]) => ({ from, on, condition })),
  );
  assert.ok(conditions.length > 10);
  for (const { on, condition } of conditions) {
    assert.ok(on in compose.services, on);
    if (condition === 'service_healthy') assert.ok(compose.services[on]!.healthcheck, on);
  }
  const before = (name: string, seen: readonly string[] = []): void => {
    assert.not(seen.includes(name), `${seen.join(' waits for ')} waits for ${name}`);
    for (const on of Object.keys(compose.services[name]!.depends_on ?? {})) before(on, [...seen, name]);
  };
  for (const [name] of services) before(name);
});

files('starts again what ends, bounds what it takes, and gives it no more rights than it needs', () => {
  assert.equal(
    wrong(({ restart }) => !/^(unless-stopped|on-failure:\d+)$/.test(restart ?? '')),
    none,
  );
  assert.equal(
    wrong(({ mem_limit }) => !/^\d+[mg]$/.test(mem_limit ?? '')),
    none,
  );
  assert.equal(
    wrong(({ read_only, cap_drop, privileged }) => !read_only || cap_drop?.[0] !== 'ALL' || privileged === true),
    none,
  );
});

files('lets the proxy alone be reached from outside, and no store reach it', () => {
  assert.equal(
    wrong(({ ports }) => ports !== undefined),
    ['proxy'],
  );
  for (const store of ['eventstore', 'mongodb', 'nats'])
    for (const network of networksOf(compose.services[store]!))
      assert.is(compose.networks[network]!.internal, true, `${store} is on ${network}`);
  assert.not(networksOf(compose.services.proxy!).some((network) => network === 'stores' || network === 'messages'));
  assert.equal(networksOf(compose.services.sample!), ['sample']);
});

const bits = (address: string) => address.split('.').reduce((all, part) => all * 256 + Number(part), 0);
const isIn = (address: string, range: string) => {
  const [from = '', length] = range.split('/');
  const size = 2 ** (32 - Number(length));
  return bits(address) >= bits(from) && bits(address) < bits(from) + size;
};

files('has the API processes believe the proxy and nobody else', () => {
  const { networks } = compose.services.proxy!;
  assert.not(Array.isArray(networks));
  const address = (networks as Exclude<typeof networks, readonly string[]>).front!.ipv4_address!;
  const [range] = compose.networks.front!.ipam!.config;
  assert.ok(isIn(address, range!.subnet));
  assert.not(isIn(address, range!.ip_range), 'Docker could give it to another');
  for (const [name, service] of ours.filter(([, { environment }]) => environment!.KEYLEDGER_ROLE === 'api')) {
    assert.is(service.environment!.KEYLEDGER_TRUSTED_PROXIES, address);
    assert.is(service.environment!.KEYLEDGER_FORWARD_AUTH_FROM, address);
    // On another network in common it would come from another address.
    const common = networksOf(service).filter((network) => networksOf(compose.services.proxy!).includes(network));
    assert.equal(common, ['front'], name);
  }
});

files('defines what is used and uses what is defined', () => {
  const used = (kind: 'secrets' | 'configs') =>
    new Set(services.flatMap(([, service]) => (service[kind] ?? []).map(sourceOf)));
  const sorted = (names: Iterable<string>) => [...names].sort();
  assert.equal(sorted(used('secrets')), sorted(Object.keys(compose.secrets)));
  assert.equal(sorted(used('configs')), sorted(Object.keys(compose.configs)));
  const volumes = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]!));
  assert.equal(sorted(new Set(volumes)), sorted(Object.keys(compose.volumes)));
  assert.equal(
    sorted(new Set(services.flatMap(([, service]) => networksOf(service)))),
    sorted(Object.keys(compose.networks)),
  );
  for (const { file } of Object.values(compose.configs)) assert.ok(existsSync(join('deploy', file)), file);
});

files('reads no secret that it was not given', () => {
  for (const [name, service] of services) {
    const mounted = new Set((service.secrets ?? []).map(targetOf));
    const text = JSON.stringify([service.command, service.entrypoint, service.environment, service.healthcheck]);
    for (const [path] of text.matchAll(/\/(?:run\/secrets|etc\/eventstore\/ca)\/[\w.-]+/g))
      assert.ok(mounted.has(path), `${name} has no ${path}`);
  }
});

files('asks for variables that are documented, each with an example', () => {
  const asked = variablesOf(composeText);
  assert.equal([...asked].sort(), Object.keys(given).sort());
  for (const name of asked) assert.ok(docs.includes(`\`${name}\``), `docs/deploy.md says nothing of ${name}`);
  assert.throws(() => readCompose({}), /PUBLIC_HOST|ADMIN_EMAIL/);
});

files('documents every secret and every volume', () => {
  for (const name of [...Object.keys(compose.secrets), 'ca.key', ...Object.keys(compose.volumes)])
    assert.ok(docs.includes(`\`${name}\``), `docs/deploy.md says nothing of ${name}`);
});

files('holds no secret, nor does any file beside it', () => {
  const committed = readdirSync('deploy', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== '.env')
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => !file.startsWith(join('deploy', 'secrets')));
  assert.ok(committed.length > 8);
  for (const file of committed) {
    const text = readFileSync(file, 'utf8');
    assert.not.match(text, /-----BEGIN/, file);
    assert.not.match(text, /changeit/i, file);
    // A credential in a URL, or a password that is written out rather than read from somewhere.
    assert.not.match(text, /\/\/[\w-]+:[^$@\s/]+@/, file);
    assert.not.match(text, /password\w*\s*[:=]\s*["']?[A-Za-z0-9]{6,}["']?\s*$/im, file);
    assert.not.match(text, /[0-9a-f]{40,}|[A-Za-z0-9+/]{43}=/, file);
  }
  assert.match(readFileSync('.gitignore', 'utf8'), /^secrets\/$/m);
  assert.match(readFileSync('.gitignore', 'utf8'), /^\.env$/m);
});

const composePlugin = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0;

files.run();

const judged = suite('deploy/compose.yaml, read by Docker Compose');
judged.skipUnless(composePlugin ? null : 'no docker compose on PATH');
judged('is as it must be', () => {
  const { status, stderr } = spawnSync('docker', ['compose', '-f', 'deploy/compose.yaml', 'config', '--quiet'], {
    env: { ...process.env, ...given },
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
});
judged.run();

const made = suite('deploy/compose.yaml, with the secrets of deploy/make-secrets.sh');
made.skipUnless(noOpenssl);

let folder: string;
made.before(() => {
  folder = makeSecrets();
});

made('finds every secret', () => {
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    assert.is(file, `secrets/${name}`);
    assert.ok(statSync(join(folder, name)).size > 0, name);
  }
});

made('gives Keyledger what it accepts', () => {
  for (const [name, service] of ours) {
    const here = new Map((service.secrets ?? []).map((mount) => [targetOf(mount), join(folder, sourceOf(mount))]));
    const environment = Object.entries(service.environment!).map(([variable, value]) => [
      variable,
      variable.endsWith('_FILE') ? here.get(value) : value,
    ]);
    for (const [variable, value] of environment) assert.type(value, 'string', `${name}: ${variable}`);
    const configuration = readConfiguration(Object.fromEntries(environment));
    assert.is(configuration.role, service.environment!.KEYLEDGER_ROLE);
    assert.is(configuration.host, '0.0.0.0');
    for (const needed of ['eventStore', 'mongodb', 'publicUrl', 'firstAdministrator'] as const)
      assert.ok(configuration[needed] !== null, `${name}: ${needed}`);
    for (const key of Object.values(configuration.keys)) assert.is(Buffer.from(key!, 'base64').length, 32);
    assert.is(configuration.nats !== null, configuration.role === 'worker');

    const certificate = new URL(configuration.eventStore!).searchParams.get('tlsCAFile')!;
    assert.ok(here.has(certificate), `${name} has no ${certificate}`);
    for (const url of [configuration.eventStore, configuration.mongodb, configuration.nats])
      if (url !== null) assert.ok(new URL(url).hostname in compose.services, `${name}: ${new URL(url).hostname}`);
  }
});

made.run();
