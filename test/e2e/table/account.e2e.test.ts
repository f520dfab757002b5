import * as assert from 'uvu/assert';
import { clientOf, expectStatus, signIn } from '../../support/client.ts';
import { type Person, password } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { refused, startTable, type TableServer } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; ada: Person }>('account, profile and sessions, line by line');

s.before(async (context) => {
  context.of = await startTable();
  context.ada = await context.of.person();
});
s.after(({ of }) => of.stop());

s(
  'qalyptus · account: full name, interface language and time zone are one’s own to change',
  async ({ of, ada: { client } }) => {
    await of.underEach(async () => {
      const wanted = { fullName: 'Ada E. Example', language: 'de-at', timeZone: 'europe/vienna' };
      const { body } = expectStatus(await client.patch('/v1/profile', wanted), 200);
      assert.equal(
        [body.fullName, body.displayName, body.language, body.timeZone],
        ['Ada E. Example', 'Ada E. Example', 'de-AT', 'Europe/Vienna'],
      );
      assert.equal((await client.get('/v1/profile')).body, body);
      assert.is((await client.get('/v1/me')).body.displayName, 'Ada E. Example');
      const cleared = await client.patch('/v1/profile', { fullName: null, language: null, timeZone: null });
      assert.equal([cleared.body.fullName, cleared.body.language, cleared.body.timeZone], [null, 'en', 'UTC']);
      for (const [field, values] of [
        ['language', ['german', 'de_AT', 'd']],
        ['timeZone', ['Vienna', '+02:00', 'Mars/Olympus']],
      ] as const)
        for (const value of values) {
          const wrong = await client.patch('/v1/profile', { [field]: value });
          assert.equal([...refused(wrong), wrong.body.errors[0].pointer], [400, 'validation-failed', `/${field}`]);
        }
    });
  },
);

s('qalyptus · account: services ask for the time zone to run this user’s schedules', async ({ of }) => {
  const { id } = await of.make();
  const [runner, verifier] = [await of.service('owners:read'), await of.service('verify')];
  const path = `/v1/services/users/${id}`;
  await of.underEach(async (preset) => {
    const zone = { fullName: preset, timeZone: 'Asia/Tokyo', language: 'ja' };
    expectStatus(await of.admin.patch(`/v1/admin/users/${id}`, zone), 200);
    const seen = expectStatus(await runner.get(path), 200).body;
    assert.equal(seen, { id, status: 'active', displayName: preset, language: 'ja', timeZone: 'Asia/Tokyo' });
  });
  assert.equal(refused(await verifier.get(path)), [403, 'forbidden'], 'without owners:read');
  assert.equal(refused(await of.admin.get(path)), [403, 'forbidden'], 'an administrator’s session');
  assert.equal(refused(await of.nobody.get(path)), [401, 'unauthenticated']);
  const nobody = '/v1/services/users/01890000-0000-7000-8000-000000000000';
  assert.equal(refused(await runner.get(nobody)), [404, 'not-found']);
  expectStatus(await of.admin.post(`/v1/admin/users/${id}/deactivate`), 200);
  assert.is((await runner.get(path)).body.status, 'deactivated');
  expectStatus(await of.admin.post(`/v1/admin/users/${id}/erase`), 200);
  const erased = expectStatus(await runner.get(path), 200).body;
  assert.equal(erased, { id, status: 'erased', displayName: id, language: 'en', timeZone: 'UTC' });
});

s('qalyptus · account: organizations, groups and roles are shown, and an administrator’s to change', async ({ of }) => {
  const { client, id } = await of.person();
  await of.underEach(async (preset) => {
    for (const own of [{ organizations: ['acme'] }, { groups: ['dev'] }, { roles: ['admin'] }])
      assert.equal(refused(await client.patch('/v1/profile', own)), [400, 'validation-failed']);
    const given = { organizations: ['works', preset], groups: [preset], roles: ['member', 'auditor'] };
    expectStatus(await of.admin.patch(`/v1/admin/users/${id}`, given), 200);
    const { body } = await client.get('/v1/profile');
    assert.equal(
      [body.organizations, body.groups, body.roles],
      [['works', preset].sort(), [preset], ['auditor', 'member']],
    );
    assert.equal((await client.get('/v1/me')).body.roles, ['auditor', 'member']);
    assert.is((await client.get('/v1/admin/users')).status, 200, 'what the role permits');
    expectStatus(await of.admin.patch(`/v1/admin/users/${id}`, { roles: ['member'] }), 200);
    assert.equal(refused(await client.get('/v1/admin/users')), [403, 'forbidden'], 'with the answer that took it');
  });
});

s(
  'qalyptus · account: the e-mail address moves by an administrator’s hand, and is somebody else’s to have',
  async ({ of }) => {
    const { client, id } = await of.person();
    const path = `/v1/admin/users/${id}`;
    await of.underEach(async (preset) => {
      const moved = expectStatus(await of.admin.patch(path, { email: ` Ada@${preset}.Example.COM ` }), 200);
      assert.is(moved.body.email, `ada@${preset}.example.com`);
      assert.is((await client.get('/v1/me')).body.email, `ada@${preset}.example.com`);
      assert.equal(refused(await of.admin.patch(path, { email: 'admin@localhost' })), [409, 'email-taken']);
      assert.equal(refused(await of.admin.patch(path, { email: 'not an address' })), [400, 'validation-failed']);
      assert.equal(refused(await of.admin.patch(path, { email: null })), [422, 'email-required']);
    });
    await signIn(of.server, 'ada@helmut.example.com', password);
    const old = await of.nobody.post('/v1/session', { email: 'ada@aip.example.com', password });
    assert.equal(refused(old), [401, 'invalid-credentials'], 'the old address is free');
    expectStatus(await of.admin.post('/v1/admin/users', { email: 'ada@aip.example.com', roles: [] }), 201);
  },
);

s('all · account: deleted by whoever it is, with the password: its keys and sessions end at once', async ({ of }) => {
  const preset = await of.inTurn();
  const ada = await of.person();
  const { key } = await of.key(ada, preset);
  const byKey = clientOf(of.server, { 'x-api-key': key });
  assert.is((await byKey.get('/v1/me')).status, 200);
  const close = (body?: object) => ada.client.post('/v1/profile/delete', body);
  assert.equal(refused(await close()), [403, 'reauthentication-required']);
  assert.equal(refused(await close({ password: 'not the password' })), [403, 'reauthentication-failed']);
  expectStatus(await close({ password }), 202);
  assert.equal(refused(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
  assert.equal(refused(await byKey.get('/v1/me')), [401, 'invalid-key']);
  assert.is((await of.admin.get(`/v1/admin/users/${ada.id}`)).body.status, 'deleted');
});

s(
  'idmp · profile: first and last name, phone with country code, position, description',
  async ({ of, ada: { client } }) => {
    const wanted = {
      firstName: 'Ada',
      lastName: 'Example',
      phone: '+4312345678',
      position: 'Engineer',
      description: 'builds\nstreams',
    };
    await of.underEach(async () => {
      const { body } = expectStatus(await client.patch('/v1/profile', wanted), 200);
      for (const [field, value] of Object.entries(wanted)) assert.is(body[field], value);
      assert.is(body.displayName, 'Ada Example');
      for (const phone of ['012345678', '12345678', '+43 1 2345678', '+999123456789', '+431', 'phone']) {
        const wrong = await client.patch('/v1/profile', { phone });
        assert.equal([...refused(wrong), wrong.body.errors[0].pointer], [400, 'validation-failed', '/phone']);
      }
      const both = await client.patch('/v1/profile', { phone: '+999123456789', timeZone: 'Vienna' });
      assert.equal(both.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort(), ['/phone', '/timeZone']);
      const nothing = Object.fromEntries(Object.keys(wanted).map((field) => [field, null]));
      const cleared = expectStatus(await client.patch('/v1/profile', nothing), 200).body;
      for (const field of Object.keys(wanted)) assert.is(cleared[field], null);
    });
  },
);

s('idmp · profile: the e-mail address is read-only here', async ({ of, ada: { client, email } }) => {
  await of.underEach(async () => {
    const changed = await client.patch('/v1/profile', { email: 'eve@example.com' });
    assert.equal(refused(changed), [400, 'validation-failed']);
    assert.is((await client.get('/v1/profile')).body.email, email);
  });
});

s(
  'all · sessions: listed with address, agent and last seen, and ended one by one',
  async ({ of, ada: { client: here, email } }) => {
    await of.underEach(async () => {
      const there = clientOf(of.server, { 'user-agent': 'another browser' });
      expectStatus(await there.post('/v1/session', { email, password }), 200);
      const { body } = await here.get('/v1/sessions?count=true');
      assert.is(body.total, 2);
      const [other, own] = body.items;
      assert.equal([other.current, own.current], [false, true]);
      assert.equal([other.ip, other.userAgent, other.method], ['127.0.0.1', 'another browser', 'password']);
      assert.equal([other.twoFactor, other.lastSeenAt >= other.createdAt], [false, true]);
      assert.is(Date.parse(other.expiresAt) - Date.parse(other.createdAt), 7 * 24 * 3_600_000);
      assert.is(Date.parse(other.idleExpiresAt) - Date.parse(other.lastSeenAt), 12 * 3_600_000);
      expectStatus(await here.post(`/v1/sessions/${other.id}/end`), 204);
      assert.equal(refused(await there.get('/v1/me')), [401, 'unauthenticated']);
      assert.equal(refused(await here.post(`/v1/sessions/${other.id}/end`)), [404, 'not-found']);
      assert.is((await here.get('/v1/me')).status, 200);
    });
  },
);

s.run();
