import { setTimeout } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { askMeanwhile } from '../support/meanwhile.ts';
import { type Network, startNetwork } from '../support/network.ts';
import type { Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Context = {
  deployment: Deployment;
  network: Network;
  api: Server;
  worker: Server;
  owner: Client;
  service: Client;
  key: string;
};

const away = suite<Context>('the log away');
away.skipUnless(noServers);

const password = 'a passphrase of some length';
const awayMs = 10_000;
/** How old what is known may be. */
const boundMs = 2_000;
/** Nobody hangs. What it takes is printed. */
const answerMs = 25_000;
const goodbyeMs = 10_000;

const startBoth = ({ deployment, network }: Context) =>
  Promise.all(['api', 'worker'].map((role) => deployment.start({ KEYLEDGER_ROLE: role, ...network.settings })));

away.before(async (context) => {
  context.deployment = await startDeployment();
  context.network = await startNetwork(context.deployment);
  const [api, worker] = await startBoth(context);
  const admin = await signIn(api!, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, roles: ['member'] };
  expectStatus(await admin.post('/v1/admin/users', person), 201);
  const owner = await signIn(api!, person.email, password);
  const { token } = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: 'gate', permissions: ['verify', 'keys:read'] }),
    201,
  ).body;
  const service = clientOf(api!, { authorization: `Bearer ${token}` });
  const { key } = expectStatus(await owner.post('/v1/api-keys', { name: 'k' }), 201).body;
  Object.assign(context, { api, worker, owner, service, key });
});

away.after(async ({ deployment, network }) => {
  await deployment.stop();
  await network.close();
});

const ways = [
  [
    'gone',
    ({ deployment }: Context) => deployment.eventStore.stop(),
    ({ deployment }: Context) => deployment.eventStore.start(),
  ],
  [
    'silent',
    async ({ network }: Context) => network.eventStore.hold(),
    async ({ network }: Context) => network.eventStore.restore(),
  ],
] as const;

let count = 0;
const created = ({ owner }: Context): Promise<Response> => {
  count += 1;
  return owner.post('/v1/api-keys', { name: `key ${count}` }, { 'idempotency-key': `command-${count}` });
};

for (const [how, take, giveBack] of ways) {
  away(`${how} for ten seconds: nobody is told what is not known, and all of it comes back`, async (context) => {
    const { api, service, key, owner } = context;
    await eventually(async () => (await created(context)).status === 201);
    const nobody = clientOf(api);
    let gone = Number.POSITIVE_INFINITY;
    let back = Number.POSITIVE_INFINITY;
    const unknown = ({ status }: Response, asked: number) =>
      asked > gone + boundMs && performance.now() < back && status !== 503 ? `${status} to what nobody knows` : null;
    const asking = askMeanwhile([
      { what: 'verify', permitted: [200, 503], call: () => service.post('/v1/verify', { key }), wrong: unknown },
      { what: 'create', permitted: [201, 503], call: () => created(context), wrong: unknown },
      {
        what: 'sign-in',
        permitted: [200, 503],
        call: () => nobody.post('/v1/session', { email: 'ada@example.com', password }),
        wrong: unknown,
      },
      { what: 'me', permitted: [200, 503], call: () => owner.get('/v1/me'), wrong: unknown },
      { what: 'list', permitted: [200, 503], call: () => service.get('/v1/admin/api-keys'), wrong: unknown },
      { what: 'ready', permitted: [200, 503], call: () => nobody.get('/readyz'), wrong: unknown },
      { what: 'live', permitted: [200], call: () => nobody.get('/livez') },
    ]);
    await take(context);
    gone = performance.now();
    await setTimeout(awayMs);
    back = performance.now();
    await giveBack(context);
    await eventually(async () => (await service.post('/v1/verify', { key })).status === 200, 'it is known again');
    await eventually(async () => (await created(context)).status === 201, 'commands are taken again');
    const longest = await asking.stop();
    for (const what of ['verify', 'create', 'sign-in', 'me', 'ready']) assert.ok(asking.seen(what).has(503), what);
    expectStatus(await nobody.post('/v1/session', { email: 'ada@example.com', password }), 200);
    expectStatus(await nobody.get('/readyz'), 200);
    process.stdout.write(`${how}: the longest answer took ${Math.round(longest)} ms\n`);
    assert.ok(longest < answerMs, `somebody waited ${longest} ms`);
  });
}

for (const [how, take, giveBack] of ways) {
  away(`${how}: who is told to end then ends in time, with 0`, async (context) => {
    await eventually(async () => (await created(context)).status === 201);
    const running = [created(context), created(context)].map((one) => one.catch(() => null));
    await take(context);
    running.push(created(context).catch(() => null));
    const told = performance.now();
    const ended = await Promise.all([context.api.stop(), context.worker.stop()]);
    const took = performance.now() - told;
    process.stdout.write(`${how}: both had ended after ${Math.round(took)} ms\n`);
    assert.equal(
      ended.map(({ code, signal }) => [code, signal]),
      [
        [0, null],
        [0, null],
      ],
    );
    assert.ok(took < goodbyeMs, `${took} ms`);
    await Promise.all(running);
    await giveBack(context);
    const [api, worker] = await startBoth(context);
    const owner = await signIn(api!, 'ada@example.com', password);
    Object.assign(context, { api, worker, owner });
    assert.is((await created(context)).status, 201);
  });
}

away.run();
