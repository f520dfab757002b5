import * as assert from 'uvu/assert';
import { expectStatus } from '../../support/client.ts';
import {
  answered,
  assertHidden,
  assertManagesNoKeys,
  assertPreset,
  assertSentAs,
  day,
  inDays,
  type PresetServer,
  startPreset,
  tableOf,
} from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';

const s = suite<{ of: PresetServer }>('the row of Qalyptus Server');

s.before(async (context) => {
  context.of = await startPreset('qalyptus');
});
s.before.each(async ({ of }) => {
  await of.policy({ preset: 'qalyptus', enabled: true });
});
s.after(({ of }) => of.stop());

const ci = () => ({ name: 'ci', expiresAt: inDays(30) });

s('qalyptus · preset name: qalyptus, the default of a fresh installation', async ({ of }) => {
  const { customized, revision: _r, changedAt: _a, changedBy, ...fields } = of.fresh;
  assert.equal(fields, tableOf('qalyptus'));
  assert.equal([customized, changedBy.kind], [false, 'cli']);
  await assertPreset(of, 'qalyptus');
});

s(
  'qalyptus · keys available: off until an administrator turns them on, the section hidden meanwhile',
  async ({ of }) => {
    const { member, policy } = of;
    const made = await of.make(member, ci());
    await policy({ preset: 'qalyptus' });
    const off = { visible: false, canCreate: false, why: 'api-keys-disabled' };
    assert.equal((await of.me(member)).features.apiKeys, off);
    assert.equal(answered(await of.create(member, ci())), [403, 'api-keys-disabled']);
    assert.equal(answered(await of.patch(member, made.id, { name: 'x' })), [403, 'api-keys-disabled']);
    assert.equal(answered(await of.rotate(member, made.id)), [403, 'api-keys-disabled']);
    assert.equal(answered(await of.reveal(member, made.id)), [403, 'api-keys-disabled']);
    assert.is(await of.verify(made.key), 'api-keys-disabled');
    assert.is((await of.key(member, made.id)).status, 'active', 'it did not end');

    await policy({ enabled: true });
    assert.equal((await of.me(member)).features.apiKeys, { visible: true, canCreate: true, why: null });
    assert.is(await of.verify(made.key), 'valid');

    await policy({ enabled: false });
    expectStatus(await member.client.get('/v1/api-keys'), 200);
    await of.remove(member, made.id);
    await policy({ enabled: true });
    assert.is(await of.verify(made.key), 'revoked');
  },
);

s('qalyptus · who may make keys: users with a role that permits API access', async ({ of }) => {
  const { guest, member } = of;
  assert.equal((await of.me(guest)).features.apiKeys, { visible: true, canCreate: false, why: 'role-not-permitted' });
  assert.equal(answered(await of.create(guest, ci())), [403, 'role-not-permitted']);
  await of.assign(guest, ['member']);
  const made = await of.make(guest, ci());
  assert.is(await of.verify(made.key), 'valid');
  await of.assign(guest, ['guest']);
  assert.is(await of.verify(made.key), 'role-not-permitted', 'with the answer that took the role away');
  assert.is((await of.key(guest, made.id)).unusableBecause, 'role-not-permitted');
  await of.assign(guest, ['member']);
  assert.is(await of.verify(made.key), 'valid');
  await of.assign(guest, ['guest']);
  assert.is((await of.make(member, ci())).usable, true);
});

s('qalyptus · name: required, description optional, both editable', async ({ of }) => {
  const { member } = of;
  for (const name of [undefined, null, '', ' \t '])
    assert.equal(answered(await of.create(member, { ...ci(), name })), [422, 'name-required']);
  const made = await of.make(member, { ...ci(), name: '  Cafe\u0301 ' });
  assert.equal([made.name, made.description], ['Caf\u00e9', null]);
  await of.make(member, { ...ci(), name: 'Caf\u00e9', description: 'the same name again' });
  const edited = expectStatus(await of.patch(member, made.id, { name: 'build', description: 'nightly' }), 200).body;
  assert.equal([edited.name, edited.description], ['build', 'nightly']);
  assert.equal(answered(await of.patch(member, made.id, { name: null })), [422, 'name-required']);
  const cleared = expectStatus(await of.patch(member, made.id, { description: null }), 200).body;
  assert.equal([cleared.name, cleared.description], ['build', null]);
});

s('qalyptus · keys per user: 1000, and no more until one is deleted', async ({ of }) => {
  const owner = await of.ownerOf(999, { expiresAt: inDays(30) });
  const last = await of.make(owner, ci());
  assert.equal(answered(await of.create(owner, ci())), [409, 'api-key-limit-reached', { limit: 1000 }]);
  assert.is((await of.me(owner)).features.apiKeys.why, 'api-key-limit-reached');
  await of.remove(owner, last.id);
  await of.make(owner, ci());
});

s(
  'qalyptus · lifetime: a date is required, at most 180 days ahead unless an administrator says 1 to 365',
  async ({ of }) => {
    const { member, admin, policy } = of;
    const until = (expiresAt: unknown) => of.create(member, { name: 'ci', expiresAt });
    assert.equal(answered(await of.create(member, { name: 'ci' })), [422, 'expiry-required']);
    assert.equal(answered(await until(null)), [422, 'expiry-required']);
    assert.equal(answered(await until(inDays(-1))), [422, 'expiry-in-past']);
    const asked = Date.now();
    const beyond = await until(inDays(180.01));
    assert.equal([beyond.status, beyond.body.code], [422, 'expiry-beyond-policy']);
    const latest = Date.parse(beyond.body.params.latest) - 180 * day;
    assert.ok(latest >= asked - 1 && latest <= Date.now(), 'it says until when it could be');
    const expiresAt = inDays(179.99);
    assert.is((await of.make(member, { name: 'ci', expiresAt })).expiresAt, expiresAt);
    await policy({ maxLifetimeDays: 1 });
    assert.is((await until(inDays(1.01))).body.code, 'expiry-beyond-policy');
    await policy({ maxLifetimeDays: 365 });
    expectStatus(await until(inDays(364.99)), 201);
    for (const maxLifetimeDays of [0, 366, 1.5])
      assert.is((await admin.put('/v1/admin/policy', { maxLifetimeDays })).body.code, 'validation-failed');
    assert.is((await admin.put('/v1/admin/policy', { maxLifetimeDays: null })).body.code, 'policy-inconsistent');
  },
);

s('qalyptus · expiry after creation: cannot be extended, may be shortened', async ({ of }) => {
  const { member } = of;
  const made = await of.make(member, ci());
  assert.equal(answered(await of.patch(member, made.id, { expiresAt: inDays(31) })), [422, 'expiry-not-editable']);
  assert.equal(answered(await of.patch(member, made.id, { expiresAt: null })), [422, 'expiry-not-editable']);
  assert.equal(answered(await of.patch(member, made.id, { expiresAt: inDays(-1) })), [422, 'expiry-in-past']);
  assert.is((await of.patch(member, made.id, { expiresAt: made.expiresAt })).status, 200, 'as it is');
  const sooner = inDays(3);
  assert.is(expectStatus(await of.patch(member, made.id, { expiresAt: sooner }), 200).body.expiresAt, sooner);
  assert.is((await of.ask(made.key)).expiresAt, sooner);
  assert.equal(answered(await of.patch(member, made.id, { expiresAt: made.expiresAt })), [422, 'expiry-not-editable']);
});

s('qalyptus · value: shown once, with the answer that made it', async ({ of }) => {
  const { member, admin } = of;
  const made = await of.make(member, ci());
  assert.is(await of.verify(made.key), 'valid');
  assert.is(made.recoverable, false);
  const list = (await member.client.get('/v1/api-keys')).body;
  const seen = (await admin.get(`/v1/admin/api-keys/${made.id}`)).body;
  assertHidden(made, list, await of.key(member, made.id), seen);
  assert.equal(answered(await of.reveal(member, made.id)), [422, 'not-recoverable']);
});

s('qalyptus · form: prefix and secret, 40 characters whose end is a checksum', async ({ of }) => {
  const { member, policy } = of;
  const made = await of.make(member, ci());
  assert.match(made.key, /^api_[0-9A-Za-z]{36}$/);
  assert.is(made.mask, `api_${made.key.slice(4, 8)}…${made.key.slice(-4)}`);
  const flipped = made.key.slice(0, -1) + (made.key.endsWith('0') ? '1' : '0');
  assert.is(await of.verify(flipped), 'malformed');
  await policy({ prefix: 'acme' });
  assert.match((await of.make(member, ci())).key, /^acme_[0-9A-Za-z]{36}$/);
  assert.is(await of.verify(made.key), 'valid', 'whatever the form is now');
});

s('qalyptus · sent as: bearer', async ({ of }) => {
  const made = await of.make(of.member, ci());
  await assertSentAs(of, made.key, `${made.key.slice(0, -1)}!`);
});

s('qalyptus · rights: those of the owner, as they are at each check', async ({ of }) => {
  const { member, admin } = of;
  assert.equal(answered(await of.create(member, { ...ci(), scopes: ['streams:read'] })), [422, 'scopes-not-allowed']);
  const made = await of.make(member, ci());
  assert.is(made.scopes, null);
  const before = await of.ask(made.key);
  assert.equal([before.owner.roles, before.permissions], [['member'], ['api-keys:use']]);
  const permissions = ['api-keys:use', 'users:read'];
  expectStatus(await admin.put('/v1/admin/roles/clerk', { permissions, scopes: ['reports:*'] }), 200);
  await of.assign(member, ['clerk']);
  const after = await of.ask(made.key);
  assert.equal([after.owner.roles, after.permissions], [['clerk'], permissions]);
  assert.equal(after.scopes, ['reports:read', 'reports:run']);
  await of.assign(member, ['member']);
});

s('qalyptus · replace a lost key: no, make another', async ({ of }) => {
  const { member } = of;
  const made = await of.make(member, ci());
  assert.equal(answered(await of.rotate(member, made.id)), [422, 'rotation-not-allowed']);
  const other = await of.make(member, ci());
  assert.equal([other.name, other.replaces], [made.name, null]);
  assert.is(await of.verify(made.key), 'valid');
});

s('qalyptus · ends when: expired, deleted, or revoked by an administrator: at once and for good', async ({ of }) => {
  const { member, admin } = of;
  const [brief, deleted, revoked] = [
    await of.make(member, { name: 'brief', expiresAt: new Date(Date.now() + 2500).toISOString() }),
    await of.make(member, ci()),
    await of.make(member, ci()),
  ];
  await of.remove(member, deleted.id);
  assert.is(await of.verify(deleted.key), 'revoked');
  const reason = 'left on a train';
  const ended = expectStatus(await admin.post(`/v1/admin/api-keys/${revoked.id}/revoke`, { reason }), 200).body;
  assert.equal([ended.status, ended.revokedReason, ended.revokedNote], ['revoked', 'administrator', reason]);
  assert.is(await of.verify(revoked.key), 'revoked');
  await of.untilExpired(brief.key);
  assert.is((await of.key(member, brief.id)).status, 'expired');
  for (const { id } of [brief, deleted, revoked]) {
    assert.equal(answered(await of.patch(member, id, { description: 'alive?' })), [409, 'already-ended']);
    assert.is((await of.key(member, id)).usable, false);
  }
});

s('qalyptus · a key may manage keys: no, an administrator’s neither', async ({ of }) => {
  const email = 'admin@localhost';
  const made = expectStatus(await of.admin.post('/v1/api-keys', ci()), 201).body;
  assert.is((await of.withHeaders({ authorization: `Bearer ${made.key}` })).body.email, email);
  await assertManagesNoKeys(of, made.id, { authorization: `Bearer ${made.key}` });
});

s.run();
