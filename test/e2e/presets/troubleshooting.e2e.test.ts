import * as assert from 'uvu/assert';
import { clientOf, expectStatus } from '../../support/client.ts';
import { answered, inDays, type Person, type PresetServer, startPreset } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';

// The two lists of reasons in Qalyptus's own pages: why a key does not work, and why one cannot be made.
const s = suite<{ of: PresetServer }>('troubleshooting');

s.before(async (context) => {
  context.of = await startPreset('qalyptus');
});
s.before.each(async ({ of }) => {
  await of.policy({ preset: 'qalyptus', enabled: true });
});
s.after(({ of }) => of.stop());

const ci = () => ({ name: 'ci', expiresAt: inDays(30) });

type Made = { readonly id: string; readonly key: string };

const check = async (who: Person, key: string) =>
  expectStatus(await who.client.post('/v1/api-keys/check', { key }), 200).body;

/**
 * The owner and an administrator are told which of the reasons it is, wherever they look; whoever only has the key is
 * told nothing but that it is not accepted, word by word the same for each reason.
 * @returns since when, as the owner is told
 */
const assertTold = async (of: PresetServer, owner: Person, { id, key }: Made, code: string): Promise<string | null> => {
  const told = await check(owner, key);
  assert.equal([told.code, told.keyId], [code, id]);
  assert.is((await of.key(owner, id)).unusableBecause, code);
  const list = (await owner.client.get('/v1/api-keys?status=active,expired,revoked')).body.items;
  assert.is(list.find((listed: Made) => listed.id === id).unusableBecause, code);
  assert.is(expectStatus(await of.admin.get(`/v1/admin/api-keys/${id}`), 200).body.unusableBecause, code);
  assert.is(expectStatus(await of.admin.post('/v1/admin/identify', { key }), 200).body.unusableBecause, code);
  assert.is(await of.verify(key), code);
  await assertSilent(of, key);
  const another = owner === of.member ? of.guest : of.member;
  assert.equal(await check(another, key), { code: 'not-found', keyId: null, since: null }, 'another’s is not found');
  return told.since;
};

const assertSilent = async (of: PresetServer, key: string) => {
  const { status, body, headers } = await clientOf(of.server, { authorization: `Bearer ${key}` }).get('/v1/me');
  const { requestId: _, ...said } = body;
  assert.is(status, 401);
  assert.equal(said, {
    type: '/problems/invalid-key',
    title: 'The key or token is not valid',
    status: 401,
    detail: 'The key is not accepted.',
    code: 'invalid-key',
  });
  assert.match(headers.get('www-authenticate') ?? '', /^Bearer [^,]*, error="invalid_token"$/);
};

s('qalyptus · troubleshooting: a key does not work because it has expired', async ({ of }) => {
  const expiresAt = new Date(Date.now() + 2000).toISOString();
  const made = await of.make(of.member, { name: 'brief', expiresAt });
  await of.untilExpired(made.key);
  assert.is(await assertTold(of, of.member, made, 'expired'), expiresAt);
});

s('qalyptus · troubleshooting: a key does not work because the role does not permit API access', async ({ of }) => {
  await of.assign(of.guest, ['member']);
  const made = await of.make(of.guest, ci());
  await of.assign(of.guest, ['guest']);
  assert.is(await assertTold(of, of.guest, made, 'role-not-permitted'), null);
});

s('qalyptus · troubleshooting: a key does not work because keys are turned off', async ({ of }) => {
  const made = await of.make(of.member, ci());
  const { changedAt } = (await of.policy({ enabled: false })).body;
  assert.is(await assertTold(of, of.member, made, 'api-keys-disabled'), changedAt);
});

s('qalyptus · troubleshooting: a key does not work because it was deleted, or revoked and why', async ({ of }) => {
  const [deleted, revoked] = [await of.make(of.member, ci()), await of.make(of.member, ci())];
  await of.remove(of.member, deleted.id);
  const reason = 'seen in a log';
  const ended = await of.admin.post(`/v1/admin/api-keys/${revoked.id}/revoke`, { reason });
  assert.is(await assertTold(of, of.member, revoked, 'revoked'), expectStatus(ended, 200).body.revokedAt);
  await assertTold(of, of.member, deleted, 'revoked');
  const seen = await of.key(of.member, revoked.id);
  assert.equal([seen.revokedReason, seen.revokedNote], ['administrator', reason]);
  assert.is((await of.key(of.member, deleted.id)).revokedReason, 'owner');
});

s('qalyptus · troubleshooting: a key does not work because its owner was turned off meanwhile', async ({ of }) => {
  const owner = await of.person(['member']);
  const made = await of.make(owner, ci());
  expectStatus(await of.admin.post(`/v1/admin/users/${owner.id}/deactivate`), 200);
  const seen = expectStatus(await of.admin.get(`/v1/admin/api-keys/${made.id}`), 200).body;
  assert.equal([seen.unusableBecause, seen.revokedReason], ['owner-inactive', 'owner-deactivated']);
  assert.is(seen.owner.status, 'deactivated');
  await assertSilent(of, made.key);
});

s('qalyptus · troubleshooting: a key does not work because of its format', async ({ of }) => {
  const { key } = await of.make(of.member, ci());
  const mistyped = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0');
  for (const text of [mistyped, key.slice(0, -1), `Bearer ${key}`, key.slice(4), 'hello'])
    for (const who of [of.member.client, of.admin]) {
      const { body } = expectStatus(await who.post('/v1/api-keys/check', { key: text }), 200);
      assert.equal(body, { code: 'malformed', keyId: null, since: null }, text.slice(0, 8));
    }
  const nobodys = `${'A'.repeat(8)}.${'B'.repeat(32)}`;
  assert.equal(await check(of.member, nobodys), { code: 'not-found', keyId: null, since: null });
  await assertSilent(of, mistyped);
  await assertSilent(of, nobodys);
});

s('qalyptus · troubleshooting: a key does not work because of how it is sent', async ({ of }) => {
  const { id, key } = await of.make(of.member, ci());
  const me = async (headers: { readonly [name: string]: string }) => answered(await of.withHeaders(headers));
  assert.equal(await me({ authorization: key }), [401, 'invalid-key'], 'without its scheme');
  assert.equal(await me({ authorization: `Basic ${btoa(`${key}:`)}` }), [401, 'invalid-key']);
  assert.equal(await me({ 'x-api-key': `Bearer ${key}` }), [401, 'invalid-key']);
  assert.equal(await me({ 'api-key': key }), [401, 'unauthenticated'], 'in a header that nobody reads');
  assert.equal(await me({ 'x-api-key': key, authorization: 'Bearer other' }), [400, 'ambiguous-credentials']);
  assert.equal(await me({ authorization: `Bearer ${key}` }), [200]);
  // Nothing is wrong with the key: so it is told to its owner and to administrators.
  assert.equal(await check(of.member, key), { code: 'valid', keyId: id, since: null });
  assert.is((await of.admin.post('/v1/admin/identify', { key })).body.unusableBecause, null);
});

s('qalyptus · troubleshooting: a key that works says so', async ({ of }) => {
  const made = await of.make(of.member, ci());
  assert.equal(await check(of.member, made.key), { code: 'valid', keyId: made.id, since: null });
  assert.is((await of.key(of.member, made.id)).unusableBecause, null);
});

/** Told before anybody tries, and again with the refusal; whoever is not signed in learns nothing. */
const assertCannot = async (of: PresetServer, who: Person, refusal: readonly unknown[], own: object = {}) => {
  assert.equal(answered(await of.create(who, { ...ci(), ...own })), refusal);
  const stranger = await clientOf(of.server).post('/v1/api-keys', { ...ci(), ...own });
  assert.equal(answered(stranger), [401, 'unauthenticated']);
};

s('qalyptus · troubleshooting: a key cannot be made because keys are turned off', async ({ of }) => {
  await of.policy({ enabled: false });
  await assertCannot(of, of.member, [403, 'api-keys-disabled']);
  const { apiKeys } = (await of.me(of.member)).features;
  assert.equal(apiKeys, { visible: false, canCreate: false, why: 'api-keys-disabled' });
  assert.is((await of.admin.get('/v1/admin/policy')).body.enabled, false);
});

s('qalyptus · troubleshooting: a key cannot be made because no role of the user permits it', async ({ of }) => {
  await assertCannot(of, of.guest, [403, 'role-not-permitted']);
  assert.is((await of.me(of.guest)).features.apiKeys.why, 'role-not-permitted');
  assert.equal((await of.admin.get(`/v1/admin/users/${of.guest.id}`)).body.roles, ['guest']);
});

s('qalyptus · troubleshooting: a key cannot be made because the user has as many as may be', async ({ of }) => {
  const owner = await of.ownerOf(1000, { expiresAt: inDays(30) });
  await assertCannot(of, owner, [409, 'api-key-limit-reached', { limit: 1000 }]);
  assert.is((await of.me(owner)).features.apiKeys.why, 'api-key-limit-reached');
  assert.equal((await of.admin.get(`/v1/admin/users/${owner.id}`)).body.keyCounts, { active: 1000, expired: 0 });
});

s('qalyptus · troubleshooting: a key cannot be made because its date is not within the policy', async ({ of }) => {
  const refused = await of.create(of.member, { name: 'ci', expiresAt: inDays(181) });
  const { latest } = refused.body.params;
  await assertCannot(of, of.member, [422, 'expiry-required'], { expiresAt: null });
  await assertCannot(of, of.member, [422, 'expiry-in-past'], { expiresAt: inDays(-1) });
  assert.equal(answered(refused), [422, 'expiry-beyond-policy', { latest }]);
  expectStatus(await of.create(of.member, { name: 'ci', expiresAt: latest }), 201);
  assert.is((await of.me(of.member)).policy.maxLifetimeDays, 180, 'and it was told beforehand');
});

s.run();
