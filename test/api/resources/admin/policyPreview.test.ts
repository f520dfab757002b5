import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { answered, personWith, role, type Signed, written } from '../../../support/administration.ts';
import { expectStatus } from '../../../support/client.ts';
import { keyPolicy } from '../../../support/keyPolicies.ts';
import { makeKeyWorld } from '../../../support/keyWorld.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';
import { startWholeApp } from '../../../support/wholeApp.ts';

const preview = suite<{ app: TestApp; admin: Signed }>('what a policy would break, over HTTP');
const path = '/v1/admin/policy/preview';

preview.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
  expectStatus(await context.admin.client.put('/v1/admin/policy', { preset: 'idmp' }), 200);
});
preview.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const none = { keysAffected: 0, usersAffected: 0, sample: [] };
const make = async ({ client }: Signed, name: string, own: object = {}): Promise<string> =>
  expectStatus(await client.post('/v1/api-keys', { name, ...own }), 201).body.id;

preview('keys that work now and would not, and whose they are; nothing changes', async ({ app, admin }) => {
  const member = await personWith(app, ['member']);
  const guest = await personWith(app, ['guest']);
  const ids = [await make(member, 'a'), await make(guest, 'b'), await make(guest, 'c')];
  const deleted = await make(guest, 'd');
  expectStatus(await guest.client.delete(`/v1/api-keys/${deleted}`), 204);
  await make(member, 'e', { expiresAt: new Date(app.bed.clock.now() + 1000).toISOString() });
  app.bed.clock.advance(1000);
  const before = await written(app);
  const ask = async (body: object) => expectStatus(await admin.client.post(path, body), 200).body;
  assert.equal(await ask({}), none);
  assert.equal(
    await ask({ maxKeysPerUser: 1, secret: 'once', nameEditable: true }),
    none,
    'governs later commands only',
  );
  assert.equal(await ask({ requireRole: true }), {
    keysAffected: 2,
    usersAffected: 1,
    sample: [
      { id: ids[1], ownerId: guest.id, unusableBecause: 'role-not-permitted' },
      { id: ids[2], ownerId: guest.id, unusableBecause: 'role-not-permitted' },
    ],
  });
  const off = await ask({ preset: 'qalyptus' });
  assert.equal([off.keysAffected, off.usersAffected], [3, 2]);
  assert.equal(
    off.sample.map(({ id, unusableBecause }: { id: string; unusableBecause: string }) => [id, unusableBecause]),
    ids.map((id) => [id, 'api-keys-disabled']),
  );
  assert.is(await written(app), before);
  // What it says is what comes of it.
  expectStatus(await admin.client.put('/v1/admin/policy', { requireRole: true }), 200);
  for (const [of, id, usable] of [
    [member, ids[0], true],
    [guest, ids[1], false],
    [guest, ids[2], false],
  ] as const)
    assert.is((await of.client.get(`/v1/api-keys/${id}`)).body.usable, usable);
  assert.equal(await ask({ requireRole: true }), none, 'they are stopped already');
});

preview('whatever the policies and keys: what it says is what then happens', async () => {
  const app = await startWholeApp();
  const { admin: adminId, people, made } = await makeKeyWorld(app);
  // Some who lose the role, some who are off.
  expectStatus(await app.as(adminId).patch(`/v1/admin/users/${people[0]!.id}`, { roles: ['guest'] }), 200);
  expectStatus(await app.as(adminId).post(`/v1/admin/users/${people[1]!.id}/deactivate`), 200);
  const admin = app.as(adminId);
  const set = async (policy: object) => expectStatus(await admin.put('/v1/admin/policy', policy), 200);
  const index = () => app.reader.proven()!;
  const ids = [...new Set(people.flatMap(({ id }) => index().keysOf(id)))].map(({ keyId, ownerId }) => ({
    keyId,
    ownerId,
  }));
  assert.ok(ids.length >= made.length);
  let stopped = 0;
  await fc.assert(
    fc.asyncProperty(keyPolicy, keyPolicy, async (from, to) => {
      await set(from);
      const said = expectStatus(await admin.post(path, to), 200).body;
      const codes = () => ids.map(({ keyId }) => index().codeOf(keyId, app.bed.clock.now()));
      const before = codes();
      await set(to);
      const after = codes();
      const affected = ids.filter((_, n) => before[n] === 'valid' && after[n] !== 'valid');
      assert.is(said.keysAffected, affected.length);
      assert.is(said.usersAffected, new Set(affected.map(({ ownerId }) => ownerId)).size);
      assert.is(said.sample.length, Math.min(20, affected.length));
      for (const { id, ownerId, unusableBecause } of said.sample) {
        assert.ok(affected.some(({ keyId, ownerId: owner }) => keyId === id && owner === ownerId));
        assert.is(after[ids.findIndex(({ keyId }) => keyId === id)], unusableBecause);
      }
      stopped += affected.length;
    }),
    { numRuns: 60 },
  );
  assert.ok(stopped > 0, 'some were stopped at all');
  await app.close();
  assert.equal(app.unexpected, []);
});

preview('counts all, shows twenty', async ({ app, admin }) => {
  const guest = await personWith(app, ['guest']);
  for (let n = 0; n < 21; n += 1) await make(guest, `key ${n}`);
  const { body } = await admin.client.post(path, { enabled: false });
  assert.equal([body.keysAffected, body.usersAffected, body.sample.length], [21, 1, 20]);
});

preview('takes what a policy takes, also one as it was answered, and refuses what none can be', async ({ admin }) => {
  const now = (await admin.client.get('/v1/admin/policy')).body;
  assert.equal((await admin.client.post(path, now)).body, none);
  const contradictory = await admin.client.post(path, { form: 'dotted' });
  assert.equal(answered(contradictory), [422, 'policy-inconsistent']);
  assert.equal(
    contradictory.body.errors.map(({ pointer }: { pointer: string }) => pointer),
    ['/prefix'],
  );
  assert.equal(answered(await admin.client.post(path, { maxKeysPerUser: 0 })), [400, 'validation-failed']);
  assert.equal(answered(await admin.client.post(path, { other: 1 })), [400, 'validation-failed']);
});

preview('is for whoever may read or write the policy', async ({ app }) => {
  const reader = await personWith(app, [await role(app, 'reader', ['policy:read'])]);
  const writer = await personWith(app, [await role(app, 'writer', ['policy:write'])]);
  const member = await personWith(app, ['member']);
  for (const { client } of [reader, writer]) assert.equal(answered(await client.post(path, {})), [200]);
  assert.equal(answered(await member.client.post(path, {})), [403, 'forbidden']);
});

preview.run();
