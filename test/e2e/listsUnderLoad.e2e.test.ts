import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { adminPassword, type Client, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { keyledger, type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const lists = suite<{ server: Server; users: readonly string[] }>('lists under load');

const password = 'a passphrase of some length';
const people = 4;

lists.before(async (context) => {
  const server = await startServer();
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
  const emails = Array.from({ length: people }, (_, n) => `user${n}@example.com`);
  for (const email of emails)
    expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201);
  Object.assign(context, { server, users: emails });
});

lists.after(async ({ server }) => {
  assert.is((await server.stop()).code, 0);
});

/** What the answers said that there is: id and name of every key that was made and not deleted. */
type Made = Map<string, string>;

/** Makes, renames and deletes keys until told to stop. @returns how often it was answered */
const write = async (client: Client, made: Made, going: () => boolean): Promise<number> => {
  let answered = 0;
  for (; going(); answered += 1) {
    const name = `key ${answered}`;
    const { id } = expectStatus(await client.post('/v1/api-keys', { name }), 201).body;
    made.set(id, name);
    if (answered % 3 === 1) {
      expectStatus(await client.patch(`/v1/api-keys/${id}`, { name: `renamed ${answered}` }), 200);
      made.set(id, `renamed ${answered}`);
    }
    if (answered % 3 === 2) {
      expectStatus(await client.delete(`/v1/api-keys/${id}`), 204);
      made.delete(id);
    }
  }
  return answered;
};

/** Every key that works, from the list of all keys. */
const listed = async (admin: Client): Promise<Made> => {
  const found: Made = new Map();
  for (let cursor = ''; ; ) {
    const path = `/v1/admin/api-keys?limit=200&status=active${cursor}`;
    const { items, nextCursor } = expectStatus(await admin.get(path), 200).body;
    for (const { id, name } of items) found.set(id, name);
    if (nextCursor === null) return found;
    cursor = `&cursor=${nextCursor}`;
  }
};

/** Writers that go on while something else happens, and a look at whatever the lists answer meanwhile. */
const underLoad = async (
  { server, users }: { server: Server; users: readonly string[] },
  made: Made,
  during: (admin: Client) => Promise<void>,
) => {
  const admin = await signIn(server, 'admin@localhost', adminPassword);
  const clients = await Promise.all(users.map((email) => signIn(server, email, password)));
  let going = true;
  const standing = new Map(made);
  const answers = new Set<number>();
  const look = async () => {
    while (going) {
      const answer = await admin.get('/v1/admin/users?count=true');
      answers.add(answer.status);
      if (answer.status === 503) assert.is(answer.body.code, 'not-caught-up');
      else assert.is(expectStatus(answer, 200).body.total, people + 1, 'all of them or none');
      const keys = await admin.get(`/v1/admin/api-keys?count=true&status=active,revoked`);
      // What stood before the writers began is there in every answer.
      if (keys.status !== 503) assert.ok(expectStatus(keys, 200).body.total >= standing.size);
    }
  };
  const work = [...clients.map((client) => write(client, made, () => going)), look()];
  const failed = Promise.all(work);
  try {
    await Promise.race([during(admin), failed.then(() => {})]);
    const before = made.size;
    await Promise.race([eventually(() => made.size >= before + 5, 'writers go on'), failed]);
  } finally {
    going = false;
  }
  await failed;
  return { admin, answers };
};

const verified = async ({ data }: Server) => {
  const { code, stdout, stderr } = await keyledger(['lists', 'verify'], { KEYLEDGER_DATA: data });
  assert.is(code, 0, `${stdout}${stderr}`);
  assert.match(stdout, /equal a replay/);
};

lists('deleted: filled again while writers go on, whole or not at all, and equal to a replay', async (context) => {
  const made: Made = new Map();
  await underLoad(context, made, async () => eventually(() => made.size >= 60, 'some keys'));
  const { data } = context.server;
  assert.is((await context.server.stop()).code, 0);
  const files = readdirSync(data).filter((name) => name.startsWith('lists.sqlite'));
  assert.ok(files.includes('lists.sqlite'));
  for (const file of files) rmSync(join(data, file));

  context.server = await startServer({ KEYLEDGER_DATA: data });
  const { admin } = await underLoad(context, made, async (looking) => {
    await eventually(async () => {
      const { items } = expectStatus(await looking.get('/v1/admin/lists'), 200).body;
      return items.length === 3 && items.every(({ state }: { state: string }) => state !== 'filling');
    }, 'every list was at the end of the log');
  });
  assert.equal([...(await listed(admin))].sort(), [...made].sort());
  await verified(context.server);
});

lists('rebuilt: the old ones answer meanwhile, and the new ones equal a replay', async (context) => {
  const made: Made = new Map();
  const { data } = context.server;
  const { admin, answers } = await underLoad(context, made, async () => {
    const rebuilt = await keyledger(['lists', 'rebuild'], { KEYLEDGER_DATA: data });
    assert.is(rebuilt.code, 0, rebuilt.stderr);
    assert.match(rebuilt.stderr, /100 %|events/);
  });
  assert.equal([...answers], [200]);
  const all = await listed(admin);
  for (const [id, name] of made) assert.is(all.get(id), name);
  const { items } = expectStatus(await admin.get('/v1/admin/lists'), 200).body;
  for (const { parked, rebuild } of items) {
    assert.equal(parked, []);
    assert.is(rebuild, null);
  }
  await verified(context.server);
});

lists('verify under writers finds no difference either', async (context) => {
  const made: Made = new Map();
  await underLoad(context, made, () => verified(context.server));
});

lists.run();
