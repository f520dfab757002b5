import * as assert from 'uvu/assert';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type Running, type Setup, setups } from '../support/setups.ts';
import { suite } from '../support/suite.ts';

type Context = Running & { token: string; service: Client };

const password = 'a passphrase of some length';
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

const person = async ({ front, admin }: Running, email: string) => {
  const made = expectStatus(
    await admin.post('/v1/admin/users', { email, password, fullName: 'Ada', roles: ['member'] }),
    201,
  );
  return { id: made.body.id as string, client: await signIn(front, email, password) };
};

/** As whoever has seen all that was answered so far asks it. */
const verify = async ({ service, front: { known } }: Context, key: string) => {
  const minPosition = known?.position ?? undefined;
  return expectStatus(await service.post('/v1/verify', { key, minPosition }), 200).body.code as string;
};

/** At the process that has just answered, which knows what it said. */
const verifyAt = async ({ token }: Context, { by }: Response, key: string) => {
  const service = clientOf({ url: by }, { authorization: `Bearer ${token}` });
  return expectStatus(await service.post('/v1/verify', { key }), 200).body.code as string;
};

const wholeLife = ({ name, missing, start }: Setup) => {
  const life = suite<Context>(`the whole life of a key: ${name}`);
  life.skipUnless(missing);

  life.before(async (context) => {
    Object.assign(context, await start());
    const { admin, answering, front } = context;
    const wanted = { name: 'gate', permissions: ['verify', 'revocations:read'] };
    context.token = expectStatus(await admin.post('/v1/admin/service-tokens', wanted), 201).body.token;
    const always = { authorization: `Bearer ${context.token}` };
    context.service = clientOf(front, always);
    for (const server of answering)
      await eventually(async () => (await clientOf(server, always).get('/v1/revocations')).status === 200);
  });

  life.after(({ stop }) => stop());

  life('off until an administrator turns keys on', async (context) => {
    const { admin } = context;
    const { client } = await person(context, 'early@example.com');
    const me = expectStatus(await client.get('/v1/me'), 200).body;
    assert.equal(me.features.apiKeys, { visible: false, canCreate: false, why: 'api-keys-disabled' });
    const refused = await client.post('/v1/api-keys', { name: 'ci', expiresAt: inDays(30) });
    assert.is(refused.status, 403);
    assert.is(refused.body.code, 'api-keys-disabled');

    const changed = expectStatus(await admin.put('/v1/admin/policy', { enabled: true }), 200);
    assert.is(changed.body.enabled, true);
    assert.is(changed.body.customized, true);
    assert.is(expectStatus(await client.get('/v1/me'), 200).body.features.apiKeys.visible, true);
  });

  life('made, verified, renamed, rotated, revoked, refused at once, in the feed, in its history', async (context) => {
    const { admin, service } = context;
    expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
    const { id: ownerId, client } = await person(context, 'ada@example.com');
    const made = expectStatus(await client.post('/v1/api-keys', { name: 'ci', expiresAt: inDays(30) }), 201);
    const { id, key } = made.body;
    assert.match(key, /^api_[0-9A-Za-z]{36}$/);
    assert.is(made.body.ownerId, ownerId);
    const known = expectStatus(await service.post('/v1/verify', { key }), 200).body;
    assert.is(known.code, 'valid');
    assert.is(known.keyId, id);
    assert.is(known.ownerId, ownerId);
    assert.is(known.expiresAt, made.body.expiresAt);

    const renamed = expectStatus(await client.patch(`/v1/api-keys/${id}`, { name: 'build' }), 200);
    assert.is(renamed.body.name, 'build');
    assert.is.not(renamed.headers.get('etag'), made.headers.get('etag'));

    const rotated = expectStatus(await client.post(`/v1/api-keys/${id}/rotate`, { graceSeconds: 3600 }), 201).body;
    assert.is(rotated.replaces, id);
    assert.is(rotated.name, 'build');
    assert.is(await verify(context, key), 'valid');
    assert.is(await verify(context, rotated.key), 'valid');

    const before = expectStatus(await service.get('/v1/revocations'), 200).body;
    const revoked = expectStatus(await client.delete(`/v1/api-keys/${rotated.id}`), 204);
    assert.is(await verifyAt(context, revoked, rotated.key), 'revoked');
    assert.is(await verify(context, rotated.key), 'revoked');
    assert.is(await verify(context, key), 'valid', 'the one in grace goes on');
    expectStatus(await client.delete(`/v1/api-keys/${rotated.id}`), 204);

    const feed = expectStatus(
      await service.get(`/v1/revocations?after=${before.head}&epoch=${before.epoch}`),
      200,
    ).body;
    assert.is(feed.items.length, 1);
    const [item] = feed.items;
    assert.is(item.kind, 'key');
    assert.is(item.keyId, rotated.id);
    assert.is(item.reason, 'owner');
    assert.is(item.effect, 'ended');
    assert.is(item.previous, before.items.at(-1).position);
    assert.is(item.position, revoked.headers.get('keyledger-position'));

    const history = expectStatus(await client.get(`/v1/api-keys/${id}/history`), 200).body;
    assert.equal(
      history.items.map(({ type }: { type: string }) => type),
      ['ApiKeyCreated', 'ApiKeyRenamed', 'ApiKeyRotated'],
    );
    assert.is(history.items[0].actor.label, 'Ada');
    assert.is(history.items[1].data.name, 'build');
    const old = expectStatus(await client.get(`/v1/api-keys/${id}`), 200).body;
    assert.is(old.replacedBy, rotated.id);
  });

  life(
    'a deactivated owner: every key and session is refused with the answer, and none comes back',
    async (context) => {
      const { admin, front } = context;
      const { id, client } = await person(context, 'grace@example.com');
      const keys: string[] = [];
      for (const name of ['one', 'two', 'three'])
        keys.push(expectStatus(await client.post('/v1/api-keys', { name, expiresAt: inDays(30) }), 201).body.key);
      for (const key of keys) assert.is(await verify(context, key), 'valid');
      const turnedOff = expectStatus(await admin.post(`/v1/admin/users/${id}/deactivate`), 200);
      for (const key of keys) assert.is(await verifyAt(context, turnedOff, key), 'owner-inactive');
      for (const key of keys) assert.is(await verify(context, key), 'owner-inactive');
      assert.is((await client.get('/v1/profile')).status, 401);
      expectStatus(await admin.post(`/v1/admin/users/${id}/reactivate`), 200);
      for (const key of keys) assert.is(await verify(context, key), 'owner-inactive');
      assert.is((await client.get('/v1/profile')).status, 401);
      const again = await signIn(front, 'grace@example.com', password);
      const listed = expectStatus(await again.get('/v1/api-keys?status=revoked'), 200).body.items;
      assert.equal(
        new Set(listed.map((key: { revokedReason: string }) => key.revokedReason)),
        new Set(['owner-deactivated']),
      );
      assert.is(listed.length, 3);
    },
  );

  life('a key is for other systems', async (context) => {
    const { client } = await person(context, 'kay@example.com');
    const { key } = expectStatus(await client.post('/v1/api-keys', { name: 'k', expiresAt: inDays(1) }), 201).body;
    const holder = clientOf(context.front, { 'x-api-key': key });
    assert.is(expectStatus(await holder.get('/v1/me'), 200).body.email, 'kay@example.com');
    const refused = await holder.get('/v1/api-keys');
    assert.is(refused.status, 403);
    assert.is(refused.body.code, 'key-not-allowed-here');
  });

  life.run();
};

for (const setup of setups) wholeLife(setup);
