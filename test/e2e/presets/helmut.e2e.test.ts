import * as assert from 'uvu/assert';
import { expectStatus } from '../../support/client.ts';
import {
  answered,
  assertHidden,
  assertManagesNoKeys,
  assertPreset,
  assertSentAs,
  inDays,
  type PresetServer,
  startPreset,
} from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';

const s = suite<{ of: PresetServer }>('the row of helmut.cloud');

s.before(async (context) => {
  context.of = await startPreset('helmut');
});
s.before.each(async ({ of }) => {
  await of.policy({ preset: 'helmut' });
});
s.after(({ of }) => of.stop());

const pat = { name: 'PAT', scopes: ['reports:read'] };

s('helmut · preset name: helmut', ({ of }) => assertPreset(of, 'helmut'));

s('helmut · keys available: on', async ({ of }) => {
  assert.equal((await of.me(of.member)).features.apiKeys, { visible: true, canCreate: true, why: null });
  assert.is(await of.verify((await of.make(of.member, pat)).key), 'valid');
});

s('helmut · who may make keys: every user, with what their roles hold', async ({ of }) => {
  expectStatus(await of.admin.put('/v1/admin/roles/reader', { permissions: [], scopes: ['reports:read'] }), 200);
  const reader = await of.person(['reader']);
  assert.is((await of.me(reader)).features.apiKeys.canCreate, true);
  assert.is(await of.verify((await of.make(reader, pat)).key), 'valid');
});

s('helmut · name: required, editable', async ({ of }) => {
  const { member } = of;
  assert.equal(answered(await of.create(member, { scopes: pat.scopes })), [422, 'name-required']);
  const made = await of.make(member, pat);
  await of.make(member, pat);
  assert.is(expectStatus(await of.patch(member, made.id, { name: 'renamed' }), 200).body.name, 'renamed');
  assert.equal(answered(await of.patch(member, made.id, { name: ' ' })), [422, 'name-required']);
});

s('helmut · keys per user: 1000', async ({ of }) => {
  const owner = await of.ownerOf(999, { scopes: ['reports:read'] });
  await of.make(owner, pat);
  assert.equal(answered(await of.create(owner, pat)), [409, 'api-key-limit-reached', { limit: 1000 }]);
});

s('helmut · lifetime: an optional date; the key goes inactive then', async ({ of }) => {
  const { member } = of;
  assert.is((await of.make(member, pat)).expiresAt, null);
  assert.equal(answered(await of.create(member, { ...pat, expiresAt: inDays(-1) })), [422, 'expiry-in-past']);
  const brief = await of.make(member, { ...pat, expiresAt: new Date(Date.now() + 2500).toISOString() });
  assert.is(await of.verify(brief.key), 'valid');
  await of.untilExpired(brief.key);
  const seen = await of.key(member, brief.id);
  assert.equal([seen.status, seen.usable, seen.unusableBecause], ['expired', false, 'expired']);
  const renewed = expectStatus(await of.rotate(member, brief.id), 201).body;
  assert.is(await of.verify(renewed.key), 'valid', 'what expired may be regenerated');
});

s('helmut · expiry after creation: editable', async ({ of }) => {
  const made = await of.make(of.member, pat);
  for (const expiresAt of [inDays(1), inDays(500), null, inDays(3)])
    assert.is(expectStatus(await of.patch(of.member, made.id, { expiresAt }), 200).body.expiresAt, expiresAt);
});

s('helmut · value: shown once', async ({ of }) => {
  const made = await of.make(of.member, pat);
  assertHidden(made, (await of.member.client.get('/v1/api-keys')).body, await of.key(of.member, made.id));
  assert.equal(answered(await of.reveal(of.member, made.id)), [422, 'not-recoverable']);
});

s('helmut · form: prefix and secret', async ({ of }) => {
  assert.match((await of.make(of.member, pat)).key, /^api_[0-9A-Za-z]{36}$/);
});

s('helmut · sent as: bearer', async ({ of }) => {
  const { key } = await of.make(of.member, pat);
  await assertSentAs(of, key, `api_${'0'.repeat(36)}`);
});

s('helmut · rights: scopes per application and action, a higher action fills in the lower ones', async ({ of }) => {
  const { member } = of;
  for (const scopes of [undefined, null, []])
    assert.equal(answered(await of.create(member, { name: 'PAT', scopes })), [422, 'scopes-required']);
  const unknown = await of.create(member, { name: 'PAT', scopes: ['streams:fly'] });
  assert.equal(answered(unknown), [422, 'unknown-scope', { scopes: ['streams:fly'] }]);
  const made = await of.make(member, { name: 'PAT', scopes: ['streams:write', 'reports:read'] });
  const scopes = ['reports:read', 'streams:read', 'streams:write'];
  assert.equal([made.scopes, (await of.ask(made.key)).scopes], [scopes, scopes]);
  assert.is((await of.ask(made.key, ['streams:read'])).code, 'valid');
  const refused = await of.ask(made.key, ['streams:admin', 'streams:read']);
  assert.equal([refused.code, refused.missing], ['insufficient-scope', ['streams:admin']]);
  const catalog = (await member.client.get('/v1/scopes')).body.items;
  assert.equal(catalog[0], { application: 'streams', actions: ['read', 'write', 'admin'] });
});

s('helmut · rights: editable, and only what the owner’s roles hold', async ({ of }) => {
  const { admin } = of;
  const put = (scopes: readonly string[]) => admin.put('/v1/admin/roles/editor', { permissions: [], scopes });
  expectStatus(await put(['streams:write', 'reports:*']), 200);
  const owner = await of.person(['editor']);
  const beyond = await of.create(owner, { name: 'PAT', scopes: ['streams:admin'] });
  assert.equal(answered(beyond), [422, 'scope-not-held', { scopes: ['streams:admin'] }]);
  const made = await of.make(owner, { name: 'PAT', scopes: ['streams:write'] });
  const edited = expectStatus(await of.patch(owner, made.id, { scopes: ['reports:run'] }), 200).body;
  assert.equal(edited.scopes, ['reports:read', 'reports:run']);
  assert.is((await of.ask(made.key, ['streams:read'])).code, 'insufficient-scope');
  const wider = await of.patch(owner, made.id, { scopes: ['streams:admin'] });
  assert.equal(answered(wider), [422, 'scope-not-held', { scopes: ['streams:admin'] }]);
  expectStatus(await put(['reports:read']), 200);
  assert.equal((await of.ask(made.key)).scopes, ['reports:read'], 'less, as soon as the role holds less');
});

s('helmut · replace a lost key: regenerate: the old one ends, the new one is shown', async ({ of }) => {
  const { member } = of;
  const asked = { name: 'PAT', description: 'for the mill', scopes: ['streams:write'], expiresAt: inDays(10) };
  const old = await of.make(member, asked);
  const before = Date.now();
  const again = { 'idempotency-key': 'regenerate' };
  const regenerate = () => member.client.post(`/v1/api-keys/${old.id}/rotate`, {}, again);
  const young = expectStatus(await regenerate(), 201).body;
  assert.equal((await regenerate()).body, young, 'a repeat regenerates nothing once more');
  assert.is.not(young.key, old.key);
  assert.equal([await of.verify(old.key), await of.verify(young.key)], ['revoked', 'valid']);
  assert.equal(
    [young.name, young.description, young.scopes, young.replaces],
    ['PAT', 'for the mill', ['streams:read', 'streams:write'], old.id],
  );
  const length = Date.parse(old.expiresAt) - Date.parse(old.createdAt);
  assert.is(Date.parse(young.expiresAt) - Date.parse(young.createdAt), length, 'as long a life, from now');
  assert.ok(Date.parse(young.createdAt) >= before - 1);
  const ended = await of.key(member, old.id);
  assert.equal([ended.status, ended.revokedReason, ended.replacedBy], ['revoked', 'rotated', young.id]);

  const next = expectStatus(await of.rotate(member, young.id, { graceSeconds: 3600 }), 201).body;
  assert.equal([await of.verify(young.key), await of.verify(next.key)], ['valid', 'valid'], 'with a grace both work');
  assert.equal(answered(await of.patch(member, young.id, { name: 'x' })), [409, 'already-ended']);
  assert.equal(answered(await of.rotate(member, young.id)), [409, 'already-ended']);
  await of.remove(member, young.id);
  assert.is(await of.verify(young.key), 'revoked');
  const refused = await of.rotate(member, next.id, { graceSeconds: 86_401 });
  assert.is(refused.body.code, 'validation-failed');
});

s('helmut · ends when: expired, deleted, regenerated', async ({ of }) => {
  const { member } = of;
  const brief = await of.make(member, { ...pat, expiresAt: new Date(Date.now() + 2000).toISOString() });
  const [deleted, old] = [await of.make(member, pat), await of.make(member, pat)];
  await of.remove(member, deleted.id);
  await of.remove(member, deleted.id);
  const young = expectStatus(await of.rotate(member, old.id), 201).body;
  assert.equal(
    [await of.verify(deleted.key), await of.verify(old.key), await of.verify(young.key)],
    ['revoked', 'revoked', 'valid'],
  );
  await of.untilExpired(brief.key);
});

s('helmut · a key may manage keys: no', async ({ of }) => {
  const { id, key } = await of.make(of.member, pat);
  await assertManagesNoKeys(of, id, { authorization: `Bearer ${key}` });
});

s.run();
