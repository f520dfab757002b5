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
  password,
  startPreset,
} from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';

const s = suite<{ of: PresetServer }>('the row of TDengine IDMP');

s.before(async (context) => {
  context.of = await startPreset('idmp');
});
s.before.each(async ({ of }) => {
  await of.policy({ preset: 'idmp' });
});
s.after(({ of }) => of.stop());

let titles = 0;
/** A title that nobody has used. */
const title = () => {
  titles += 1;
  return { name: `title ${titles}` };
};

s('idmp · preset name: idmp', ({ of }) => assertPreset(of, 'idmp'));

s('idmp · keys available: on', async ({ of }) => {
  assert.equal((await of.me(of.member)).features.apiKeys, { visible: true, canCreate: true, why: null });
  const [first, second] = [await of.make(of.member, title()), await of.make(of.member, title())];
  assert.is(await of.verify(second.key), 'valid');
  const { items } = (await of.member.client.get('/v1/api-keys')).body;
  assert.equal(
    items.map(({ id }: { id: string }) => id),
    [second.id, first.id],
    'the list is in reverse order of creation',
  );
});

s('idmp · who may make keys: every signed-in user, and nobody else', async ({ of }) => {
  assert.is((await of.me(of.guest)).features.apiKeys.canCreate, true);
  assert.is(await of.verify((await of.make(of.guest, title())).key), 'valid');
  const nobody = await fetch(`${of.server.url}/v1/api-keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(title()),
  });
  assert.is(nobody.status, 401);
});

s('idmp · name: title, unique per user, fixed', async ({ of }) => {
  const { member, guest } = of;
  assert.equal(answered(await of.create(member, {})), [422, 'name-required']);
  const made = await of.make(member, { name: 'Caf\u00e9' });
  for (const name of ['Caf\u00e9', ' Cafe\u0301 '])
    assert.equal(answered(await of.create(member, { name })), [409, 'api-key-name-taken']);
  await of.make(member, { name: 'caf\u00e9' });
  await of.make(guest, { name: 'Caf\u00e9' });
  assert.equal(answered(await of.patch(member, made.id, { name: 'other' })), [422, 'name-not-editable']);
  assert.is((await of.patch(member, made.id, { name: 'Caf\u00e9', description: 'said again' })).status, 200);
  await of.remove(member, made.id);
  await of.make(member, { name: 'Caf\u00e9' });

  const brief = await of.make(member, { name: 'brief', expiresAt: new Date(Date.now() + 2000).toISOString() });
  await of.untilExpired(brief.key);
  assert.equal(
    answered(await of.create(member, { name: 'brief' })),
    [409, 'api-key-name-taken'],
    'expired, it is there',
  );
  await of.remove(member, brief.id);
  await of.make(member, { name: 'brief' });
});

s('idmp · keys per user: no limit stated: 1000', async ({ of }) => {
  const owner = await of.ownerOf(999);
  await of.make(owner, title());
  assert.equal(answered(await of.create(owner, title())), [409, 'api-key-limit-reached', { limit: 1000 }]);
});

s('idmp · lifetime: Never, or a date in the future', async ({ of }) => {
  const { member } = of;
  assert.is((await of.make(member, title())).expiresAt, null);
  assert.is((await of.make(member, { ...title(), expiresAt: null })).expiresAt, null);
  const expiresAt = inDays(3650);
  assert.is((await of.make(member, { ...title(), expiresAt })).expiresAt, expiresAt);
  assert.equal(answered(await of.create(member, { ...title(), expiresAt: inDays(-1) })), [422, 'expiry-in-past']);
});

s('idmp · expiry after creation: may be changed, also to or from Never', async ({ of }) => {
  const { member } = of;
  const made = await of.make(member, title());
  for (const expiresAt of [inDays(1), inDays(400), null, inDays(2)]) {
    assert.is(expectStatus(await of.patch(member, made.id, { expiresAt }), 200).body.expiresAt, expiresAt);
    assert.is((await of.ask(made.key)).expiresAt, expiresAt);
  }
  assert.equal(answered(await of.patch(member, made.id, { expiresAt: inDays(-1) })), [422, 'expiry-in-past']);
});

s('idmp · value: masked in lists, can be copied again by its owner, who shows who they are', async ({ of }) => {
  const { member, guest, admin } = of;
  const made = await of.make(member, title());
  assert.is(made.recoverable, true);
  const list = (await member.client.get('/v1/api-keys')).body;
  const seen = (await admin.get(`/v1/admin/api-keys/${made.id}`)).body;
  assertHidden(made, list, await of.key(member, made.id), seen);

  assert.equal(answered(await of.reveal(member, made.id, {})), [403, 'reauthentication-required']);
  assert.equal(answered(await of.reveal(member, made.id, { password: 'not it' })), [403, 'reauthentication-failed']);
  assert.equal(answered(await of.reveal(guest, made.id)), [404, 'not-found']);
  assert.equal(expectStatus(await of.reveal(member, made.id), 200).body, { key: made.key });
  expectStatus(await member.client.post('/v1/session/reauthenticate', { password }), 204);
  assert.equal(expectStatus(await of.reveal(member, made.id, {}), 200).body, { key: made.key });

  const { items } = (await member.client.get(`/v1/api-keys/${made.id}/history`)).body;
  assert.equal(
    items.map(({ type }: { type: string }) => type),
    ['ApiKeyCreated', 'ApiKeyRevealed', 'ApiKeyRevealed'],
  );
  const audited = (await admin.get(`/v1/audit/keys/${made.id}`)).body;
  assert.is(audited.events.filter(({ type }: { type: string }) => type === 'ApiKeyRevealed').length, 2);
  assert.not.ok(JSON.stringify(audited).includes(made.key));

  await of.policy({ secret: 'once' });
  assert.equal(answered(await of.reveal(member, made.id)), [422, 'not-recoverable']);
  await of.policy({ secret: 'recoverable' });
  assert.equal(answered(await of.reveal(member, made.id)), [422, 'not-recoverable'], 'gone for good');
  assert.is(await of.verify(made.key), 'valid');
});

s('idmp · form: starts api_', async ({ of }) => {
  assert.match((await of.make(of.member, title())).key, /^api_[0-9A-Za-z]{36}$/);
});

s('idmp · sent as: Authorization: Bearer api_…', async ({ of }) => {
  const { key } = await of.make(of.member, title());
  await assertSentAs(of, key, key.slice('api_'.length));
});

s('idmp · rights: roles and element scope of the owner, as they are at each check', async ({ of }) => {
  const { admin } = of;
  const put = (scopes: readonly string[]) => admin.put('/v1/admin/roles/operator', { permissions: [], scopes });
  expectStatus(await put(['streams:*', 'reports:read']), 200);
  const owner = await of.person(['operator']);
  assert.equal(answered(await of.create(owner, { ...title(), scopes: ['streams:read'] })), [422, 'scopes-not-allowed']);
  const { key } = await of.make(owner, title());
  const before = await of.ask(key, ['streams:admin']);
  assert.equal([before.code, before.owner.roles], ['valid', ['operator']]);
  assert.equal(before.scopes, ['reports:read', 'streams:admin', 'streams:read', 'streams:write']);
  expectStatus(await put(['streams:read']), 200);
  const after = await of.ask(key, ['streams:admin']);
  assert.equal([after.code, after.missing], ['insufficient-scope', ['streams:admin']]);
  assert.equal((await of.ask(key, ['streams:read'])).scopes, ['streams:read']);
  const all = await of.ask((await of.make(of.member, title())).key);
  assert.is(all.scopes, null, 'any scope, of somebody who may everything');
});

s('idmp · replace a lost key: copy it again; there is no other in its place', async ({ of }) => {
  const made = await of.make(of.member, title());
  assert.equal(expectStatus(await of.reveal(of.member, made.id), 200).body, { key: made.key });
  assert.is(await of.verify(made.key), 'valid');
  assert.equal(answered(await of.rotate(of.member, made.id)), [422, 'rotation-not-allowed']);
});

s('idmp · ends when: expired, deleted, owner deactivated or deleted: at once', async ({ of }) => {
  const { admin } = of;
  const [off, gone] = [await of.person(['member']), await of.person(['member'])];
  const brief = await of.make(off, { ...title(), expiresAt: new Date(Date.now() + 2500).toISOString() });
  const deleted = await of.make(off, title());
  const [ofOff, ofGone] = [await of.make(off, title()), await of.make(gone, title())];
  await of.remove(off, deleted.id);
  assert.is(await of.verify(deleted.key), 'revoked');
  assert.equal(answered(await of.reveal(off, deleted.id)), [409, 'already-ended']);
  await of.untilExpired(brief.key);

  expectStatus(await admin.post(`/v1/admin/users/${off.id}/deactivate`), 200);
  assert.is(await of.verify(ofOff.key), 'owner-inactive');
  expectStatus(await admin.post(`/v1/admin/users/${off.id}/reactivate`), 200);
  assert.is(await of.verify(ofOff.key), 'owner-inactive', 'reactivation revives nothing');
  const seen = (await admin.get(`/v1/admin/api-keys/${ofOff.id}`)).body;
  assert.equal([seen.status, seen.revokedReason], ['revoked', 'owner-deactivated']);

  expectStatus(await gone.client.post('/v1/profile/delete', { password }), 202);
  assert.is(await of.verify(ofGone.key), 'owner-inactive');
  const after = (await admin.get(`/v1/admin/api-keys/${ofGone.id}`)).body;
  assert.equal([after.status, after.revokedReason], ['revoked', 'owner-deleted']);
});

s('idmp · a key may manage keys: no: listing, creating, copying, updating, deleting all refused', async ({ of }) => {
  const { id, key } = await of.make(of.member, title());
  await assertManagesNoKeys(of, id, { authorization: `Bearer ${key}` });
});

s.run();
