import * as assert from 'uvu/assert';
import { goodPassword } from '../../../support/accounts.ts';
import {
  answered,
  machineWith,
  personWith,
  role,
  type Signed,
  setScopes,
  written,
} from '../../../support/administration.ts';
import { expectStatus } from '../../../support/client.ts';
import { hashOf } from '../../../support/fakeHasher.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const users = suite<{ app: TestApp; admin: Signed }>('administration of users over HTTP');
const path = '/v1/admin/users';
const nobody = '01890000-0000-7000-8000-000000000000';

users.before(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
});
users.after(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

let made = 0;
const address = () => {
  made += 1;
  return `somebody.${made}@example.com`;
};

/** A user made over HTTP. */
const create = async (admin: Signed, own: object = {}) => {
  const body = { email: address(), password: goodPassword, roles: ['member'], ...own };
  return expectStatus(await admin.client.post(path, body), 201).body;
};

users('make a user, who can sign in', async ({ app, admin }) => {
  const email = address();
  const given = {
    firstName: 'Ada',
    lastName: 'Lovelace',
    groups: ['g'],
    organizations: ['o'],
    mustChangePassword: true,
  };
  const response = await admin.client.post(path, {
    email: email.toUpperCase(),
    password: goodPassword,
    roles: ['member'],
    ...given,
  });
  assert.is(response.status, 201);
  const { id, createdAt, ...rest } = response.body;
  assert.equal(rest, {
    kind: 'human',
    email,
    externalProvider: null,
    firstName: 'Ada',
    lastName: 'Lovelace',
    fullName: null,
    displayName: 'Ada Lovelace',
    phone: null,
    position: null,
    description: null,
    language: 'en',
    timeZone: 'UTC',
    roles: ['member'],
    groups: ['g'],
    organizations: ['o'],
    status: 'active',
    twoFactor: false,
    mustChangePassword: true,
    keyCounts: { active: 0, expired: 0 },
    lastSignInAt: null,
  });
  assert.is(createdAt, app.bed.request().at);
  assert.is(response.headers.get('location'), `${path}/${id}`);
  assert.is(response.headers.get('etag'), '"0"');
  assert.ok(response.headers.get('keyledger-position'));
  const found = await admin.client.get(`${path}/${id}`);
  assert.equal(found.body, response.body);
  assert.is(found.headers.get('etag'), '"0"');
  expectStatus(await app.browser().post('/v1/session', { email, password: goodPassword }), 200);
  const { events } = await app.store.readStream(`user-${id}`, 0, 1);
  assert.equal(events[0]?.metadata.actor, { kind: 'admin', id: admin.id });
  assert.not.ok(JSON.stringify(events).includes(hashOf(goodPassword)));
});

users('with neither password nor provider a human is invited, and a service is not', async ({ admin }) => {
  const invited = await create(admin, { password: undefined });
  assert.is(invited.status, 'invited');
  const provider = await create(admin, { password: undefined, externalProvider: 'idp' });
  assert.equal([provider.status, provider.externalProvider], ['active', 'idp']);
  const service = await create(admin, { password: undefined, kind: 'service', email: undefined });
  assert.equal([service.status, service.kind, service.email], ['active', 'service', null]);
});

for (const [what, own, status, code] of [
  ['no address', { email: null }, 422, 'email-required'],
  ['what is no address', { email: 'nobody' }, 400, 'validation-failed'],
  ['a short password', { password: 'short' }, 422, 'password-too-short'],
  ['a long password', { password: 'x'.repeat(300) }, 422, 'password-too-long'],
  ['a common password', { password: 'PasswordPassword' }, 422, 'password-common'],
  ['a password and a provider', { externalProvider: 'idp' }, 400, 'validation-failed'],
  ['a role that nobody defined', { roles: ['nobody'] }, 422, 'unknown-role'],
  ['a role by the name of what every object has', { roles: ['constructor'] }, 422, 'unknown-role'],
  ['an unknown field', { isAdmin: true }, 400, 'validation-failed'],
  ['a field that is set elsewhere', { status: 'active' }, 400, 'validation-failed'],
  ['an operator for a value', { email: { $gt: '' } }, 400, 'validation-failed'],
  ['an operator among values', { roles: [{ $gt: '' }] }, 400, 'validation-failed'],
  ['a wrong type', { mustChangePassword: 'yes' }, 400, 'validation-failed'],
  ['a kind that there is not', { kind: 'robot' }, 400, 'validation-failed'],
  ['too many groups', { groups: Array.from({ length: 201 }, (_, n) => `g${n}`) }, 400, 'validation-failed'],
  ['a group that is no text', { groups: ['\u0000'] }, 400, 'validation-failed'],
] as const)
  users(`refuses ${what} and writes nothing`, async ({ app, admin }) => {
    const before = await written(app);
    const body = { email: address(), password: goodPassword, roles: ['member'], ...own };
    assert.equal(answered(await admin.client.post(path, body)), [status, code]);
    assert.is(await written(app), before);
  });

users('refuses prototypes, in a body made by hand', async ({ app, admin }) => {
  const before = await written(app);
  const raw = `{"email":"${address()}","roles":[],"__proto__":{"kind":"service"}}`;
  assert.equal(answered(await admin.client.call('POST', path, { raw })), [400, 'validation-failed']);
  assert.is(await written(app), before);
});

users('twelve registrations of one address in different spellings: one', async ({ admin }) => {
  const email = address();
  const body = (n: number) => ({ email: n % 2 ? email : email.toUpperCase(), password: goodPassword, roles: [] });
  const responses = await Promise.all(Array.from({ length: 12 }, (_, n) => admin.client.post(path, body(n))));
  assert.equal(responses.map(answered).sort(), [[201], ...Array(11).fill([409, 'email-taken'])]);
});

users('a repeat answers the same user, another body is refused', async ({ app, admin }) => {
  const body = { email: address(), password: goodPassword, roles: ['member'] };
  const key = { 'idempotency-key': 'once' };
  const first = expectStatus(await admin.client.post(path, body, key), 201);
  const before = await written(app);
  const again = expectStatus(await admin.client.post(path, body, key), 201);
  assert.is(again.body.id, first.body.id);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(await written(app), before);
  assert.equal(answered(await admin.client.post(path, { ...body, roles: [] }, key)), [422, 'idempotency-key-reused']);
});

users('see everybody with their status, filtered, paged and counted', async () => {
  const app = await startTestApp();
  const admin = await personWith(app, ['admin']);
  const names = ['Ada', 'Grace', 'Barbara', 'Mary', 'Frances'];
  const ids: string[] = [];
  for (const firstName of names) {
    app.clock.advance(1_000);
    ids.push((await create(admin, { firstName, roles: firstName === 'Ada' ? ['auditor'] : ['member'] })).id);
  }
  await create(admin, { kind: 'service', email: undefined, password: undefined, roles: [] });
  expectStatus(await admin.client.post(`${path}/${ids[1]}/deactivate`), 200);
  const listed = async (query: string) =>
    expectStatus(await admin.client.get(`${path}?${query}`), 200).body.items.map((item: { id: string }) => item.id);

  assert.equal((await listed('kind=human')).slice(0, 5), [...ids].reverse());
  assert.equal(await listed('q=race'), [ids[1]]);
  assert.equal(await listed(`q=${ids[2]}`), [ids[2]]);
  assert.equal(await listed('q=%25'), []);
  assert.equal(await listed('status=deactivated'), [ids[1]]);
  assert.equal(await listed('role=auditor'), [ids[0]]);
  assert.equal(await listed('role=admin'), [admin.id]);
  assert.is((await listed('kind=service')).length, 1);
  assert.equal(await listed('sort=displayName&kind=human&role=member'), [ids[2], ids[4], ids[1], ids[3]]);
  assert.equal(await listed('sort=-displayName&kind=human&role=member'), [ids[3], ids[1], ids[4], ids[2]]);

  const seen: string[] = [];
  let cursor = '';
  for (let pages = 0; pages < 10; pages += 1) {
    const { body } = expectStatus(await admin.client.get(`${path}?limit=2&count=true${cursor}`), 200);
    seen.push(...body.items.map((item: { id: string }) => item.id));
    assert.is(body.total, 7);
    assert.ok(body.asOf.position);
    if (body.nextCursor === null) break;
    cursor = `&cursor=${body.nextCursor}`;
  }
  assert.is(new Set(seen).size, 7);
  assert.is(seen.length, 7);
  assert.equal(answered(await admin.client.get(`${path}?limit=2&q=a${cursor}`)), [400, 'cursor-mismatch']);
  for (const query of ['limit=0', 'limit=201', 'status=gone', 'kind=robot', 'sort=password', 'owner=x', 'q='])
    assert.equal(answered(await admin.client.get(`${path}?${query}`)), [400, 'validation-failed'], query);
  const { body } = await admin.client.get(path, { 'keyledger-min-position': 'f'.repeat(16) });
  assert.is(body.code, 'not-caught-up');
  await app.close();
  assert.equal(app.unexpected, []);
});

users('shows in the list what it shows of one, with the keys that count', async () => {
  const app = await startTestApp();
  const admin = await personWith(app, ['admin']);
  const policy = { preset: 'idmp', maxLifetimeDays: 10 };
  expectStatus(await admin.client.put('/v1/admin/policy', policy), 200);
  const ada = await personWith(app, ['member']);
  const expiresAt = new Date(app.clock.now() + 3_600_000).toISOString();
  for (const name of ['one', 'two']) expectStatus(await ada.client.post('/v1/api-keys', { name, expiresAt }), 201);
  app.clock.advance(3_600_000);
  expectStatus(await ada.client.post('/v1/api-keys', { name: 'three' }), 201);
  const { body } = expectStatus(await admin.client.get(`${path}?q=${ada.id}`), 200);
  const one = expectStatus(await admin.client.get(`${path}/${ada.id}`), 200).body;
  assert.equal(one.keyCounts, { active: 1, expired: 2 });
  assert.equal(body.items, [one]);
  await app.close();
  assert.equal(app.unexpected, []);
});

users('change everything of somebody, whose rights follow at once', async ({ app, admin }) => {
  const ada = await personWith(app, ['member']);
  assert.equal(answered(await ada.client.get(path)), [403, 'forbidden']);
  const email = address();
  const change = {
    email,
    roles: ['auditor'],
    groups: ['g'],
    organizations: ['o'],
    fullName: 'Ada L.',
    phone: '+4312345678',
  };
  const response = await admin.client.patch(`${path}/${ada.id}`, change, { 'if-match': '"0"' });
  assert.is(response.status, 200);
  for (const [field, value] of Object.entries(change)) assert.equal(response.body[field], value, field);
  assert.equal((await admin.client.get(`${path}/${ada.id}`)).body, response.body);
  assert.equal(answered(await ada.client.get(path)), [200]);
  expectStatus(await app.browser().post('/v1/session', { email, password: goodPassword }), 200);

  const cleared = await admin.client.patch(`${path}/${ada.id}`, { fullName: null, phone: null });
  assert.equal([cleared.body.fullName, cleared.body.phone, cleared.body.email], [null, null, email]);
  const none = { roles: null, groups: null, organizations: null };
  const { body } = expectStatus(await admin.client.patch(`${path}/${ada.id}`, none), 200);
  assert.equal([body.roles, body.groups, body.organizations], [[], [], []]);
  const before = await written(app);
  assert.is((await admin.client.patch(`${path}/${ada.id}`, {})).status, 200);
  assert.is(await written(app), before);
});

users('refuses changes that cannot be, and writes nothing', async ({ app, admin }) => {
  const ada = await create(admin);
  const taken = await create(admin);
  const gone = await create(admin);
  expectStatus(await admin.client.post(`${path}/${gone.id}/delete`), 204);
  const before = await written(app);
  const cases: [string, object, number, string][] = [
    [ada.id, { email: taken.email.toUpperCase(), groups: ['g'] }, 409, 'email-taken'],
    [ada.id, { email: null }, 422, 'email-required'],
    [ada.id, { email: 'nobody', groups: ['g'] }, 400, 'validation-failed'],
    [ada.id, { roles: ['nobody'] }, 422, 'unknown-role'],
    [ada.id, { phone: '12' }, 400, 'validation-failed'],
    [ada.id, { password: goodPassword }, 400, 'validation-failed'],
    [ada.id, { status: 'active' }, 400, 'validation-failed'],
    [ada.id, { email: { $gt: '' } }, 400, 'validation-failed'],
    [gone.id, { groups: ['g'] }, 409, 'already-ended'],
    [nobody, { groups: ['g'] }, 404, 'not-found'],
    ['none', { groups: ['g'] }, 404, 'not-found'],
    [admin.id, { roles: ['member'] }, 409, 'last-administrator'],
    [admin.id, { roles: null }, 409, 'last-administrator'],
    [admin.id, { roles: [], email: address() }, 409, 'last-administrator'],
  ];
  for (const [id, body, status, code] of cases)
    assert.equal(answered(await admin.client.patch(`${path}/${id}`, body)), [status, code], JSON.stringify(body));
  assert.is(await written(app), before);
});

users('twenty changes with one ETag: one', async ({ admin }) => {
  const ada = await create(admin);
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      admin.client.patch(`${path}/${ada.id}`, { firstName: `Ada ${n}` }, { 'if-match': '"0"' }),
    ),
  );
  assert.equal(responses.map(answered).sort(), [[200], ...Array(19).fill([412, 'revision-mismatch'])]);
  const won = responses.find(({ status }) => status === 200)!;
  assert.is(won.headers.get('etag'), '"1"');
  assert.is((await admin.client.get(`${path}/${ada.id}`)).body.firstName, won.body.firstName);
});

users('a repeated change with its ETag is answered, not refused', async ({ app, admin }) => {
  const ada = await create(admin);
  const headers = { 'if-match': '"0"', 'idempotency-key': 'change' };
  const change = { email: address(), groups: ['g'] };
  const first = expectStatus(await admin.client.patch(`${path}/${ada.id}`, change, headers), 200);
  const before = await written(app);
  const again = expectStatus(await admin.client.patch(`${path}/${ada.id}`, change, headers), 200);
  assert.equal(again.body, first.body);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(await written(app), before);
});

users('turn somebody off with every key and session, and on again without them', async ({ app, admin }) => {
  const ada = await personWith(app, ['member', 'admin']);
  const off = await admin.client.post(`${path}/${ada.id}/deactivate`, { reason: ' left ' });
  assert.equal([off.status, off.body.status, off.body.roles], [200, 'deactivated', ['member']]);
  assert.equal(answered(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
  const before = await written(app);
  assert.is((await admin.client.post(`${path}/${ada.id}/deactivate`)).status, 200);
  assert.is(await written(app), before);
  const { events } = await app.store.readStream(`user-${ada.id}`, 0, 100);
  assert.is((await app.codec.open(events.at(-1)!)).metadata.reason, 'left');

  const on = await admin.client.post(`${path}/${ada.id}/reactivate`);
  assert.equal([on.status, on.body.status, on.body.roles], [200, 'active', ['member']]);
  assert.equal(answered(await ada.client.get('/v1/me')), [401, 'unauthenticated']);
});

users('ends sessions, and shows those there are', async ({ app, admin }) => {
  const ada = await personWith(app, ['member']);
  const there = app.browser('192.0.2.99');
  expectStatus(await there.post('/v1/session', { email: ada.email, password: goodPassword }), 200);
  const sessions = async () => expectStatus(await admin.client.get(`${path}/${ada.id}/sessions`), 200).body;
  const shown = await sessions();
  assert.equal(new Set(shown.items.map(({ ip }: { ip: string }) => ip)), new Set(['192.0.2.1', '192.0.2.99']));
  assert.equal(
    shown.items.map(({ current }: { current: boolean }) => current),
    [false, false],
  );
  assert.is(JSON.stringify(shown).includes('token'), false);
  const own = expectStatus(await admin.client.get(`${path}/${admin.id}/sessions`), 200).body.items;
  assert.equal(
    own.map(({ current }: { current: boolean }) => current),
    [true],
  );

  const key = { 'idempotency-key': 'end' };
  expectStatus(await admin.client.post(`${path}/${ada.id}/end-sessions`, {}, key), 204);
  assert.equal((await sessions()).items, []);
  for (const client of [ada.client, there])
    assert.equal(answered(await client.get('/v1/me')), [401, 'unauthenticated']);
  expectStatus(await there.post('/v1/session', { email: ada.email, password: goodPassword }), 200);
  expectStatus(await admin.client.post(`${path}/${ada.id}/end-sessions`, {}, key), 204);
  assert.is((await sessions()).items.length, 1);
  assert.equal(answered(await there.get('/v1/me')), [200]);
});

users('delete and erase, once and for all', async ({ app, admin }) => {
  const [ada, grace] = [await create(admin), await create(admin)];
  const gone = await admin.client.post(`${path}/${ada.id}/delete`);
  assert.is(gone.status, 204);
  assert.ok(gone.headers.get('keyledger-position'));
  assert.is((await admin.client.get(`${path}/${ada.id}`)).body.status, 'deleted');
  const before = await written(app);
  expectStatus(await admin.client.post(`${path}/${ada.id}/delete`), 204);
  assert.is(await written(app), before);
  assert.equal(answered(await admin.client.post(`${path}/${ada.id}/reactivate`)), [409, 'already-ended']);
  assert.equal(answered(await admin.client.post(`${path}/${ada.id}/deactivate`)), [409, 'already-ended']);

  const erased = await admin.client.post(`${path}/${grace.id}/erase`);
  assert.equal([erased.status, erased.body.status, erased.body.email], [200, 'erased', null]);
  assert.is((await admin.client.post(`${path}/${ada.id}/erase`)).status, 200);
});

users('the last one stays', async ({ app, admin }) => {
  const before = await written(app);
  for (const ending of ['deactivate', 'delete', 'erase'])
    assert.equal(answered(await admin.client.post(`${path}/${admin.id}/${ending}`)), [409, 'last-administrator']);
  assert.is(await written(app), before);
});

users('two administrators turn each other off at once: one is the last', async () => {
  const app = await startTestApp();
  const [one, two] = [await personWith(app, ['admin']), await personWith(app, ['admin'])];
  const responses = await Promise.all([
    one.client.post(`${path}/${two.id}/deactivate`),
    two.client.post(`${path}/${one.id}/deactivate`),
  ]);
  // Whoever comes a moment later is no longer let in, or is told that the other is the last.
  assert.is(responses.filter(({ status }) => status === 200).length, 1);
  const [refused] = responses.filter(({ status }) => status !== 200).map(answered);
  assert.ok(['last-administrator', 'unauthenticated', 'forbidden'].includes(String(refused?.[1])), String(refused));
  await app.close();
  assert.equal(app.unexpected, []);
});

users('what is not there is not found, whatever is asked of it', async ({ app, admin }) => {
  const before = await written(app);
  for (const id of [nobody, 'none', '%00', '__proto__']) {
    for (const call of ['', '/sessions'])
      assert.equal(answered(await admin.client.get(`${path}/${id}${call}`)), [404, 'not-found']);
    for (const call of ['deactivate', 'reactivate', 'delete', 'erase', 'end-sessions'])
      assert.equal(answered(await admin.client.post(`${path}/${id}/${call}`)), [404, 'not-found'], call);
  }
  assert.is(await written(app), before);
});

users('takes a reason where one is heard, and nothing else', async ({ app, admin }) => {
  const ada = await create(admin);
  const before = await written(app);
  for (const [call, body] of [
    ['deactivate', { reason: 1 }],
    ['deactivate', { why: 'x' }],
    ['deactivate', { reason: 'x'.repeat(1_001) }],
    ['reactivate', { reason: 'x' }],
    ['end-sessions', { reason: 'x' }],
  ] as const)
    assert.equal(answered(await admin.client.post(`${path}/${ada.id}/${call}`, body)), [400, 'validation-failed']);
  assert.is(await written(app), before);
});

users('each call needs its permission', async ({ app }) => {
  const target = await app.register({ email: address(), roles: [] });
  const reader = await personWith(app, [await role(app, 'reader', ['users:read'])]);
  const writer = await personWith(app, [await role(app, 'writer', ['users:write'])]);
  const member = await personWith(app, ['member']);
  const stranger = app.browser();
  const reads = ['', `/${target}`, `/${target}/sessions`].map((end) => ['GET', `${path}${end}`] as const);
  const writes = [
    ['POST', path],
    ['PATCH', `${path}/${target}`],
    ...['deactivate', 'reactivate', 'delete', 'erase', 'end-sessions'].map(
      (call) => ['POST', `${path}/${target}/${call}`] as const,
    ),
  ] as const;
  for (const [method, url] of reads) {
    assert.is((await reader.client.call(method, url)).status, 200, url);
    assert.equal(answered(await writer.client.call(method, url)), [403, 'forbidden']);
  }
  for (const [method, url] of [...reads, ...writes]) {
    const body = method === 'GET' ? undefined : {};
    assert.equal(answered(await member.client.call(method, url, { body })), [403, 'forbidden'], `${method} ${url}`);
    assert.equal(answered(await stranger.call(method, url, { body })), [401, 'unauthenticated'], `${method} ${url}`);
    if (method !== 'GET')
      assert.equal(answered(await reader.client.call(method, url, { body })), [403, 'forbidden'], `${method} ${url}`);
  }
  for (const [method, url] of writes.slice(1))
    assert.ok((await writer.client.call(method, url, { body: {} })).status < 300, `${method} ${url}`);
});

users('nobody touches who holds what they do not', async () => {
  const app = await startTestApp();
  await setScopes(app);
  await personWith(app, ['admin']);
  const helpers = {
    narrow: (await personWith(app, [await role(app, 'narrow', ['users:read', 'users:write'], ['app:*'])])).client,
    wide: (await personWith(app, [await role(app, 'wide', ['users:read', 'users:write'])])).client,
    machine: await machineWith(app, ['users:read', 'users:write']),
    'machine of app': await machineWith(app, ['users:read', 'users:write'], ['app']),
  };
  await role(app, 'reader', ['users:read'], ['app:read']);
  await role(app, 'elsewhere', [], ['other:read']);
  await role(app, 'policeman', ['keys:revoke'], []);
  const all = Object.keys(helpers);
  // By the target's roles: who may touch them, and what the others are told that they lack.
  const allowed: { readonly [roles: string]: readonly string[] } = {
    '': all,
    reader: all,
    elsewhere: ['wide', 'machine'],
    guest: ['wide', 'machine'],
    member: ['machine'],
    policeman: [],
    admin: [],
    'reader,elsewhere': ['wide', 'machine'],
    'reader,policeman': [],
  };
  const calls = [
    (id: string) => ['PATCH', `${path}/${id}`, { groups: ['g'] }] as const,
    (id: string) => ['POST', `${path}/${id}/end-sessions`, {}] as const,
    (id: string) => ['POST', `${path}/${id}/deactivate`, {}] as const,
    (id: string) => ['POST', `${path}/${id}/reactivate`, {}] as const,
    (id: string) => ['POST', `${path}/${id}/delete`, {}] as const,
    (id: string) => ['POST', `${path}/${id}/erase`, {}] as const,
  ];
  for (const [names, may] of Object.entries(allowed))
    for (const [name, client] of Object.entries(helpers)) {
      const id = await app.register({ email: address(), roles: names === '' ? [] : names.split(',') });
      const before = await written(app);
      for (const call of calls) {
        const [method, url, body] = call(id);
        const response = await client.call(method, url, { body });
        const said = `${name} ${method} ${url} of ${names}`;
        if (may.includes(name)) assert.ok(response.status < 300, `${said}: ${response.status}`);
        else {
          assert.equal(answered(response), [403, 'forbidden'], said);
          assert.ok(response.body.params.permissions.length + response.body.params.scopes.length > 0, said);
        }
      }
      if (!may.includes(name)) assert.is(await written(app), before);
    }
  await app.close();
  assert.equal(app.unexpected, []);
});

users('nobody assigns what they do not hold, and is told what that is', async () => {
  const app = await startTestApp();
  await setScopes(app);
  await personWith(app, ['admin']);
  const { client } = await personWith(app, [await role(app, 'narrow', ['users:read', 'users:write'], ['app:*'])]);
  await role(app, 'reader', ['users:read'], ['app:read', 'app:write']);
  const target = await app.register({ email: address(), roles: [] });
  const everything = { permissions: ['audit:read', 'keys:read', 'policy:read'], scopes: ['*:*'] };
  for (const [roles, params] of [
    [['reader'], null],
    [['guest'], { permissions: [], scopes: ['*:*'] }],
    [['member'], { permissions: ['api-keys:use'], scopes: ['*:*'] }],
    [['auditor'], everything],
    [['reader', 'auditor'], everything],
  ] as const) {
    const before = await written(app);
    const body = { email: address(), password: goodPassword, roles };
    const responses = [await client.post(path, body), await client.patch(`${path}/${target}`, { roles })];
    for (const response of responses) {
      if (params === null) assert.ok(response.status < 300, String(response.status));
      else assert.equal([response.status, response.body.params], [403, params]);
    }
    if (params !== null) assert.is(await written(app), before);
  }
  assert.equal(answered(await client.patch(`${path}/${target}`, { roles: ['admin'] })), [403, 'forbidden']);
  // A role that nobody defined gives nothing, so nobody lacks it.
  assert.equal(answered(await client.patch(`${path}/${target}`, { roles: ['nobody'] })), [422, 'unknown-role']);
  await app.close();
  assert.equal(app.unexpected, []);
});

users.run();
