import * as assert from 'uvu/assert';
import { servicePermissions } from '../../../../domain/permissions.ts';
import { answered, machineWith, personWith, role, type Signed, written } from '../../../support/administration.ts';
import { clientOf, expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const tokens = suite<{ app: TestApp; admin: Signed }>('service tokens over HTTP');
const path = '/v1/admin/service-tokens';
const nobody = '01890000-0000-7000-8000-000000000000';

tokens.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
});
tokens.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

/** Whether a text is let in. */
const works = async (app: TestApp, token: string) =>
  (await clientOf(app, { authorization: `Bearer ${token}` }).get('/v1/admin/policy')).status === 200;

const input = { name: 'billing', permissions: ['policy:read', 'verify'] };

tokens('issues a token, shown once, that works at once', async ({ app, admin }) => {
  const response = expectStatus(await admin.client.post(path, input), 201);
  const { id, token, mask, ...rest } = response.body;
  assert.equal(rest, {
    name: 'billing',
    status: 'active',
    permissions: ['policy:read', 'verify'],
    applications: null,
    expiresAt: null,
    createdAt: app.bed.request().at,
    createdBy: { kind: 'admin', id: admin.id },
    rotatedAt: null,
    revokedAt: null,
  });
  assert.match(token, /^svc_[0-9A-Za-z]{36}$/);
  assert.is(mask, `${token.slice(0, 8)}…${token.slice(-4)}`);
  assert.is(await works(app, token), true);
  const { body } = expectStatus(await admin.client.get(path), 200);
  assert.equal(body.items, [{ id, mask, ...rest }]);
});

tokens('lists newest first, in pages, revoked ones where asked for', async ({ app, admin }) => {
  const ids: string[] = [];
  for (const name of ['one', 'two', 'three']) {
    app.clock.advance(1_000);
    ids.push((await admin.client.post(path, { ...input, name })).body.id);
  }
  expectStatus(await admin.client.delete(`${path}/${ids[0]}`), 204);
  const listed = async (query: string) => expectStatus(await admin.client.get(`${path}?${query}`), 200).body;
  const idsOf = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);
  assert.equal(idsOf(await listed('')), [ids[2], ids[1]]);
  assert.equal(idsOf(await listed('status=revoked')), [ids[0]]);
  const one = await listed('limit=1&count=true');
  assert.is(one.total, 2);
  assert.equal(idsOf(await listed(`limit=1&cursor=${one.nextCursor}`)), [ids[1]]);
  assert.equal(answered(await admin.client.get(`${path}?status=gone`)), [400, 'validation-failed']);
  assert.equal(answered(await admin.client.get(`${path}?name=one`)), [400, 'validation-failed']);
});

tokens('rotates: the new text works, the old one at once no more', async ({ app, admin }) => {
  const made = (await admin.client.post(path, input)).body;
  const rotated = expectStatus(await admin.client.post(`${path}/${made.id}/rotate`), 201);
  assert.is(rotated.body.id, made.id);
  assert.is.not(rotated.body.token, made.token);
  assert.ok(rotated.body.rotatedAt);
  assert.equal([await works(app, made.token), await works(app, rotated.body.token)], [false, true]);
});

tokens('revokes at once, for good, again without harm', async ({ app, admin }) => {
  const made = (await admin.client.post(path, input)).body;
  const revoked = await admin.client.delete(`${path}/${made.id}`);
  assert.is(revoked.status, 204);
  assert.ok(revoked.headers.get('keyledger-position'));
  assert.is(await works(app, made.token), false);
  const before = await written(app);
  assert.is((await admin.client.delete(`${path}/${made.id}`)).status, 204);
  assert.equal(answered(await admin.client.post(`${path}/${made.id}/rotate`)), [409, 'already-ended']);
  assert.is(await written(app), before);
});

tokens('ends by the clock', async ({ app, admin }) => {
  const expiresAt = new Date(app.clock.now() + 60_000).toISOString();
  const made = expectStatus(await admin.client.post(path, { ...input, expiresAt }), 201).body;
  assert.is(made.expiresAt, expiresAt);
  assert.is(await works(app, made.token), true);
  app.clock.advance(60_000);
  assert.is(await works(app, made.token), false);
  assert.is((await admin.client.get(path)).body.items[0].status, 'expired');
  assert.equal(answered(await admin.client.post(`${path}/${made.id}/rotate`)), [409, 'already-ended']);
});

tokens('a repeat has the same text, until that text ends', async ({ app, admin }) => {
  const key = { 'idempotency-key': 'token' };
  const first = expectStatus(await admin.client.post(path, input, key), 201);
  const before = await written(app);
  const again = expectStatus(await admin.client.post(path, input, key), 201);
  assert.equal(again.body, first.body);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(await written(app), before);
  assert.equal(answered(await admin.client.post(path, { ...input, name: 'x' }, key)), [422, 'idempotency-key-reused']);

  const rotation = `${path}/${first.body.id}/rotate`;
  const rotated = expectStatus(await admin.client.post(rotation, {}, key), 201);
  assert.equal(expectStatus(await admin.client.post(rotation, {}, key), 201).body, rotated.body);
  assert.equal(answered(await admin.client.post(path, input, key)), [409, 'already-ended']);
  expectStatus(await admin.client.delete(`${path}/${first.body.id}`), 204);
  assert.equal(answered(await admin.client.post(rotation, {}, key)), [409, 'already-ended']);
});

for (const [what, own, status, code] of [
  ['no permissions', { permissions: [] }, 400, 'validation-failed'],
  ['a permission that there is not', { permissions: ['everything'] }, 400, 'validation-failed'],
  ['a permission of people alone', { permissions: ['api-keys:use'] }, 400, 'validation-failed'],
  ['no name', { name: ' ' }, 400, 'validation-failed'],
  ['a long name', { name: 'x'.repeat(101) }, 400, 'validation-failed'],
  ['an operator for a name', { name: { $gt: '' } }, 400, 'validation-failed'],
  ['an unknown field', { scopes: ['app:read'] }, 400, 'validation-failed'],
  ['no application at all', { applications: [] }, 400, 'validation-failed'],
  ['an application that is none', { applications: ['a:b'] }, 400, 'validation-failed'],
  ['a time that is none', { expiresAt: 'tomorrow' }, 400, 'validation-failed'],
  ['a time in the past', { expiresAt: '2026-12-31T23:59:59Z' }, 422, 'expiry-in-past'],
] as const)
  tokens(`refuses ${what} and writes nothing`, async ({ app, admin }) => {
    const before = await written(app);
    assert.equal(answered(await admin.client.post(path, { ...input, ...own })), [status, code]);
    assert.is(await written(app), before);
  });

tokens('what is not there is not found', async ({ app, admin }) => {
  const before = await written(app);
  for (const id of [nobody, 'none', '__proto__', 'constructor']) {
    assert.equal(answered(await admin.client.post(`${path}/${id}/rotate`)), [404, 'not-found']);
    assert.equal(answered(await admin.client.delete(`${path}/${id}`)), [404, 'not-found']);
  }
  assert.is(await written(app), before);
});

tokens('nobody issues, rotates or revokes what they do not hold', async ({ app, admin }) => {
  const callers = {
    narrow: (await personWith(app, [await role(app, 'narrow', ['services:write', 'policy:read'], [])])).client,
    wide: (await personWith(app, [await role(app, 'wide', ['services:write'])])).client,
    machine: await machineWith(app, ['services:write', 'verify'], ['app']),
    member: (await personWith(app, ['member'])).client,
  };
  const cases = [
    [{ permissions: ['verify'], applications: null }, ['wide']],
    [{ permissions: ['verify'], applications: ['app'] }, ['wide', 'machine']],
    [{ permissions: ['verify'], applications: ['app', 'other'] }, ['wide']],
    [{ permissions: ['owners:read'], applications: ['app'] }, ['wide']],
    [{ permissions: ['policy:read'], applications: ['app'] }, []],
    [{ permissions: ['services:write'], applications: ['app'] }, ['wide', 'machine']],
    [{ permissions: [...servicePermissions], applications: null }, ['wide']],
  ] as const;
  for (const [body, may] of cases)
    for (const [who, client] of Object.entries(callers)) {
      const { id } = expectStatus(await admin.client.post(path, { name: 'target', ...body }), 201).body;
      const before = await written(app);
      const said = `${who} ${JSON.stringify(body)}`;
      const allowed = (may as readonly string[]).includes(who);
      const made = await client.post(path, { name: 'new', ...body });
      const rotated = await client.post(`${path}/${id}/rotate`);
      const revoked = await client.delete(`${path}/${id}`);
      const statuses = [made.status, rotated.status, revoked.status];
      assert.equal(statuses, allowed ? [201, 201, 204] : [403, 403, 403], said);
      if (!allowed) assert.is(await written(app), before, said);
    }
  const refused = await callers.narrow.post(path, {
    name: 'new',
    permissions: ['policy:write'],
    applications: ['app'],
  });
  assert.equal(refused.body.params, { permissions: ['policy:write'], scopes: ['app:*'] });
});

tokens.run();
