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

const s = suite<{ of: PresetServer }>('the row of CAST AIP Console');

s.before(async (context) => {
  context.of = await startPreset('aip');
});
s.before.each(async ({ of }) => {
  await of.policy({ preset: 'aip' });
});
s.after(({ of }) => of.stop());

const dotted = /^[0-9A-Za-z]{8}\.[0-9A-Za-z]{32}$/;

s('aip · preset name: aip', ({ of }) => assertPreset(of, 'aip'));

s('aip · keys available: on', async ({ of }) => {
  assert.equal((await of.me(of.member)).features.apiKeys, { visible: true, canCreate: true, why: null });
  assert.is(await of.verify((await of.make(of.member)).key), 'valid');
});

s('aip · who may make keys: every user, whatever the role', async ({ of }) => {
  assert.is(await of.verify((await of.make(of.guest)).key), 'valid');
  const nobody = await of.person([]);
  assert.is(await of.verify((await of.make(nobody)).key), 'valid');
});

s('aip · name: none asked', async ({ of }) => {
  const made = await of.make(of.member);
  assert.equal([made.name, made.description], [null, null]);
  assert.is(expectStatus(await of.patch(of.member, made.id, { name: 'mine' }), 200).body.name, 'mine');
  assert.is(expectStatus(await of.patch(of.member, made.id, { name: null }), 200).body.name, null);
});

s('aip · keys per user: 1: a new one at once ends the old', async ({ of }) => {
  const { member } = of;
  const old = await of.make(member);
  assert.equal((await of.me(member)).features.apiKeys, { visible: true, canCreate: true, why: null });
  const young = await of.make(member);
  assert.equal([await of.verify(old.key), await of.verify(young.key)], ['revoked', 'valid']);
  assert.is(young.replaces, old.id);
  const ended = await of.key(member, old.id);
  assert.equal([ended.status, ended.revokedReason, ended.replacedBy], ['revoked', 'replaced', young.id]);
  const { items } = (await member.client.get('/v1/api-keys')).body;
  assert.equal(
    items.map(({ id }: { id: string }) => id),
    [young.id],
  );
});

s('aip · lifetime: no expiry', async ({ of }) => {
  assert.equal(answered(await of.create(of.member, { expiresAt: inDays(1) })), [422, 'expiry-not-allowed']);
  const made = await of.make(of.member, { expiresAt: null });
  assert.is(made.expiresAt, null);
  assert.is((await of.ask(made.key)).expiresAt, null);
});

s('aip · expiry after creation: none', async ({ of }) => {
  const made = await of.make(of.member);
  assert.equal(answered(await of.patch(of.member, made.id, { expiresAt: inDays(1) })), [422, 'expiry-not-allowed']);
  assert.is(expectStatus(await of.patch(of.member, made.id, { expiresAt: null }), 200).body.expiresAt, null);
});

s('aip · value: shown once', async ({ of }) => {
  const made = await of.make(of.member);
  assert.is(made.recoverable, false);
  assertHidden(made, (await of.member.client.get('/v1/api-keys')).body, await of.key(of.member, made.id));
  assert.equal(answered(await of.reveal(of.member, made.id)), [422, 'not-recoverable']);
});

s('aip · form: 41 characters: 8, a dot, 32', async ({ of }) => {
  const made = await of.make(of.member);
  assert.is(made.key.length, 41);
  assert.match(made.key, dotted);
  assert.is(made.mask, `${made.key.slice(0, 4)}…${made.key.slice(-4)}`);
});

s('aip · sent as: X-API-KEY, 401 when wrong', async ({ of }) => {
  const { key } = await of.make(of.member);
  await assertSentAs(of, key, `${key.slice(0, 9)}${'0'.repeat(32)}`);
  assert.equal(answered(await of.withHeaders({ 'x-api-key': 'wrong' })), [401, 'invalid-key']);
});

s('aip · rights: those of the owner, as they are at each check', async ({ of }) => {
  assert.equal(answered(await of.create(of.member, { scopes: ['streams:read'] })), [422, 'scopes-not-allowed']);
  const { key } = await of.make(of.guest);
  assert.equal((await of.ask(key)).permissions, []);
  await of.assign(of.guest, ['auditor']);
  const rights = await of.ask(key);
  assert.equal(rights.owner.roles, ['auditor']);
  assert.equal(rights.permissions, ['audit:read', 'keys:read', 'policy:read', 'users:read']);
  await of.assign(of.guest, ['guest']);
});

s('aip · replace a lost key: generate again', async ({ of }) => {
  const { member } = of;
  const lost = await of.make(member);
  const generated = await of.make(member);
  assert.equal([await of.verify(lost.key), await of.verify(generated.key)], ['revoked', 'valid']);
  const rotated = expectStatus(await of.rotate(member, generated.id), 201).body;
  assert.match(rotated.key, dotted);
  assert.equal([await of.verify(generated.key), await of.verify(rotated.key)], ['revoked', 'valid']);
  assert.is(rotated.replaces, generated.id);
  const refused = await of.rotate(member, rotated.id, { graceSeconds: 1 });
  assert.equal(answered(refused), [422, 'grace-not-allowed', { maxGraceSeconds: 0 }]);

  const again = { 'idempotency-key': 'once' };
  const first = await member.client.post('/v1/api-keys', {}, again);
  const second = await member.client.post('/v1/api-keys', {}, again);
  assert.equal(second.body, first.body, 'a repeat replaces nothing once more');
  assert.is(await of.verify(first.body.key), 'valid');
});

s('aip · ends when: deleted, replaced', async ({ of }) => {
  const { member } = of;
  const replaced = await of.make(member);
  const deleted = await of.make(member);
  assert.is((await of.key(member, replaced.id)).revokedReason, 'replaced');
  await of.remove(member, deleted.id);
  assert.is(await of.verify(deleted.key), 'revoked');
  assert.is((await of.key(member, deleted.id)).revokedReason, 'owner');
  assert.equal((await member.client.get('/v1/api-keys')).body.items, []);
});

s('aip · a key may manage keys: no', async ({ of }) => {
  const { id, key } = await of.make(of.member);
  await assertManagesNoKeys(of, id, { 'x-api-key': key });
});

s.run();
