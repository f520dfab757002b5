import * as assert from 'uvu/assert';
import { answered, personWith, role, type Signed, scopeCatalog, written } from '../../../support/administration.ts';
import { expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const scopes = suite<{ app: TestApp; admin: Signed }>('the catalog of scopes over HTTP');
const path = '/v1/admin/scopes';

scopes.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
});
scopes.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

scopes('is empty, then what was put, for everybody to read', async ({ app, admin }) => {
  const none = await admin.client.get(path);
  assert.equal(none.body, { items: [] });
  assert.is(none.headers.get('etag'), '"-1"');
  const wrong = await admin.client.put(path, { items: [] }, { 'if-match': '"7"' });
  assert.equal(answered(wrong), [412, 'revision-mismatch']);
  const put = expectStatus(await admin.client.put(path, { items: scopeCatalog }, { 'if-match': '"-1"' }), 200);
  assert.equal(put.body, { items: scopeCatalog });
  const read = await admin.client.get(path);
  assert.equal(read.body, put.body);
  assert.is(read.headers.get('etag'), put.headers.get('etag'));
  const member = await personWith(app, ['guest']);
  assert.equal((await member.client.get('/v1/scopes')).body, { items: scopeCatalog });
  const before = await written(app);
  expectStatus(await admin.client.put(path, read.body), 200);
  assert.is(await written(app), before);
});

scopes('a key may read the list, nobody without credentials', async ({ app, admin }) => {
  expectStatus(await admin.client.put(path, { items: scopeCatalog }), 200);
  expectStatus(await admin.client.put('/v1/admin/policy', { preset: 'idmp' }), 200);
  const { key } = expectStatus(await admin.client.post('/v1/api-keys', { name: 'k' }), 201).body;
  const byKey = { authorization: `Bearer ${key}` };
  assert.equal((await app.browser().get('/v1/scopes', byKey)).body, { items: scopeCatalog });
  assert.equal(answered(await app.browser().get(path, byKey)), [403, 'key-not-allowed-here']);
  assert.equal(answered(await app.browser().get('/v1/scopes')), [401, 'unauthenticated']);
});

scopes('needs its permission', async ({ app }) => {
  const reader = (await personWith(app, [await role(app, 'reader', ['policy:read'])])).client;
  const writer = (await personWith(app, [await role(app, 'writer', ['policy:write'])])).client;
  assert.equal(answered(await reader.get(path)), [403, 'forbidden']);
  assert.equal(answered(await reader.put(path, { items: [] })), [403, 'forbidden']);
  assert.equal(answered(await writer.get(path)), [200]);
  assert.equal(answered(await writer.put(path, { items: [] })), [200]);
});

scopes('twenty changes with one ETag: one; and the policy beside it has its own', async ({ admin }) => {
  const first = expectStatus(await admin.client.put(path, { items: scopeCatalog }), 200);
  expectStatus(await admin.client.put('/v1/admin/policy', { enabled: true }), 200);
  const etag = first.headers.get('etag') ?? '';
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      admin.client.put(path, { items: [{ application: `app${n}`, actions: ['read'] }] }, { 'if-match': etag }),
    ),
  );
  assert.equal(responses.map(answered).sort(), [[200], ...Array(19).fill([412, 'revision-mismatch'])]);
});

scopes('takes a catalog of thousands of scopes', async ({ admin }) => {
  const items = Array.from({ length: 100 }, (_, app) => ({
    application: `application-number-${app}`,
    actions: Array.from({ length: 50 }, (_, action) => `action-number-${action}`),
  }));
  assert.equal(expectStatus(await admin.client.put(path, { items }), 200).body, { items });
});

const item = (own: object) => ({ items: [{ application: 'app', actions: ['read'], ...own }] });
for (const [what, body] of [
  ['no items', {}],
  ['an application without actions', item({ actions: [] })],
  ['the same application twice', { items: [scopeCatalog[0], scopeCatalog[0]] }],
  ['the same action twice', item({ actions: ['read', 'read'] })],
  ['a name with a colon', item({ application: 'a:b' })],
  ['a star', item({ actions: ['*'] })],
  ['a star for an application', item({ application: '*' })],
  ['an unknown field', { items: [], more: 1 }],
  ['an unknown field within', item({ more: 1 })],
  ['an operator', { items: { $gt: '' } }],
  ['an operator within', item({ application: { $gt: '' } })],
] as const)
  scopes(`refuses ${what} and writes nothing`, async ({ app, admin }) => {
    const before = await written(app);
    assert.equal(answered(await admin.client.put(path, body)), [400, 'validation-failed']);
    assert.is(await written(app), before);
  });

scopes.run();
