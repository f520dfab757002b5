import { randomBytes } from 'node:crypto';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { readConfiguration } from '../../main/configuration.ts';
import { openExplained } from '../../main/program.ts';
import { StartError } from '../../main/startError.ts';
import { type EventStoreDouble, startEventStoreDouble } from '../servers/eventStoreDouble/double.ts';
import { type MongoServer, noMongoToStop, startMongo } from '../servers/mongodb.ts';
import { type Client, clientOf, expectStatus, serviceWith, signIn } from '../support/client.ts';
import { administrator } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { copyOfMongo, fingerprintOf, type MongoCopy, putInMongo } from '../support/mongoCopy.ts';
import { keyledger, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

type Settings = { readonly [variable: string]: string };

/** An installation at one time, its processes stopped. */
type Moment = {
  /** The journal of its log. */
  readonly log: string;
  readonly mongo: MongoCopy;
  readonly databases: { readonly vault: string; readonly lists: string };
  readonly keys: Settings;
};

type Context = {
  mongo: MongoServer;
  early: Moment;
  late: Moment;
  other: Moment;
};

const stores = suite<Context>('stores on servers that do not belong together');
stores.skipUnless(noMongoToStop);

const inDatabase = (url: string, name: string) => url.replace(/\/(?=\?|$)/, `/${name}`);
const databasesOf = (name: string) => ({ vault: `${name}-vault`, lists: `${name}-lists` });
const newKeys = (): Settings => ({
  KEYLEDGER_MASTER_KEY: randomBytes(32).toString('hex'),
  KEYLEDGER_PEPPER: randomBytes(32).toString('hex'),
});
const first: Settings = {
  KEYLEDGER_ADMIN_EMAIL: administrator.email,
  KEYLEDGER_ADMIN_PASSWORD: administrator.password,
};

const person = { email: 'ada@example.com', password: 'a passphrase of some length', roles: ['member'] };

/** @returns it after its first start, and after more was done */
const installation = async (mongo: MongoServer, name: string): Promise<readonly [Moment, Moment]> => {
  const file = join(temporaryFolder(), 'log');
  const double = await startEventStoreDouble({ file });
  const keys = newKeys();
  const databases = databasesOf(name);
  const moment = async (work: (admin: Client) => Promise<void>): Promise<Moment> => {
    const server = await startServer({
      ...keys,
      ...first,
      KEYLEDGER_EVENTSTORE: double.connectionString,
      KEYLEDGER_MONGODB: inDatabase(mongo.url, name),
    });
    await work(await signIn(server, administrator.email, administrator.password));
    const { code, stderr } = await server.stop();
    assert.is(code, 0, stderr);
    const log = join(temporaryFolder(), 'log');
    cpSync(file, log);
    return { log, keys, databases, mongo: await copyOfMongo(mongo.url, Object.values(databases)) };
  };
  const early = await moment(async () => {});
  const late = await moment(async (admin) => {
    expectStatus(await admin.post('/v1/admin/users', person), 201);
    expectStatus(await admin.put('/v1/admin/policy', { enabled: true }), 200);
  });
  await double.close();
  return [early, late];
};

stores.before(async (context) => {
  context.mongo = await startMongo();
  const [[early, late], [, other]] = [
    await installation(context.mongo, 'one'),
    await installation(context.mongo, 'two'),
  ];
  Object.assign(context, { early, late, other });
});

stores.after(({ mongo }) => mongo.stop());

type Mixed = {
  readonly log: Moment | null;
  readonly vault: Moment | null;
  readonly lists: Moment | null;
  readonly keys: Moment;
};

type Mixture = {
  readonly settings: Settings;
  readonly double: EventStoreDouble;
  /** The same as long as nobody has written anything anywhere. */
  readonly content: () => Promise<string>;
  readonly end: () => Promise<void>;
};

let mixtures = 0;

const mix = async ({ mongo }: Context, { log, vault, lists, keys }: Mixed): Promise<Mixture> => {
  const file = join(temporaryFolder(), 'log');
  if (log === null) writeFileSync(file, '');
  else cpSync(log.log, file);
  const double = await startEventStoreDouble({ file });
  mixtures += 1;
  const name = `mixture-${mixtures}`;
  const databases = databasesOf(name);
  if (vault !== null) await putInMongo(mongo.url, vault.mongo, vault.databases.vault, databases.vault);
  if (lists !== null) await putInMongo(mongo.url, lists.mongo, lists.databases.lists, databases.lists);
  return {
    double,
    settings: {
      ...keys.keys,
      ...first,
      KEYLEDGER_DATA: join(temporaryFolder(), 'data'),
      KEYLEDGER_EVENTSTORE: double.connectionString,
      KEYLEDGER_MONGODB: inDatabase(mongo.url, name),
    },
    content: async () =>
      `${double.log.records.length} ${fingerprintOf(await copyOfMongo(mongo.url, Object.values(databases)))}`,
    end: () => double.close(),
  };
};

/** The start refuses it with one line that names all of these, and everything is as it was. */
const refused = async (context: Context, mixed: Mixed, names: readonly (string | RegExp)[], more: Settings = {}) => {
  const { settings, content, end } = await mix(context, mixed);
  const before = await content();
  const outcome = await openExplained(readConfiguration({ ...settings, ...more }), 'all').then(
    (opened) => opened.close().then(() => 'opened'),
    (error: unknown) => error,
  );
  assert.instance(outcome, StartError, String(outcome));
  const { message } = outcome as StartError;
  assert.not.match(message, /\n/);
  for (const name of names) assert.match(message, name);
  assert.is(await content(), before, `nothing was written: ${message}`);
  await end();
};

const log = 'EventStoreDB at 127.0.0.1';
const vault = 'the vault in MongoDB at 127.0.0.1';
const lists = 'the lists in MongoDB at 127.0.0.1';

stores('an older log under the same vault', (context) => {
  const { early, late } = context;
  return refused(context, { log: early, vault: late, lists: late, keys: late }, [log, vault, 'older']);
});

stores('an older log and older lists under the same vault', (context) => {
  const { early, late } = context;
  return refused(context, { log: early, vault: late, lists: early, keys: late }, [log, vault, 'older']);
});

stores('an older log under an older vault with the lists of now', (context) => {
  const { early, late } = context;
  return refused(context, { log: early, vault: early, lists: late, keys: late }, [log, vault, lists]);
});

stores('an older vault under the same log: somebody living has no key there', (context) => {
  const { early, late } = context;
  return refused(context, { log: late, vault: early, lists: late, keys: late }, [
    log,
    vault,
    'older',
    'keys of persons',
  ]);
});

stores('lists of another log', (context) => {
  const { late, other } = context;
  return refused(context, { log: late, vault: late, lists: other, keys: late }, [log, lists]);
});

stores('lists of another log beside neither log nor vault', (context) => {
  const { late, other } = context;
  return refused(context, { log: null, vault: null, lists: other, keys: late }, [log, lists]);
});

stores('a log without its vault', (context) => {
  const { late } = context;
  return refused(context, { log: late, vault: null, lists: late, keys: late }, [log, vault]);
});

stores('a vault without its log', (context) => {
  const { late } = context;
  return refused(context, { log: null, vault: late, lists: late, keys: late }, [log, vault]);
});

stores("another installation's vault, with its keys and without", async (context) => {
  const { late, other } = context;
  const mixed = { log: late, vault: other, lists: late };
  await refused(context, { ...mixed, keys: other }, [log, vault, 'two installations']);
  await refused(context, { ...mixed, keys: late }, [log, vault, 'master key']);
});

stores("another installation's log", (context) => {
  const { late, other } = context;
  return refused(context, { log: other, vault: late, lists: late, keys: late }, [log, vault, 'two installations']);
});

stores('another master key, another pepper', async (context) => {
  const { late } = context;
  const whole = { log: late, vault: late, lists: late, keys: late };
  await refused(context, whole, [log, vault, 'master key'], { KEYLEDGER_MASTER_KEY: 'ab'.repeat(32) });
  await refused(context, whole, [log, vault, 'pepper'], { KEYLEDGER_PEPPER: 'ab'.repeat(32) });
});

stores('streams of another prefix', (context) => {
  const { late } = context;
  const whole = { log: late, vault: late, lists: late, keys: late };
  return refused(context, whole, [log, vault], { KEYLEDGER_EVENTSTORE_PREFIX: 'others.' });
});

stores('the process says it in one line, ends with 2, and has written nothing', async (context) => {
  const { early, late } = context;
  const { settings, content, end } = await mix(context, { log: early, vault: late, lists: late, keys: late });
  const before = await content();
  const { code, stdout, stderr } = await keyledger(['serve'], settings);
  assert.equal([code, stdout], [2, ''], stderr);
  assert.match(stderr, /^keyledger: [^\n]+\n$/);
  for (const name of [log, vault, 'older']) assert.match(stderr, name);
  assert.is(await content(), before);
  await end();
});

stores('a snapshot of the index that is of another log', async (context) => {
  const { late, other, mongo } = context;
  const whole = await mix(context, { log: late, vault: late, lists: null, keys: late });
  const { lists: collections } = { lists: other.mongo[other.databases.lists]! };
  const blobs = Object.fromEntries(Object.entries(collections).filter(([name]) => ['blobs', 'chunks'].includes(name)));
  assert.ok(Object.keys(blobs).length === 2, 'a process that stops leaves a snapshot');
  await putInMongo(mongo.url, { other: blobs }, 'other', databasesOf(`mixture-${mixtures}`).lists);
  const records = whole.double.log.records.length;
  const { code, stdout, stderr } = await keyledger(['serve'], whole.settings);
  assert.equal([code, stdout], [2, ''], stderr);
  assert.match(stderr, /^keyledger: [^\n]+\n$/);
  for (const name of [log, lists, 'snapshot']) assert.match(stderr, name);
  assert.is(whole.double.log.records.length, records);
  await whole.end();
});

const accepted = /^Accepted as they are\. Whoever follows the feed begins anew, with epoch ([0-9a-f-]{36})\.\n/;

stores('restore accept goes on with an older log, and only while nobody works there', async (context) => {
  const { early, late } = context;
  const { settings, double, content, end } = await mix(context, { log: early, vault: late, lists: late, keys: late });
  const command = ['restore', 'accept'];
  const done = await keyledger(command, settings);
  assert.is(done.code, 0, done.stderr);
  assert.match(done.stdout, accepted);
  const before = double.log.records.length;

  const started: Server[] = [];
  for (const role of ['api', 'worker']) started.push(await startServer({ ...settings, KEYLEDGER_ROLE: role }));
  const [api, worker] = started as [Server, Server];
  const admin = await signIn(api, administrator.email, administrator.password);
  await eventually(async () => (await admin.get('/v1/admin/users')).status === 200, 'the lists are filled');
  const { items } = expectStatus(await admin.get('/v1/admin/users'), 200).body;
  assert.is(items.length, 1, 'who is younger than the log is not there');
  assert.ok(double.log.records.length > before);

  const busy = await keyledger(command, settings);
  assert.equal([busy.code, busy.stdout], [2, ''], busy.stderr);
  assert.match(busy.stderr, /^keyledger: the vault in MongoDB at [^\n]* is in use by process \d+ on [^\n]*\n$/);
  assert.is((await worker.stop()).code, 0);
  const stillBusy = await keyledger(command, settings);
  assert.is(stillBusy.code, 2);
  assert.match(stillBusy.stderr, `process ${api.pid} `);
  assert.match(stillBusy.stderr, '(api)');
  expectStatus(await admin.get('/v1/me'), 200);
  assert.is((await api.stop()).code, 0);

  const verified = await keyledger(['lists', 'verify'], settings);
  assert.is(verified.code, 0, verified.stdout + verified.stderr);
  const again = await keyledger(command, settings);
  assert.is(again.code, 0, again.stderr);
  assert.is.not(accepted.exec(again.stdout)?.[1], accepted.exec(done.stdout)?.[1]);
  await content();
  await end();
});

stores('restore accept refuses what is no matter of time, and writes nothing', async (context) => {
  const { late, other } = context;
  const { settings, content, end } = await mix(context, { log: late, vault: other, lists: late, keys: other });
  const before = await content();
  const { code, stdout, stderr } = await keyledger(['restore', 'accept'], settings);
  assert.equal([code, stdout], [2, ''], stderr);
  assert.match(stderr, 'two installations');
  assert.is(await content(), before);
  await end();
});

stores('goes on where everything is in its place', async (context) => {
  const { late } = context;
  const { settings, end } = await mix(context, { log: late, vault: late, lists: late, keys: late });
  const server = await startServer(settings);
  expectStatus(await clientOf(server).get('/v1/session/providers'), 200);
  const admin = await signIn(server, administrator.email, administrator.password);
  assert.is(expectStatus(await admin.get('/v1/admin/users?count=true'), 200).body.total, 2);
  assert.is((await server.stop()).code, 0);
  await end();
});

stores(
  'two installations share all servers, one without a prefix: neither knows what is in the other',
  async ({ mongo }) => {
    const double = await startEventStoreDouble();
    const start = async (name: string, prefix: string) => {
      const settings = {
        ...newKeys(),
        ...first,
        KEYLEDGER_EVENTSTORE: double.connectionString,
        KEYLEDGER_EVENTSTORE_PREFIX: prefix,
        KEYLEDGER_MONGODB: inDatabase(mongo.url, name),
      };
      const server = await startServer(settings);
      const admin = await signIn(server, administrator.email, administrator.password);
      return { settings, server, admin, service: await serviceWith(server, admin, ['verify']) };
    };
    const one = await start('plain', '');
    const two = await start('prefixed', 'other');
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    expectStatus(await two.admin.put('/v1/admin/policy', { enabled: true }), 200);
    const { key } = expectStatus(await two.admin.post('/v1/api-keys', { name: 'theirs', expiresAt }), 201).body;
    const ask = async ({ service }: Awaited<ReturnType<typeof start>>) =>
      expectStatus(await service.post('/v1/verify', { key }), 200).body.code;
    assert.is(await ask(two), 'valid');
    // Whatever the first has read since, it has read beyond the key's event.
    expectStatus(await one.admin.put('/v1/admin/policy', { maxKeysPerUser: 7 }), 200);
    assert.is(await ask(one), 'not-found');
    assert.is(expectStatus(await one.admin.get('/v1/admin/policy'), 200).body.enabled, false);
    assert.is((await one.server.stop()).code, 0);
    const again = await startServer(one.settings);
    expectStatus(
      await signIn(again, administrator.email, administrator.password).then((admin) => admin.get('/v1/me')),
      200,
    );
    assert.is((await again.stop()).code, 0);
    assert.is((await two.server.stop()).code, 0);
    await double.close();
  },
);

stores.run();
