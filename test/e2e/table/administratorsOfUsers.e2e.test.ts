import * as assert from 'uvu/assert';
import { codeAt } from '../../support/authenticatorApp.ts';
import { type Client, clientOf, expectStatus } from '../../support/client.ts';
import { type Person, password } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { refused, startTable, type TableServer, tokenIn } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; ada: Person }>('administrators of users and roles, line by line');

const path = '/v1/admin/users';
const rolesPath = '/v1/admin/roles';
const next = 'another passphrase of length';

s.before(async (context) => {
  context.of = await startTable();
  context.ada = await context.of.person();
});
s.before.each(async ({ of }) => {
  await of.inTurn();
});
s.after(({ of }) => of.stop());

const signIn = (of: TableServer, email: string, own: object = {}) =>
  clientOf(of.server).post('/v1/session', { email, password, ...own });

/** A caller of these rights, whom no password has to be hashed for. */
const machine = async (of: TableServer, permissions: readonly string[], applications?: readonly string[]) => {
  const given = { name: permissions.join(' '), permissions, ...(applications && { applications }) };
  const { body } = expectStatus(await of.admin.post('/v1/admin/service-tokens', given), 201);
  return clientOf(of.server, { authorization: `Bearer ${body.token}` });
};

const define = async (of: TableServer, name: string, permissions: readonly string[], scopes: readonly string[]) =>
  expectStatus(await of.admin.put(`${rolesPath}/${name}`, { permissions, scopes }), 200);

const types = async (of: TableServer, id: string): Promise<readonly string[]> =>
  expectStatus(await of.admin.get(`/v1/audit/users/${id}`), 200).body.events.map(({ type }: { type: string }) => type);

s('all · administrators: make a user, who can sign in', async ({ of }) => {
  const email = of.address();
  const given = { firstName: 'Ada', lastName: 'Example', groups: ['g'], organizations: ['o'], roles: ['member'] };
  const made = await of.admin.post(path, { ...given, email: email.toUpperCase(), password });
  const { id, createdAt, ...shown } = expectStatus(made, 201).body;
  assert.equal(shown, {
    ...given,
    email,
    kind: 'human',
    externalProvider: null,
    fullName: null,
    displayName: 'Ada Example',
    phone: null,
    position: null,
    description: null,
    language: 'en',
    timeZone: 'UTC',
    status: 'active',
    twoFactor: false,
    mustChangePassword: false,
    keyCounts: { active: 0, expired: 0 },
    lastSignInAt: null,
  });
  assert.is(made.headers.get('location'), `${path}/${id}`);
  assert.equal((await of.admin.get(`${path}/${id}`)).body, { id, createdAt, ...shown });
  expectStatus(await signIn(of, email), 200);
  await of.underEach(async (preset) => {
    const again = await of.admin.post(path, { email, roles: [] });
    assert.equal(refused(again), [409, 'email-taken'], preset);
    const odd = await of.admin.post(path, { email: of.address(), roles: ['nobody'] });
    assert.equal(refused(odd), [422, 'unknown-role'], preset);
  });
});

s('all · administrators: see everybody with their status, filtered, paged and counted', async ({ of, ada }) => {
  const [ben, cleo] = [await of.make({ fullName: 'Ben', roles: ['auditor'] }), await of.make({ fullName: 'Cleo' })];
  const bot = (await of.admin.post(path, { kind: 'service', roles: [] })).body;
  expectStatus(await of.admin.post(`${path}/${cleo.id}/deactivate`), 200);
  const listed = async (query: string) =>
    expectStatus(await of.admin.get(`${path}?${query}`), 200).body.items.map(({ id }: { id: string }) => id);
  await of.underEach(async () => {
    assert.equal((await listed('limit=3')).slice(0, 3), [bot.id, cleo.id, ben.id], 'newest first');
    assert.equal(await listed('q=CLEO'), [cleo.id]);
    assert.equal(await listed(`q=${ben.id}`), [ben.id]);
    assert.equal(await listed('status=deactivated'), [cleo.id]);
    assert.equal(await listed('role=auditor'), [ben.id]);
    assert.equal(await listed('kind=service'), [bot.id]);
    assert.ok((await listed('role=member&status=active')).includes(ada.id));
    const seen: string[] = [];
    let total = 0;
    for (let cursor = ''; ; ) {
      const { body } = expectStatus(await of.admin.get(`${path}?limit=2&count=true&sort=email${cursor}`), 200);
      seen.push(...body.items.map(({ email }: { email: string }) => email ?? ''));
      total = body.total;
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    assert.equal([seen.length, [...seen].sort()], [total, seen]);
  });
  for (const query of ['status=gone', 'kind=robot', 'sort=password', 'owner=x', 'limit=0'])
    assert.equal(refused(await of.admin.get(`${path}?${query}`)), [400, 'validation-failed'], query);
});

s('all · administrators: change everything of somebody, whose rights follow at once', async ({ of, ada }) => {
  const change = { groups: ['g'], organizations: ['o'], fullName: 'Ada E.', phone: '+4312345678', language: 'de' };
  await of.underEach(async () => {
    assert.equal(refused(await ada.client.get(path)), [403, 'forbidden']);
    const changed = expectStatus(await of.admin.patch(`${path}/${ada.id}`, { ...change, roles: ['auditor'] }), 200);
    for (const [field, value] of Object.entries(change)) assert.equal(changed.body[field], value, field);
    assert.is((await ada.client.get(path)).status, 200);
    const etag = changed.headers.get('etag') ?? '';
    expectStatus(await of.admin.patch(`${path}/${ada.id}`, { roles: ['member'] }, { 'if-match': etag }), 200);
    const late = await of.admin.patch(`${path}/${ada.id}`, { phone: null }, { 'if-match': etag });
    assert.equal(refused(late), [412, 'revision-mismatch']);
    for (const body of [{ status: 'active' }, { password }, { phone: '12' }])
      assert.equal(refused(await of.admin.patch(`${path}/${ada.id}`, body)), [400, 'validation-failed']);
  });
});

s('all · administrators: turn somebody off with every key and session, and on again without them', async ({ of }) => {
  const owner = await of.person({ roles: ['member', 'admin'] });
  expectStatus(await of.admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
  const { key, id } = expectStatus(await owner.client.post('/v1/api-keys', { name: 'ci' }), 201).body;
  const byKey = clientOf(of.server, { 'x-api-key': key });
  const isOut = async () => {
    assert.equal(refused(await owner.client.get('/v1/me')), [401, 'unauthenticated']);
    assert.equal(refused(await byKey.get('/v1/me')), [401, 'invalid-key']);
  };
  assert.is((await byKey.get('/v1/me')).status, 200);
  const off = expectStatus(await of.admin.post(`${path}/${owner.id}/deactivate`, { reason: 'left' }), 200).body;
  assert.equal([off.status, off.roles], ['deactivated', ['member']]);
  await isOut();
  assert.equal(refused(await signIn(of, owner.email)), [401, 'invalid-credentials']);
  const on = expectStatus(await of.admin.post(`${path}/${owner.id}/reactivate`), 200).body;
  assert.equal([on.status, on.roles], ['active', ['member']], 'no administrator any more');
  await isOut();
  const shown = (await of.admin.get(`/v1/admin/api-keys/${id}`)).body;
  assert.equal([shown.status, shown.revokedReason], ['revoked', 'owner-deactivated']);
  expectStatus(await signIn(of, owner.email), 200);
});

s('all · administrators: delete and erase, once and for all', async ({ of }) => {
  await of.underEach(async () => {
    const [gone, blank] = [await of.make({ fullName: 'Gone' }), await of.make({ fullName: 'Blank' })];
    for (let n = 0; n < 2; n += 1) expectStatus(await of.admin.post(`${path}/${gone.id}/delete`), 204);
    assert.is((await of.admin.get(`${path}/${gone.id}`)).body.status, 'deleted');
    for (const call of ['reactivate', 'deactivate'])
      assert.equal(refused(await of.admin.post(`${path}/${gone.id}/${call}`)), [409, 'already-ended'], call);
    const { body } = expectStatus(await of.admin.post(`${path}/${blank.id}/erase`), 200);
    assert.equal([body.status, body.email, body.fullName, body.displayName], ['erased', null, null, blank.id]);
    const audit = expectStatus(await of.admin.get(`/v1/audit/users/${blank.id}`), 200).body;
    assert.not.match(JSON.stringify(audit), 'Blank');
    assert.is(audit.events[0].personal, 'erased', 'the history stays');
    expectStatus(await of.admin.post(`${path}/${gone.id}/erase`), 200);
  });
});

s('all · administrators: the last one stays', async ({ of }) => {
  const { id } = (await of.admin.get('/v1/me')).body;
  const { body } = await of.admin.get(`${path}?role=admin`);
  assert.equal(
    body.items.map((one: { id: string }) => one.id),
    [id],
  );
  await of.underEach(async () => {
    for (const call of ['deactivate', 'delete', 'erase'])
      assert.equal(refused(await of.admin.post(`${path}/${id}/${call}`)), [409, 'last-administrator'], call);
    const demoted = await of.admin.patch(`${path}/${id}`, { roles: ['member'] });
    assert.equal(refused(demoted), [409, 'last-administrator']);
  });
});

s('all · administrators: see and end a user’s sessions, one or all', async ({ of, ada }) => {
  const agent = { 'user-agent': 'another browser' };
  const there = clientOf(of.server, agent);
  expectStatus(await there.post('/v1/session', { email: ada.email, password }), 200);
  const list = async () => expectStatus(await of.admin.get(`${path}/${ada.id}/sessions`), 200).body.items;
  const [newest, oldest] = await list();
  assert.equal([newest.ip, newest.userAgent, newest.method], ['127.0.0.1', 'another browser', 'password']);
  assert.equal([newest.current, oldest.current, 'token' in newest], [false, false, false]);
  const end = (of_: string, id: string) => of.admin.post(`${path}/${of_}/sessions/${id}/end`);
  assert.equal(refused(await end((await of.make()).id, newest.id)), [404, 'not-found'], 'it is of somebody else');
  expectStatus(await end(ada.id, newest.id), 204);
  assert.equal(refused(await there.get('/v1/me')), [401, 'unauthenticated']);
  assert.is((await ada.client.get('/v1/me')).status, 200);
  expectStatus(await of.admin.post(`${path}/${ada.id}/end-sessions`), 204);
  assert.equal(refused(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
  assert.equal(await list(), []);
  assert.equal((await types(of, ada.id)).filter((type) => type.endsWith('Ended')).sort(), [
    'AllSessionsEnded',
    'SessionEnded',
  ]);
  expectStatus(await ada.client.post('/v1/session', { email: ada.email, password }), 200);
});

s('all · administrators: turn off the second factor of somebody who lost it', async ({ of, ada }) => {
  const two = '/v1/profile/two-factor';
  const { secret } = expectStatus(await ada.client.post(two, { password }), 200).body;
  expectStatus(await ada.client.post(`${two}/confirm`, { code: codeAt(secret, Date.now()) }), 204);
  assert.equal(refused(await signIn(of, ada.email)), [401, 'second-factor-required']);
  const reset = () => of.admin.post(`${path}/${ada.id}/reset-two-factor`, { reason: 'phone lost' });
  const { body } = expectStatus(await reset(), 200);
  assert.equal([body.id, body.twoFactor], [ada.id, false]);
  expectStatus(await signIn(of, ada.email), 200);
  expectStatus(await reset(), 200);
  assert.is((await types(of, ada.id)).filter((type) => type === 'TwoFactorDisabled').length, 1, 'off already');
});

s('all · administrators: have somebody set a new password, whose old one works until then', async ({ of }) => {
  const ben = await of.person();
  const sent = expectStatus(await of.admin.post(`${path}/${ben.id}/send-password-reset`), 204);
  assert.is((await ben.client.get('/v1/me')).status, 200);
  const token = tokenIn(await of.mail(ben.email));
  assert.not.match(JSON.stringify(sent.body), token);
  const confirm = { token, newPassword: next, confirmPassword: next };
  expectStatus(await of.nobody.post('/v1/password-reset/confirm', confirm), 204);
  assert.equal(refused(await ben.client.get('/v1/me')), [401, 'unauthenticated']);
  assert.equal(refused(await signIn(of, ben.email)), [401, 'invalid-credentials']);
});

s('all · administrators: invite by mail, and again', async ({ of }) => {
  const invited = await of.make({ externalProvider: undefined });
  const status = async () => (await of.admin.get(`${path}/${invited.id}`)).body.status;
  assert.is(await status(), 'invited');
  const first = tokenIn(await of.mail(invited.email));
  expectStatus(await of.admin.post(`${path}/${invited.id}/send-password-reset`), 204);
  const second = tokenIn(await of.mail(invited.email, 2));
  const take = (token: string) =>
    of.nobody.post('/v1/password-reset/confirm', { token, newPassword: next, confirmPassword: next });
  assert.equal(refused(await take(first)), [422, 'code-invalid'], 'the newest counts');
  expectStatus(await take(second), 204);
  assert.is(await status(), 'active');
});

s('all · administrators: define roles and remove them, and rights follow at once', async ({ of, ada }) => {
  await of.underEach(async () => {
    await define(of, 'clerk', ['users:read', 'policy:read'], ['reports:run']);
    const { body } = expectStatus(await of.admin.get(`${rolesPath}/clerk`), 200);
    assert.equal(body.scopes, ['reports:read', 'reports:run'], 'with the lower actions');
    expectStatus(await of.admin.patch(`${path}/${ada.id}`, { roles: ['clerk'] }), 200);
    assert.is((await ada.client.get(path)).status, 200);
    assert.equal((await ada.client.get('/v1/me')).body.permissions, ['policy:read', 'users:read']);
    await define(of, 'clerk', ['policy:read'], []);
    assert.equal(refused(await ada.client.get(path)), [403, 'forbidden']);
    expectStatus(await of.admin.patch(`${path}/${ada.id}`, { roles: ['member'] }), 200);
    for (let n = 0; n < 2; n += 1) expectStatus(await of.admin.delete(`${rolesPath}/clerk`), 204);
    assert.equal(refused(await of.admin.get(`${rolesPath}/clerk`)), [404, 'not-found']);
  });
});

s('all · administrators: a role that somebody has stays', async ({ of }) => {
  await of.underEach(async () => {
    await define(of, 'ops', ['operations'], []);
    const { id } = await of.make({ roles: ['ops'] });
    const inUse = await of.admin.delete(`${rolesPath}/ops`);
    assert.equal([...refused(inUse), inUse.body.params], [409, 'role-in-use', { users: 1 }]);
    expectStatus(await of.admin.post(`${path}/${id}/deactivate`), 200);
    assert.equal(refused(await of.admin.delete(`${rolesPath}/ops`)), [409, 'role-in-use']);
    expectStatus(await of.admin.post(`${path}/${id}/delete`), 204);
    expectStatus(await of.admin.delete(`${rolesPath}/ops`), 204);
  });
});

s('all · administrators: built-in roles stay as they are', async ({ of }) => {
  await of.underEach(async () => {
    for (const name of ['admin', 'auditor', 'member', 'guest', 'MEMBER']) {
      const changed = await of.admin.put(`${rolesPath}/${name}`, { permissions: [] });
      assert.equal(refused(changed), [409, 'role-built-in'], name);
      assert.equal(refused(await of.admin.delete(`${rolesPath}/${name}`)), [409, 'role-built-in'], name);
    }
  });
});

/** What each caller is answered, with what they are told that they lack. */
const lacks = ({ status, body }: Awaited<ReturnType<Client['get']>>) => [status, body.code, body.params];

s('all · administrators: nobody defines, widens, narrows or removes what they do not hold', async ({ of }) => {
  const writer = await machine(of, ['roles:write', 'users:read'], ['reports']);
  await of.underEach(async () => {
    await define(of, 'police', ['keys:revoke'], []);
    await define(of, 'all', [], ['*:*']);
    const own = { permissions: ['users:read'], scopes: ['reports:*'] };
    expectStatus(await writer.put(`${rolesPath}/own`, own), 200);
    expectStatus(await writer.delete(`${rolesPath}/own`), 204);
    const more = { permissions: ['users:read', 'keys:revoke'], scopes: ['*:*'] };
    const missing = { permissions: ['keys:revoke'], scopes: ['*:*'] };
    assert.equal(lacks(await writer.put(`${rolesPath}/own`, more)), [403, 'forbidden', missing]);
    for (const [name, params] of [
      ['police', { permissions: ['keys:revoke'], scopes: [] }],
      ['all', { permissions: [], scopes: ['*:*'] }],
    ] as const) {
      const narrowed = await writer.put(`${rolesPath}/${name}`, { permissions: [], scopes: [] });
      assert.equal(lacks(narrowed), [403, 'forbidden', params], name);
      assert.equal(lacks(await writer.delete(`${rolesPath}/${name}`)), [403, 'forbidden', params], name);
    }
  });
});

s('all · administrators: nobody touches who holds what they do not', async ({ of }) => {
  const writer = await machine(of, ['users:read', 'users:write'], ['reports']);
  await define(of, 'reader', ['users:read'], ['reports:read']);
  await define(of, 'police', ['keys:revoke'], []);
  const calls = ['deactivate', 'reactivate', 'end-sessions', 'send-password-reset', 'delete', 'erase'];
  await of.underEach(async () => {
    const [may, mayNot] = [await of.make({ roles: ['reader'] }), await of.make({ roles: ['police'] })];
    const params = { permissions: ['keys:revoke'], scopes: [] };
    assert.equal(lacks(await writer.patch(`${path}/${mayNot.id}`, { groups: ['g'] })), [403, 'forbidden', params]);
    expectStatus(await writer.patch(`${path}/${may.id}`, { groups: ['g'] }), 200);
    for (const call of calls) {
      assert.equal(lacks(await writer.post(`${path}/${mayNot.id}/${call}`)), [403, 'forbidden', params], call);
      // Who signs in elsewhere gets no such mail; it was not refused for want of rights.
      const { status, body } = await writer.post(`${path}/${may.id}/${call}`);
      assert.ok(status < 300 || body.code === 'externally-managed', `${call}: ${status}`);
    }
    assert.is((await of.admin.get(`${path}/${mayNot.id}`)).body.status, 'active');
  });
});

s('all · administrators: nobody assigns what they do not hold, and is told what that is', async ({ of }) => {
  const writer = await machine(of, ['users:read', 'users:write'], ['reports']);
  await of.underEach(async () => {
    const { id } = await of.make({ roles: [] });
    // No token can hold api-keys:use, so none is asked for it.
    for (const [roles, params] of [
      [['member'], { permissions: [], scopes: ['*:*'] }],
      [['auditor'], { permissions: ['audit:read', 'keys:read', 'policy:read'], scopes: ['*:*'] }],
    ] as const)
      for (const answer of [
        await writer.post(path, { email: of.address(), externalProvider: 'elsewhere', roles }),
        await writer.patch(`${path}/${id}`, { roles }),
      ])
        assert.equal(lacks(answer), [403, 'forbidden', params]);
    assert.equal(refused(await writer.patch(`${path}/${id}`, { roles: ['admin'] })), [403, 'forbidden']);
    assert.equal((await of.admin.get(`${path}/${id}`)).body.roles, []);
    expectStatus(await writer.patch(`${path}/${id}`, { roles: ['reader'] }), 200);
  });
});

s.run();
