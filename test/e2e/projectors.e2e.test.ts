import * as assert from 'uvu/assert';
import { openLists } from '../../adapters/mongodb/lists.ts';
import { type Client, expectStatus, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { dump } from '../support/listsBed.ts';
import { keyledger, type Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const test = suite<{ deployment: Deployment }>('two projectors of the same lists, each in a process of its own');
test.skipUnless(noServers);

test.before(async (context) => {
  context.deployment = await startDeployment();
});
test.after(({ deployment }) => deployment.stop());

/** Makes and ends keys, and changes and turns off their owners. */
const write = async (admin: Client, round: number) => {
  const email = `user${round}@example.com`;
  const made = await admin.post('/v1/admin/users', {
    email,
    externalProvider: 'example',
    fullName: 'Ada',
    roles: ['member'],
    groups: ['one'],
  });
  const { id } = expectStatus(made, 201).body;
  const key = expectStatus(await admin.post('/v1/api-keys', { name: `key ${round}` }), 201).body;
  expectStatus(await admin.patch(`/v1/api-keys/${key.id}`, { name: `renamed ${round}` }), 200);
  if (round % 2 === 0) expectStatus(await admin.delete(`/v1/api-keys/${key.id}`), 204);
  expectStatus(await admin.patch(`/v1/admin/users/${id}`, { fullName: 'Ada L.', groups: ['two'] }), 200);
  if (round % 3 === 0) expectStatus(await admin.post(`/v1/admin/users/${id}/deactivate`), 200);
};

const listsOf = async ({ mongo }: Deployment) => {
  const lists = await openLists({ url: mongo.url, database: 'keyledger-lists' });
  return dump(lists).finally(lists.close);
};

test('one of them killed, one stopped for a while: the lists equal a single replay', async ({ deployment }) => {
  const api = await deployment.start({ KEYLEDGER_ROLE: 'api' });
  const startWorker = () => deployment.start({ KEYLEDGER_ROLE: 'worker' });
  const workers: Server[] = await Promise.all([startWorker(), startWorker()]);
  const admin = await signIn(api, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);

  const rounds = 24;
  for (let round = 0; round < rounds; round++) {
    await write(admin, round);
    if (round === 6) process.kill(workers[1]!.pid, 'SIGSTOP');
    if (round === 12) process.kill(workers[1]!.pid, 'SIGCONT');
    if (round === 16) {
      assert.is((await workers[0]!.stop('SIGKILL')).signal, 'SIGKILL');
      workers[0] = await startWorker();
    }
  }
  const last = expectStatus(await admin.post('/v1/api-keys', { name: 'last' }), 201);
  const caughtUp = { 'keyledger-min-position': last.headers.get('keyledger-position')! };
  for (const path of ['/v1/admin/users', '/v1/admin/api-keys', '/v1/audit/events']) {
    let answer = await admin.get(`${path}?limit=1`, caughtUp);
    while (answer.status === 503 && answer.body.code === 'not-caught-up')
      answer = await admin.get(`${path}?limit=1`, caughtUp);
    expectStatus(answer, 200);
  }
  // Both at once, and from here on nobody writes.
  const ended = await Promise.all([...workers, api].map((server) => server.stop()));
  for (const { code, stderr } of ended) assert.is(code, 0, stderr);

  const verified = await keyledger(['lists', 'verify'], deployment.settings);
  assert.is(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  assert.match(verified.stdout, /equal a replay/);

  const before = await listsOf(deployment);
  assert.is(before.users?.length, rounds + 1);
  const rebuilt = await keyledger(['lists', 'rebuild'], deployment.settings);
  assert.is(rebuilt.code, 0, rebuilt.stderr);
  assert.equal(await listsOf(deployment), before);
});

test.run();
