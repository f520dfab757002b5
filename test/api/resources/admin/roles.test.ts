import * as assert from 'uvu/assert';
import { permissions } from '../../../../domain/permissions.ts';
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
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const roles = suite<{ app: TestApp; admin: Signed }>('roles over HTTP');
const path = '/v1/admin/roles';

roles.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
  await setScopes(context.app);
});
roles.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

roles('lists the built-in ones first, then others by name, in pages', async ({ app, admin }) => {
  await role(app, 'ops', ['operations']);
  await role(app, 'Billing', ['keys:read'], ['app:read']);
  const { body } = expectStatus(await admin.client.get(`${path}?count=true`), 200);
  assert.equal(
    body.items.map(({ name, builtIn }: { name: string; builtIn: boolean }) => [name, builtIn]),
    [
      ['admin', true],
      ['auditor', true],
      ['guest', true],
      ['member', true],
      ['Billing', false],
      ['ops', false],
    ],
  );
  assert.equal(body.items[0].permissions, [...permissions].sort());
  assert.equal(body.items[4], { name: 'Billing', permissions: ['keys:read'], scopes: ['app:read'], builtIn: false });
  assert.is(body.total, 6);
  const one = (await admin.client.get(`${path}?limit=5`)).body;
  const two = (await admin.client.get(`${path}?limit=5&cursor=${one.nextCursor}`)).body;
  assert.equal([...one.items, ...two.items], body.items);
  assert.is(two.nextCursor, null);
});

roles('define roles and remove them, and rights follow at once', async ({ app, admin }) => {
  const defined = expectStatus(await admin.client.put(`${path}/ops`, { permissions: ['roles:write'] }), 200);
  assert.equal(defined.body, { name: 'ops', permissions: ['roles:write'], scopes: ['*:*'], builtIn: false });
  const ada = await personWith(app, ['ops']);
  assert.equal(answered(await ada.client.get(path)), [200]);
  const read = await ada.client.get(`${path}/ops`);
  assert.equal(read.body, defined.body);
  assert.is(read.headers.get('etag'), defined.headers.get('etag'));

  const narrowed = { permissions: ['users:read'], scopes: ['app:write', 'app:write'] };
  const again = expectStatus(await admin.client.put(`${path}/ops`, narrowed), 200);
  assert.equal(again.body.scopes, ['app:read', 'app:write']);
  assert.equal(answered(await ada.client.get(path)), [403, 'forbidden']);
  const before = await written(app);
  expectStatus(await admin.client.put(`${path}/ops`, narrowed), 200);
  assert.is(await written(app), before);

  const inUse = await admin.client.delete(`${path}/ops`);
  assert.equal([...answered(inUse), inUse.body.params], [409, 'role-in-use', { users: 1 }]);
  expectStatus(await admin.client.patch(`/v1/admin/users/${ada.id}`, { roles: [] }), 200);
  const removed = await admin.client.delete(`${path}/ops`);
  assert.is(removed.status, 204);
  assert.ok(removed.headers.get('keyledger-position'));
  assert.equal(answered(await admin.client.get(`${path}/ops`)), [404, 'not-found']);
  assert.is((await admin.client.delete(`${path}/ops`)).status, 204);
});

roles('a role that somebody has stays', async ({ app, admin }) => {
  await role(app, 'ops', ['operations']);
  const ada = await app.register({ email: 'ada@example.com', roles: ['ops'] });
  expectStatus(await admin.client.post(`/v1/admin/users/${ada}/deactivate`), 200);
  assert.equal(answered(await admin.client.delete(`${path}/ops`)), [409, 'role-in-use']);
  expectStatus(await admin.client.post(`/v1/admin/users/${ada}/delete`), 204);
  assert.is((await admin.client.delete(`${path}/ops`)).status, 204);
});

roles('built-in roles stay as they are', async ({ app, admin }) => {
  const before = await written(app);
  for (const name of ['admin', 'auditor', 'member', 'guest', 'Admin', 'MEMBER']) {
    assert.equal(answered(await admin.client.put(`${path}/${name}`, { permissions: [] })), [409, 'role-built-in']);
    assert.equal(answered(await admin.client.delete(`${path}/${name}`)), [409, 'role-built-in']);
  }
  const { headers, body } = await admin.client.get(`${path}/member`);
  assert.equal([headers.get('etag'), body.builtIn], ['"built-in"', true]);
  assert.is(await written(app), before);
});

roles('twenty definitions with one ETag: one; none where the role is gone', async ({ admin }) => {
  const first = expectStatus(await admin.client.put(`${path}/ops`, { permissions: [] }), 200);
  const etag = { 'if-match': first.headers.get('etag') ?? '' };
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      admin.client.put(`${path}/ops`, { permissions: permissions.slice(0, (n % 10) + 1) }, etag),
    ),
  );
  assert.equal(responses.map(answered).sort(), [[200], ...Array(19).fill([412, 'revision-mismatch'])]);
  expectStatus(await admin.client.delete(`${path}/ops`), 204);
  const again = await admin.client.put(`${path}/ops`, { permissions: [] }, etag);
  assert.equal(answered(again), [412, 'revision-mismatch']);
});

roles('a repeat is answered once', async ({ app, admin }) => {
  const key = { 'idempotency-key': 'ops' };
  const first = expectStatus(await admin.client.put(`${path}/ops`, { permissions: ['operations'] }, key), 200);
  const before = await written(app);
  const again = expectStatus(await admin.client.put(`${path}/ops`, { permissions: ['operations'] }, key), 200);
  assert.equal([again.body, again.headers.get('idempotency-replayed')], [first.body, 'true']);
  assert.is(await written(app), before);
  assert.equal(answered(await admin.client.put(`${path}/ops`, { permissions: [] }, key)), [
    422,
    'idempotency-key-reused',
  ]);
});

for (const [name, body, status, code] of [
  ['ops', { permissions: ['everything'] }, 400, 'validation-failed'],
  ['ops', { permissions: ['verify'] }, 400, 'validation-failed'],
  ['ops', { permissions: { $gt: '' } }, 400, 'validation-failed'],
  ['ops', {}, 400, 'validation-failed'],
  ['ops', { permissions: [], scopes: [{ $gt: '' }] }, 400, 'validation-failed'],
  ['ops', { permissions: [], name: 'other' }, 400, 'validation-failed'],
  ['ops', { permissions: [], scopes: ['nothing:read'] }, 422, 'unknown-scope'],
  ['ops', { permissions: [], scopes: ['app:everything'] }, 422, 'unknown-scope'],
  ['ops', { permissions: [], scopes: ['nothing:*'] }, 422, 'unknown-scope'],
  ['ops', { permissions: [], scopes: ['*'] }, 422, 'unknown-scope'],
  ['1ops', { permissions: [] }, 400, 'validation-failed'],
  ['o%20ps', { permissions: [] }, 400, 'validation-failed'],
  ['__proto__', { permissions: [] }, 400, 'validation-failed'],
  ['x'.repeat(65), { permissions: [] }, 400, 'validation-failed'],
  ['x'.repeat(201), { permissions: [] }, 404, 'not-found'],
] as const)
  roles(`refuses ${name.slice(0, 10)} ${JSON.stringify(body)} and writes nothing`, async ({ app, admin }) => {
    const before = await written(app);
    assert.equal(answered(await admin.client.put(`${path}/${name}`, body)), [status, code]);
    assert.is(await written(app), before);
  });

roles('names of what every object has are names like others', async ({ admin }) => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
    assert.equal(answered(await admin.client.get(`${path}/${name}`)), [404, 'not-found']);
    const headers = { 'if-match': '"0"' };
    assert.equal(answered(await admin.client.put(`${path}/${name}`, { permissions: [] }, headers)), [
      412,
      'revision-mismatch',
    ]);
    expectStatus(await admin.client.put(`${path}/${name}`, { permissions: ['operations'] }), 200);
    assert.equal((await admin.client.get(`${path}/${name}`)).body.permissions, ['operations']);
    expectStatus(await admin.client.delete(`${path}/${name}`), 204);
  }
  assert.equal(answered(await admin.client.get(`${path}/__proto__`)), [404, 'not-found']);
});

roles('needs its permission', async ({ app }) => {
  const member = (await personWith(app, ['member'])).client;
  const auditor = (await personWith(app, ['auditor'])).client;
  for (const [method, url] of [
    ['GET', path],
    ['GET', `${path}/member`],
    ['PUT', `${path}/ops`],
    ['DELETE', `${path}/ops`],
  ] as const)
    for (const client of [member, auditor]) {
      const body = method === 'PUT' ? { permissions: [] } : undefined;
      assert.equal(answered(await client.call(method, url, { body })), [403, 'forbidden'], method);
    }
});

roles('nobody defines, widens, narrows or removes what they do not hold', async ({ app }) => {
  const writer = (permissions: readonly string[], scopes: readonly string[]) => ({
    permissions: ['roles:write', ...permissions],
    scopes,
  });
  const callers = {
    narrow: writer(['users:read'], ['app:*']),
    concrete: writer(['users:read'], ['app:write']),
    wide: writer([], ['*:*']),
  };
  const clients = Object.fromEntries(
    await Promise.all(
      Object.entries(callers).map(async ([name, { permissions, scopes }]) => {
        const { client } = await personWith(app, [await role(app, name, permissions, scopes)]);
        return [name, client] as const;
      }),
    ),
  );
  const machine = await machineWith(app, ['roles:write', 'users:read'], ['app']);
  await role(app, 'police', ['keys:revoke'], []);
  await role(app, 'elsewhere', [], ['other:read']);
  const cases = [
    ['new', { permissions: ['users:read'], scopes: ['app:*'] }, ['narrow', 'machine']],
    ['new', { permissions: ['users:read'], scopes: ['app:write'] }, ['narrow', 'machine', 'concrete']],
    ['new', { permissions: [], scopes: ['app:*'] }, ['narrow', 'machine', 'wide']],
    ['new', { permissions: [], scopes: [] }, ['narrow', 'machine', 'concrete', 'wide']],
    ['new', { permissions: [] }, ['wide']],
    ['new', { permissions: ['keys:revoke'], scopes: [] }, []],
    ['new', { permissions: ['api-keys:use'], scopes: [] }, ['machine']],
    ['new', { permissions: [], scopes: ['other:read'] }, ['wide']],
    ['police', { permissions: [], scopes: [] }, []],
    ['elsewhere', { permissions: [], scopes: [] }, ['wide']],
  ] as const;
  for (const [name, body, may] of cases)
    for (const [who, client] of Object.entries({ ...clients, machine })) {
      await role(app, 'police', ['keys:revoke'], []);
      await role(app, 'elsewhere', [], ['other:read']);
      const before = await written(app);
      const response = await client.put(`${path}/${name}`, body);
      const said = `${who} ${name} ${JSON.stringify(body)}`;
      if ((may as readonly string[]).includes(who)) {
        assert.is(response.status, 200, said);
        if (name === 'new') expectStatus(await client.delete(`${path}/new`), 204);
      } else {
        assert.equal(answered(response), [403, 'forbidden'], said);
        assert.is(await written(app), before);
      }
    }
  await role(app, 'elsewhere', [], ['other:read']);
  assert.equal(answered(await clients.wide!.delete(`${path}/police`)), [403, 'forbidden']);
  const refused = await clients.narrow!.delete(`${path}/elsewhere`);
  assert.equal([refused.status, refused.body.params], [403, { permissions: [], scopes: ['other:read'] }]);
  assert.is((await clients.wide!.delete(`${path}/elsewhere`)).status, 204);
});

roles('a lower action that was inserted since is not given away by who does not hold it', async ({ app, admin }) => {
  const { client } = await personWith(app, [await role(app, 'writer', ['roles:write'], ['app:write'])]);
  const items = [{ application: 'app', actions: ['look', 'read', 'write'] }];
  expectStatus(await admin.client.put('/v1/admin/scopes', { items }), 200);
  const refused = await client.put(`${path}/new`, { permissions: [], scopes: ['app:write'] });
  assert.equal([refused.status, refused.body.params], [403, { permissions: [], scopes: ['app:look'] }]);
});

roles.run();
