import { setTimeout } from 'node:timers/promises';
import { connect } from 'nats';
import * as assert from 'uvu/assert';
import { streamName } from '../../adapters/nats/stream.ts';
import { lookAt } from '../adapters/nats/parts.ts';
import { type Client, clientOf, expectStatus, serviceWith, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import type { Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Context = { deployment: Deployment; api: Server; worker: Server; owner: Client; service: Client };

const away = suite<Context>('NATS away');
away.skipUnless(noServers);

const password = 'a passphrase of some length';
/** From when it is back. */
const deliveredMs = 5_000;

away.before(async (context) => {
  const deployment = await startDeployment();
  const [api, worker] = await Promise.all(['api', 'worker'].map((role) => deployment.start({ KEYLEDGER_ROLE: role })));
  const admin = await signIn(api!, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, roles: ['member'] };
  expectStatus(await admin.post('/v1/admin/users', person), 201);
  const owner = await signIn(api!, person.email, password);
  const service = await serviceWith(api!, admin, ['verify', 'revocations:read']);
  Object.assign(context, { deployment, api, worker, owner, service });
});

away.after(async ({ deployment }) => {
  await deployment.stop();
});

/** Made, verified, revoked, refused: all of it without NATS. */
const revoked = async ({ owner, service }: Context, count: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const { id, key } = expectStatus(await owner.post('/v1/api-keys', { name: `k${number}` }), 201).body;
    assert.is(expectStatus(await service.post('/v1/verify', { key }), 200).body.code, 'valid');
    expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
    assert.is(expectStatus(await service.post('/v1/verify', { key }), 200).body.code, 'revoked');
    ids.push(id);
  }
  return ids;
};

type Message = { readonly id: string; readonly position: string; readonly previous: string | null };

const feedOf = async ({ service }: Context): Promise<readonly Message[]> =>
  expectStatus(await service.get('/v1/revocations?limit=1000'), 200).body.items;

/** What NATS keeps, once it has come to the feed's end. @throws where it has not in time */
const keptIn = async (context: Context, since: number): Promise<readonly Message[]> => {
  const feed = await feedOf(context);
  const nats = await lookAt(context.deployment.nats.url);
  try {
    for (;;) {
      const asked = performance.now();
      const { state } = await nats.streams.info(streamName).catch(() => ({ state: { messages: 0 } }));
      const kept = state.messages === 0 ? [] : await nats.kept();
      const messages: Message[] = kept.map(({ text }) => JSON.parse(text).data);
      if (messages.at(-1)?.id === feed.at(-1)?.id) {
        process.stdout.write(`delivered ${Math.max(0, Math.round(asked - since))} ms after it was back\n`);
        return messages;
      }
      if (asked - since > deliveredMs) throw new Error(`not delivered ${asked - since} ms after it was back`);
      await setTimeout(10);
    }
  } finally {
    await nats.close();
  }
};

/** All of the feed from some place on, each once, `previous` unbroken. */
const isEndOfFeed = async (context: Context, kept: readonly Message[], atLeast: number) => {
  const feed = await feedOf(context);
  assert.ok(kept.length >= atLeast, `${kept.length} messages`);
  assert.equal(kept, feed.slice(-kept.length));
  for (let at = 1; at < feed.length; at += 1) assert.is(feed[at]?.previous, feed[at - 1]?.position);
};

away('killed, and back with nothing in it: what was revoked meanwhile is delivered', async (context) => {
  const { nats } = context.deployment;
  await revoked(context, 3);
  await keptIn(context, performance.now());
  await nats.kill();
  const ids = await revoked(context, 5);
  for (const path of ['/readyz', '/livez']) {
    expectStatus(await clientOf(context.api).get(path), 200);
    expectStatus(await clientOf(context.worker).get(path), 200);
  }
  await nats.start(true);
  const kept = await keptIn(context, performance.now());
  await isEndOfFeed(context, kept, ids.length);
});

away('killed, and back with what it had: nothing twice', async (context) => {
  const { nats } = context.deployment;
  await nats.kill();
  await revoked(context, 5);
  await nats.start();
  const kept = await keptIn(context, performance.now());
  await isEndOfFeed(context, kept, 10);
});

away('standing still for eight seconds: commands go on, and who listens hears all of it once', async (context) => {
  const { nats } = context.deployment;
  const before = await feedOf(context);
  const listener = await connect({ servers: nats.url, maxPingOut: 100 });
  const heard: Message[] = [];
  const listening = (async () => {
    for await (const { data } of listener.subscribe('keyledger.revocations.>'))
      heard.push(JSON.parse(Buffer.from(data).toString()).data);
  })();
  await listener.flush();
  await nats.pause();
  await revoked(context, 5);
  await setTimeout(8_000);
  await revoked(context, 5);
  await nats.resume();
  const kept = await keptIn(context, performance.now());
  await isEndOfFeed(context, kept, 10);
  await listener.flush();
  await listener.drain();
  await listening;
  const missed = (await feedOf(context)).slice(before.length);
  const first = new Map(heard.map((message) => [message.id, message]));
  assert.equal([...first.values()], missed);
});

away.run();
