import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { askMeanwhile, type Meanwhile } from '../support/meanwhile.ts';
import { type Network, startNetwork } from '../support/network.ts';
import type { Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Context = {
  deployment: Deployment;
  network: Network;
  api: Server;
  worker: Server;
  admin: Client;
  owner: Client;
  /** A service token: nothing of it is in MongoDB. */
  service: Client;
};

const away = suite<Context>('MongoDB away');
away.skipUnless(noServers);

const password = 'a passphrase of some length';
/** How long it is away. */
const awayMs = 10_000;
/** Nobody waits as long as the driver does for a silent server. What it takes is printed. */
const answerMs = 25_000;

away.before(async (context) => {
  const deployment = await startDeployment();
  const network = await startNetwork(deployment);
  const [api, worker] = await Promise.all([
    deployment.start({ KEYLEDGER_ROLE: 'api', ...network.settings }),
    deployment.start({ KEYLEDGER_ROLE: 'worker', ...network.settings }),
  ]);
  const admin = await signIn(api, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, roles: ['member'] };
  expectStatus(await admin.post('/v1/admin/users', person), 201);
  const owner = await signIn(api, person.email, password);
  const permissions = ['verify', 'keys:read', 'keys:revoke', 'revocations:read'];
  const { token } = expectStatus(await admin.post('/v1/admin/service-tokens', { name: 'gate', permissions }), 201).body;
  const service = clientOf(api, { authorization: `Bearer ${token}` });
  Object.assign(context, { deployment, network, api, worker, admin, owner, service });
});

away.after(async ({ deployment, network }) => {
  await deployment.stop();
  await network.close();
});

let count = 0;
const once = () => {
  count += 1;
  return { 'idempotency-key': `command-${count}` };
};

const createKey = (owner: Client, name: string): Promise<Response> => owner.post('/v1/api-keys', { name }, once());
const madeBy = async (owner: Client, name: string) => expectStatus(await createKey(owner, name), 201).body;
const codeAt = async (service: Client, key: string): Promise<string> =>
  expectStatus(await service.post('/v1/verify', { key }), 200).body.code;

const residentKb = ({ api }: Context): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${api.pid}/status`, 'utf8'))![1]);

/** What is asked over and over while it is away, by several at once. */
const askedMeanwhile = ({ api, owner, service, admin }: Context, key: string): Meanwhile => {
  const nobody = clientOf(api);
  const maybe = [200, 503];
  const settings = () => admin.put('/v1/admin/policy', { maxKeysPerUser: 900 - (count % 50) }, once());
  const isValid = ({ status, body }: Response) => (status === 503 || body.code === 'valid' ? null : body.code);
  return askMeanwhile([
    { what: 'verify', permitted: maybe, call: () => service.post('/v1/verify', { key }), wrong: isValid },
    { what: 'ready', permitted: maybe, call: () => nobody.get('/readyz') },
    { what: 'feed', permitted: maybe, call: () => service.get('/v1/revocations') },
    ...Array.from({ length: 4 }, () => ({
      what: 'create',
      permitted: [201, 503],
      call: () => createKey(owner, `while ${count}`),
    })),
    { what: 'settings', permitted: maybe, call: settings },
    {
      what: 'sign-in',
      permitted: maybe,
      call: () => nobody.post('/v1/session', { email: 'ada@example.com', password }),
    },
    { what: 'me', permitted: maybe, call: () => owner.get('/v1/me') },
    { what: 'list', permitted: maybe, call: () => service.get('/v1/admin/api-keys') },
  ]);
};

const workersWork = ({ worker }: Context) =>
  eventually(async () => {
    const text = await (await fetch(`${worker.url}/metrics`)).text();
    const failures = [...text.matchAll(/^keyledger_worker_failures\{worker="([^"]+)"\} (\d+)$/gm)];
    return failures.length > 5 && failures.every(([, , number]) => number === '0');
  }, 'no worker fails any more');

const listHolds = ({ service }: Context, id: string) =>
  eventually(async () => {
    const answer = await service.get('/v1/admin/api-keys?limit=200');
    return answer.status === 200 && answer.body.asOf.lagMs === 0 && answer.body.items.some((key: Key) => key.id === id);
  }, 'the list has caught up');

type Key = { readonly id: string };

for (const [how, take, giveBack] of [
  [
    'killed',
    ({ deployment }: Context) => deployment.mongo.kill(),
    ({ deployment }: Context) => deployment.mongo.start(),
  ],
  [
    'silent',
    async ({ network }: Context) => network.mongo.hold(),
    async ({ network }: Context) => network.mongo.restore(),
  ],
  [
    'cut off',
    async ({ network }: Context) => network.mongo.cut(),
    async ({ network }: Context) => network.mongo.restore(),
  ],
] as const) {
  away(`${how} for ten seconds: verification goes on, the rest says 503, all of it comes back`, async (context) => {
    const { owner, service } = context;
    const { key } = await madeBy(owner, `${how}: before`);
    await eventually(async () => (await codeAt(service, key)) === 'valid');
    const before = residentKb(context);
    const asking = askedMeanwhile(context, key);
    await take(context);
    await setTimeout(awayMs);
    await giveBack(context);
    await eventually(async () => (await createKey(owner, `${how}: back`)).status === 201, 'commands are taken again');
    const longest = await asking.stop();
    assert.ok(longest < answerMs, `somebody waited ${longest} ms`);
    // A machine that stands still for two seconds makes a process unsure; MongoDB does not.
    for (const what of ['verify', 'ready', 'feed']) {
      const [good, unsure] = [200, 503].map((status) => asking.seen(what).get(status) ?? 0);
      assert.ok(unsure! * 10 <= good!, `${what}: ${unsure} of ${good! + unsure!}`);
    }
    for (const what of ['create', 'settings', 'sign-in', 'me', 'list']) assert.ok(asking.seen(what).has(503), what);
    const { id } = await madeBy(owner, `${how}: after`);
    await listHolds(context, id);
    await workersWork(context);
    const grown = residentKb(context) - before;
    process.stdout.write(`${how}: the longest answer took ${Math.round(longest)} ms; ${grown} kB more memory\n`);
  });
}

away('away for the worker alone: commands go on, and lists say how old they are', async (context) => {
  const { deployment, owner, service, admin } = context;
  await context.worker.stop('SIGKILL');
  const network = await startNetwork(deployment);
  try {
    const worker = await deployment.start({ KEYLEDGER_ROLE: 'worker', ...network.settings });
    const first = await madeBy(owner, 'first');
    await listHolds(context, first.id);
    network.mongo.cut();
    const second = await madeBy(owner, 'second');
    const { asOf, items } = expectStatus(await service.get('/v1/admin/api-keys?limit=200'), 200).body;
    assert.ok(asOf.lagMs > 0, `${asOf.lagMs}`);
    assert.not(
      items.some(({ id }: Key) => id === second.id),
      'that much is true',
    );
    expectStatus(await admin.get(`/v1/admin/api-keys/${second.id}`), 200);
    network.mongo.restore();
    await listHolds(context, second.id);
    await workersWork({ ...context, worker });
    assert.is((await worker.stop()).code, 0);
  } finally {
    await network.close();
  }
});

away.run();
