// time limit: 8 min
import { setTimeout } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { streamName } from '../../adapters/nats/stream.ts';
import { lookAt } from '../adapters/nats/parts.ts';
import { chances } from '../support/chances.ts';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/freePort.ts';
import { type Network, startNetwork } from '../support/network.ts';
import { keyledger, type Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

/** By hand for longer, or again as it was: times differ, what is done to whom does not. */
const seed = Number(process.env.KEYLEDGER_TEST_SEED ?? 1);
const chaosMs = Number(process.env.KEYLEDGER_TEST_CHAOS_SECONDS ?? 20) * 1_000;

const chaos = suite('everything goes wrong at once');
chaos.skipUnless(noServers);

const password = 'a passphrase of some length';
const boundMs = 2_000;

type Chances = { readonly below: (limit: number) => number; readonly of: <T>(choices: readonly T[]) => T };

const chancesFrom = (from: number): Chances => {
  const next = chances(from);
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, of: (choices) => choices[below(choices.length)]! };
};

/** A process that may be killed, behind a network of its own. */
type Member = { readonly settings: { readonly [name: string]: string }; readonly network: Network; server: Server };

type Key = { readonly id: string; readonly key: string; readonly name: string; ended: number | null };

const memberOf = async (deployment: Deployment, role: string): Promise<Member> => {
  const network = await startNetwork(deployment);
  const settings = { KEYLEDGER_ROLE: role, KEYLEDGER_PORT: await freePort(), ...network.settings };
  return { network, settings, server: await deployment.start(settings) };
};

/** What goes wrong, one after the other for as long as it lasts; three of these at once. */
const kills = async (deployment: Deployment, members: readonly Member[], luck: Chances, signal: AbortSignal) => {
  while (!signal.aborted) {
    await setTimeout(1_500 + luck.below(4_000));
    const member = luck.of(members);
    await member.server.stop('SIGKILL');
    await setTimeout(luck.below(500));
    member.server = await deployment.start(member.settings);
  }
};

const networkTroubles = async (members: readonly Member[], luck: Chances, signal: AbortSignal) => {
  while (!signal.aborted) {
    await setTimeout(luck.below(2_000));
    const { network } = luck.of(members);
    const proxy = network[luck.of(['eventStore', 'mongo', 'nats'] as const)];
    const how = luck.of(['cut', 'hold', 'strand', 'slow'] as const);
    if (how === 'slow') proxy.slow(50 + luck.below(300));
    else proxy[how]();
    await setTimeout(luck.below(3_000));
    proxy.restore();
  }
};

const serverTroubles = async ({ eventStore, mongo, nats }: Deployment, luck: Chances, signal: AbortSignal) => {
  const troubles = [
    [() => eventStore.stop(), () => eventStore.start()],
    [async () => eventStore.cut(), async () => {}],
    [() => mongo.kill(), () => mongo.start()],
    [() => nats.kill(), () => nats.start()],
    [() => nats.pause(), () => nats.resume()],
  ] as const;
  let appends = 0;
  eventStore.faults.append = () => {
    appends += 1;
    if (appends % 7 === 0) return 'cut-after';
    return appends % 11 === 0 ? 'cut-before' : 'none';
  };
  while (!signal.aborted) {
    await setTimeout(1_500 + luck.below(3_000));
    const [take, giveBack] = luck.of(troubles);
    await take();
    await setTimeout(luck.below(2_500));
    await giveBack();
  }
  eventStore.faults.append = () => 'none';
};

const logOf = ({ eventStore }: Deployment) =>
  eventStore.log.records
    .filter(({ stream }) => !stream.startsWith('$'))
    .map(({ type, data }) => ({ type, keyId: JSON.parse(Buffer.from(data).toString()).keyId as string | undefined }));

type Message = { readonly position: string; readonly previous: string | null };

const feedOf = async (gate: Client): Promise<readonly Message[]> => {
  const messages: Message[] = [];
  for (let place = ''; ; ) {
    const { body } = expectStatus(await gate.get(`/v1/revocations?limit=1000${place}`), 200);
    messages.push(...body.items);
    if (body.items.length < 1_000) return messages;
    place = `&epoch=${body.epoch}&after=${body.items.at(-1).position}`;
  }
};

chaos(`seed ${seed}: what was acknowledged is there once, what was revoked stays so`, async () => {
  const deployment = await startDeployment();
  const members: Member[] = [];
  for (const role of ['api', 'api', 'worker', 'worker']) members.push(await memberOf(deployment, role));
  const apis = members.slice(0, 2);
  const wrong: string[] = [];
  const keys: Key[] = [];
  let answers = 0;

  const admin = await signIn(apis[0]!.server, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const permissions = ['verify', 'revocations:read', 'keys:read'];
  const { token } = expectStatus(await admin.post('/v1/admin/service-tokens', { name: 'gate', permissions }), 201).body;
  const gates = apis.map(({ server }) => clientOf(server, { authorization: `Bearer ${token}` }));
  const owners: (readonly Client[])[] = [];
  for (const name of ['ada', 'ben', 'cleo', 'dan']) {
    const person = { email: `${name}@example.com`, password, roles: ['member'] };
    expectStatus(await admin.post('/v1/admin/users', person), 201);
    owners.push(await Promise.all(apis.map(({ server }) => signIn(server, person.email, password))));
  }

  /** Asks one process after the other until one of them says that it is done. */
  const acknowledged = async (owner: readonly Client[], status: number, call: (at: Client) => Promise<Response>) => {
    for (let tries = 0; ; tries += 1) {
      const answer = await call(owner[tries % owner.length]!).catch(() => null);
      if (answer?.status === status) {
        answers += 1;
        return answer;
      }
      const again = answer === null || answer.status === 503 || answer.body?.code === 'idempotency-in-progress';
      if (!again) {
        wrong.push(`${answer.status} ${JSON.stringify(answer.body)}`);
        throw new Error(wrong.at(-1));
      }
      await setTimeout(20);
    }
  };

  const write = async (owner: readonly Client[], writer: string, luck: Chances, signal: AbortSignal) => {
    for (let number = 0; !signal.aborted; number += 1) {
      const name = `${writer}-${number}`;
      const once = (what: string) => ({ 'idempotency-key': `${what}-${name}` });
      const { body } = await acknowledged(owner, 201, (at) => at.post('/v1/api-keys', { name }, once('create')));
      const key: Key = { id: body.id, key: body.key, name, ended: null };
      keys.push(key);
      if (luck.below(10) < 4) continue;
      await acknowledged(owner, 204, (at) => at.delete(`/v1/api-keys/${key.id}`, once('revoke')));
      key.ended = performance.now();
    }
  };

  const watch = async (gate: Client, signal: AbortSignal) => {
    while (!signal.aborted) {
      await setTimeout(1);
      for (const { key, ended, name } of keys.slice(-20)) {
        const asked = performance.now();
        if (ended === null || asked <= ended + boundMs) continue;
        const answer = await gate.post('/v1/verify', { key }).catch(() => null);
        if (answer?.status === 200 && answer.body.code === 'valid') wrong.push(`${name} is valid after its end`);
      }
    }
  };

  const over = new AbortController();
  const settled = new AbortController();
  const watching = gates.map((gate) => watch(gate, settled.signal));
  const writing = owners.flatMap((owner, person) =>
    [0, 1].map((writer) =>
      write(owner, `w${person}${writer}`, chancesFrom(seed * 100 + person * 2 + writer), over.signal),
    ),
  );
  const troubles = [
    kills(deployment, members, chancesFrom(seed * 7 + 1), over.signal),
    networkTroubles(members, chancesFrom(seed * 7 + 2), over.signal),
    serverTroubles(deployment, chancesFrom(seed * 7 + 3), over.signal),
  ];
  try {
    await Promise.race([setTimeout(chaosMs), Promise.all(writing)]);
    over.abort();
    await Promise.all(troubles);
    for (const { network } of members) network.restore();
    await Promise.all(writing);
    // Nothing more happens from here on, but what is late.
    await Promise.all(gates.map((gate) => eventually(async () => (await gate.get('/readyz')).status === 200, 'ready')));

    for (const gate of gates)
      for (const { key, ended, name } of keys) {
        let code = '503';
        await eventually(async () => {
          const answer = await gate.post('/v1/verify', { key });
          if (answer.status === 200) code = answer.body.code;
          return answer.status === 200;
        });
        assert.is(code, ended === null ? 'valid' : 'revoked', name);
      }
    settled.abort();
    await Promise.all(watching);
    assert.equal(wrong, []);

    const log = logOf(deployment);
    const times = (type: string, id: string) => log.filter((event) => event.type === type && event.keyId === id).length;
    for (const { id, ended, name } of keys) {
      assert.is(times('ApiKeyCreated', id), 1, `${name} was made once`);
      assert.is(times('ApiKeyRevoked', id), ended === null ? 0 : 1, `${name} was revoked once`);
    }
    assert.is(log.filter(({ type }) => type === 'ApiKeyCreated').length, keys.length, 'none that nobody asked for');

    const feed = await feedOf(gates[0]!);
    const nats = await lookAt(deployment.nats.url);
    await eventually(
      async () => (await nats.streams.info(streamName)).state.messages >= feed.length,
      'the stream has every message',
    );
    const sent = (await nats.kept()).map(({ text }) => JSON.parse(text).data);
    await nats.close();
    assert.equal(sent, feed);
    feed.forEach((message, at) => {
      assert.is(message.previous, feed[at - 1]?.position ?? null);
    });

    const newest = {
      'keyledger-min-position': expectStatus(await gates[0]!.get('/v1/admin/api-keys'), 200).body.asOf.position,
    };
    await eventually(async () => {
      const { status, body } = await gates[0]!.get('/v1/admin/api-keys', newest);
      return status === 200 && body.asOf.lagMs === 0;
    }, 'the lists have caught up');
    const verified = await keyledger(['lists', 'verify'], deployment.settings);
    assert.is(verified.code, 0, verified.stdout + verified.stderr);
    process.stdout.write(`seed ${seed}: ${answers} commands, ${keys.length} keys, ${feed.length} messages\n`);
    for (const { server } of members) {
      const { code, signal } = await server.stop();
      assert.equal([code, signal], [0, null]);
    }
  } finally {
    over.abort();
    settled.abort();
    await deployment.stop();
    await Promise.all(members.map(({ network }) => network.close()));
  }
});

chaos.run();
