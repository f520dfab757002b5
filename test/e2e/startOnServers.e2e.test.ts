// time limit: 10 min
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type EventStoreDouble, startEventStoreDouble } from '../servers/eventStoreDouble/double.ts';
import { type MongoServer, startMongo } from '../servers/mongodb.ts';
import { type NatsServer, startNats } from '../servers/nats.ts';
import { clientOf, expectStatus, signIn } from '../support/client.ts';
import { administrator, noServers } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { keyledger, launchServer, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { makeCertificate, noOpenssl, tlsDoor } from '../support/tlsDoor.ts';

type Settings = { readonly [variable: string]: string };
type Context = { mongo: MongoServer; nats: NatsServer };

const starts = suite<Context>('starts on servers');
starts.skipUnless(noServers);

const user = 'keyledger';
const right = 'the-right-word';
const wrong = 'another-word';

starts.before(async (context) => {
  const users = `authorization { users = [{ user: "${user}", password: "${right}" }] }`;
  [context.mongo, context.nats] = await Promise.all([startMongo(), startNats({ more: users })]);
});

starts.after(async ({ mongo, nats }) => {
  await Promise.all([mongo.stop(), nats.stop()]);
});

const inDatabase = (url: string, name: string) => url.replace(/\/(?=\?|$)/, `/${name}`);
const inUrl = (text: string) => encodeURIComponent(text);

let installations = 0;

/** Settings of a new installation. */
const newInstallation = async ({ mongo, nats }: Context, first: Settings) => {
  const double = await startEventStoreDouble();
  installations += 1;
  const settings = {
    ...first,
    KEYLEDGER_EVENTSTORE: double.connectionString,
    KEYLEDGER_MONGODB: inDatabase(mongo.url, `installation-${installations}`),
    KEYLEDGER_NATS: `nats://${user}:${inUrl(right)}@127.0.0.1:${nats.port}`,
    KEYLEDGER_MASTER_KEY: randomBytes(32).toString('hex'),
    KEYLEDGER_PEPPER: randomBytes(32).toString('hex'),
  };
  return { double, settings };
};

const given: Settings = {
  KEYLEDGER_ADMIN_EMAIL: administrator.email,
  KEYLEDGER_ADMIN_PASSWORD: administrator.password,
};

const typesIn = ({ log }: EventStoreDouble) =>
  log.records.map(({ type }) => type).filter((type) => !type.startsWith('$'));

const once = ['InstallationCreated', 'KeyPolicyChanged', 'EmailClaimed', 'UserRegistered', 'AdministratorGranted'];

for (const first of [given, {}, {}]) {
  const variant = first === given ? 'with a given password' : 'each with a folder of its own';
  starts(`eight processes at once for the first time: one installation, ${variant}`, async (context) => {
    const { double, settings } = await newInstallation(context, first);
    const roles = ['all', 'api', 'worker', 'api', 'worker', 'api', 'worker', 'all'];
    const outcomes = await Promise.allSettled(roles.map((role) => startServer({ ...settings, KEYLEDGER_ROLE: role })));
    const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    try {
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      const types = typesIn(double);
      for (const type of once) assert.is(types.filter((other) => other === type).length, 1, type);
      assert.not(types.includes('PasswordReset'));
      await requireAdministrator(servers, first);
    } finally {
      const ended = await Promise.all(servers.map((server) => server.stop()));
      for (const { code, stderr } of ended) assert.is(code, 0, stderr);
    }
    await double.close();
  });
}

const requireAdministrator = async (servers: readonly Server[], first: Settings) => {
  const files = servers.map(({ data }) => join(data, 'initial-admin')).filter((file) => existsSync(file));
  assert.is(files.length, first === given ? 0 : 1, 'the one that made them has written it down');
  const [email, password] =
    first === given
      ? [administrator.email, administrator.password]
      : ['admin@localhost', readFileSync(files[0]!, 'utf8').trim()];
  const client = await signIn(servers[1]!, email, password);
  assert.ok(expectStatus(await client.get('/v1/me'), 200).body.roles.includes('admin'));
};

/** Waits for servers: it has said so, and does not listen. */
const waiting = async (settings: Settings) => {
  const launched = launchServer({ ...settings, KEYLEDGER_DATA: join(temporaryFolder(), 'data') });
  const said = launched.ended.then(({ stderr }) => {
    throw new Error(`it did not wait: ${stderr}`);
  });
  said.catch(() => {});
  const asked = eventually(
    async () => /"a store does not answer yet"/.test(launched.stderr()),
    'it says that it waits',
  );
  await Promise.race([asked, said]);
  assert.is(launched.stdout(), '');
  return launched;
};

const listens = ({ stdout }: { stdout: () => string }) =>
  eventually(async () => stdout().includes('Keyledger listening on '), 'it listens');

starts('servers that are away are waited for', async (context) => {
  const { double, settings } = await newInstallation(context, given);
  await double.stop();
  await context.nats.kill();
  const launched = await waiting(settings);
  await double.start();
  await listens(launched);
  launched.child.kill('SIGTERM');
  const { code, stderr } = await launched.ended;
  assert.is(code, 0, stderr);
  await context.nats.start();

  await context.mongo.kill();
  const again = await waiting(settings);
  await context.mongo.start();
  await listens(again);
  again.child.kill('SIGTERM');
  assert.is((await again.ended).code, 0);
  assert.is(typesIn(double).filter((type) => type === 'InstallationCreated').length, 1);
  await double.close();
});

starts('SIGTERM while it waits ends it with 0, soon and with nothing written', async (context) => {
  const { double, settings } = await newInstallation(context, given);
  double.faults.starting = true;
  const launched = await waiting(settings);
  launched.child.kill('SIGTERM');
  const { code, stdout } = await launched.ended;
  assert.equal([code, stdout], [0, '']);
  assert.equal(typesIn(double), []);
  await double.close();
});

/** Ends with 2 and one line that names the setting and not the secret. */
const refused = async (settings: Settings, setting: string, reason: RegExp) => {
  const data = join(temporaryFolder(), 'data');
  const { code, stdout, stderr } = await keyledger(['serve'], {
    ...settings,
    KEYLEDGER_DATA: data,
    KEYLEDGER_LOG_LEVEL: 'fatal',
  });
  assert.equal([code, stdout], [2, ''], stderr);
  assert.match(stderr, /^keyledger: [^\n]+\n$/);
  assert.match(stderr, `${setting}: `);
  assert.match(stderr, reason);
  for (const secret of [wrong, inUrl(wrong), right, inUrl(right)]) assert.not.match(stderr, secret);
};

starts('who is not let in is told which setting is wrong', async (context) => {
  const { double, settings } = await newInstallation(context, given);
  const nats = { ...settings, KEYLEDGER_NATS: `nats://${user}:${inUrl(wrong)}@127.0.0.1:${context.nats.port}` };
  await refused(nats, 'KEYLEDGER_NATS', /authorization/i);
  const mongodb = { ...settings, KEYLEDGER_MONGODB: `mongodb://${user}:${inUrl(wrong)}@127.0.0.1:1/?tls=perhaps` };
  await refused(mongodb, 'KEYLEDGER_MONGODB', /tls/);
  const unsent = double.connectionString.replace('esdb://', `esdb://${user}:${inUrl(wrong)}@`);
  await refused({ ...settings, KEYLEDGER_EVENTSTORE: unsent }, 'KEYLEDGER_EVENTSTORE', /over TLS alone/);
  const server = await startServer(settings);
  assert.is((await server.stop()).code, 0);
  await double.close();
});

const secured = suite<Context>('starts on servers: EventStoreDB with TLS');
secured.skipUnless(noServers ?? noOpenssl);
secured.before(async (context) => {
  [context.mongo, context.nats] = await Promise.all([startMongo(), startNats()]);
});
secured.after(async ({ mongo, nats }) => {
  await Promise.all([mongo.stop(), nats.stop()]);
});

secured('whoever has no right word, or none, is not let in, and who has it is', async (context) => {
  const { double, settings } = await newInstallation(context, given);
  double.faults.credentials = `${user}:${right}`;
  const made = makeCertificate();
  const door = await tlsDoor(double, made);
  const as = (login: string): Settings => ({
    ...settings,
    KEYLEDGER_EVENTSTORE: `esdb://${login}localhost:${door.port}?tls=true&tlsCAFile=${inUrl(made.certificate)}`,
    KEYLEDGER_NATS: '',
  });
  for (const login of [`${user}:${inUrl(wrong)}@`, ''])
    await refused(as(login), 'KEYLEDGER_EVENTSTORE', /access denied/);
  assert.equal(typesIn(double), []);
  const server = await startServer(as(`${user}:${inUrl(right)}@`));
  assert.is((await server.stop()).code, 0);
  assert.ok(typesIn(double).includes('InstallationCreated'));
  door.close();
  await double.close();
});

starts('a process without a disk starts from a snapshot and the log’s tail', async (context) => {
  const { double, settings } = await newInstallation(context, given);
  const server = await startServer(settings);
  const admin = await signIn(server, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional', maxKeysPerUser: 1000 }), 200);
  const wanted = { name: 'gate', permissions: ['verify'] };
  const { token } = expectStatus(await admin.post('/v1/admin/service-tokens', wanted), 201).body;
  const make = async (name: string) => expectStatus(await admin.post('/v1/api-keys', { name }), 201).body;
  const keys: { id: string; key: string }[] = [];
  for (let round = 0; round < 20; round += 1)
    keys.push(...(await Promise.all(Array.from({ length: 10 }, (_, index) => make(`key ${round} ${index}`)))));
  assert.is((await server.stop()).code, 0, 'it leaves a snapshot');
  const events = typesIn(double).length;
  assert.ok(events > 200);

  const served = (): number => double.served.events;
  const startFresh = async () => {
    const before = served();
    const fresh = await startServer({ ...settings, KEYLEDGER_ROLE: 'api' });
    const service = clientOf(fresh, { authorization: `Bearer ${token}` });
    const answer = await service.post('/v1/verify', { key: keys[7]!.key });
    const read = served() - before;
    return { fresh, service, code: expectStatus(answer, 200).body.code, read };
  };
  const first = await startFresh();
  assert.is(first.code, 'valid');
  assert.ok(first.read < events / 2, `${first.read} events of ${events} were read`);
  const atFirst = await signIn(first.fresh, administrator.email, administrator.password);
  expectStatus(await atFirst.delete(`/v1/api-keys/${keys[7]!.id}`), 204);
  assert.is((await first.fresh.stop()).code, 0);

  const second = await startFresh();
  assert.is(second.code, 'revoked', 'what came after the snapshot is read');
  assert.ok(second.read < events / 2, `${second.read} events of ${events} were read`);
  assert.is((await second.fresh.stop()).code, 0);
  await double.close();
});

starts.run();
secured.run();
