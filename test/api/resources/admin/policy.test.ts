import * as assert from 'uvu/assert';
import { presets } from '../../../../domain/presets.ts';
import { answered, machineWith, personWith, role, type Signed, written } from '../../../support/administration.ts';
import { expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startTestApp, type TestApp } from '../../../support/testApp.ts';

const policy = suite<{ app: TestApp; admin: Signed }>('the key policy over HTTP');
const path = '/v1/admin/policy';

policy.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
  expectStatus(await context.admin.client.put(path, { preset: 'qalyptus' }), 200);
});
policy.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

policy('says all of it, and where it came from', async ({ app, admin }) => {
  const response = await admin.client.get(path);
  assert.is(response.headers.get('etag'), '"0"');
  assert.equal(response.body, {
    ...presets.qalyptus,
    customized: false,
    revision: 0,
    changedAt: app.bed.request().at,
    changedBy: { kind: 'admin', id: admin.id },
  });
});

for (const preset of ['qalyptus', 'idmp', 'aip', 'helmut'] as const)
  policy(`${preset} can be set by its name, and put back as it was answered`, async ({ app, admin }) => {
    expectStatus(await admin.client.put(path, { preset: 'aip' }), 200);
    const set = expectStatus(await admin.client.put(path, { preset }), 200);
    const { customized, revision: _r, changedAt: _a, changedBy: _b, ...fields } = set.body;
    assert.equal(fields, presets[preset]);
    assert.is(customized, false);
    const before = await written(app);
    const etag = set.headers.get('etag') ?? '';
    const back = expectStatus(await admin.client.put(path, set.body, { 'if-match': etag }), 200);
    assert.equal(back.body, set.body);
    assert.is(back.headers.get('etag'), etag);
    assert.is(await written(app), before);
  });

policy('without a preset changes the policy as it is; with one starts from there', async ({ admin }) => {
  const put = async (body: object) => expectStatus(await admin.client.put(path, body), 200).body;
  const one = await put({ enabled: true, expiryNoticeDays: [1, 14, 1] });
  assert.equal([one.enabled, one.customized, one.expiryNoticeDays], [true, true, [14, 1]]);
  const two = await put({ maxLifetimeDays: 90 });
  assert.equal([two.enabled, two.maxLifetimeDays, two.revision], [true, 90, 2]);
  const three = await put({ preset: 'qalyptus', maxLifetimeDays: 60 });
  assert.equal([three.enabled, three.maxLifetimeDays, three.expiryNoticeDays], [false, 60, [30, 7, 1]]);
});

policy('twenty changes with one ETag: one', async ({ admin }) => {
  const responses = await Promise.all(
    Array.from({ length: 20 }, (_, n) => admin.client.put(path, { maxLifetimeDays: n + 1 }, { 'if-match': '"0"' })),
  );
  assert.equal(responses.map(answered).sort(), [[200], ...Array(19).fill([412, 'revision-mismatch'])]);
  const won = responses.find(({ status }) => status === 200)!;
  assert.is((await admin.client.get(path)).body.maxLifetimeDays, won.body.maxLifetimeDays);
});

policy('a repeat is answered once, another body refused', async ({ app, admin }) => {
  const headers = { 'idempotency-key': 'on', 'if-match': '"0"' };
  const first = expectStatus(await admin.client.put(path, { enabled: true }, headers), 200);
  const before = await written(app);
  const again = expectStatus(await admin.client.put(path, { enabled: true }, headers), 200);
  assert.equal(again.body, first.body);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is(await written(app), before);
  assert.equal(answered(await admin.client.put(path, { enabled: false }, headers)), [422, 'idempotency-key-reused']);
});

for (const [what, body, status, code, pointers] of [
  ['required without a maximum', { maxLifetimeDays: null }, 422, 'policy-inconsistent', ['/maxLifetimeDays']],
  [
    'no expiry with a maximum that is editable',
    { expiry: 'none' },
    422,
    'policy-inconsistent',
    ['/maxLifetimeDays', '/expiryEditable'],
  ],
  ['dotted with a prefix', { form: 'dotted' }, 422, 'policy-inconsistent', ['/prefix']],
  ['a grace without rotation', { maxGraceSeconds: 60 }, 422, 'policy-inconsistent', ['/maxGraceSeconds']],
  [
    'a grace with one key',
    { maxGraceSeconds: 60, rotation: true, maxKeysPerUser: 1 },
    422,
    'policy-inconsistent',
    ['/maxGraceSeconds'],
  ],
  ['replacing with more than one', { whenFull: 'replace' }, 422, 'policy-inconsistent', ['/whenFull']],
  ['no keys at all', { maxKeysPerUser: 0 }, 400, 'validation-failed', ['/maxKeysPerUser']],
  ['more than a year', { maxLifetimeDays: 366 }, 400, 'validation-failed', ['/maxLifetimeDays']],
  ['a bad prefix', { prefix: 'A' }, 400, 'validation-failed', ['/prefix']],
  ['the prefix of service tokens', { prefix: 'svc' }, 422, 'policy-inconsistent', ['/prefix']],
  ['half a day', { maxLifetimeDays: 1.5 }, 400, 'validation-failed', ['/maxLifetimeDays']],
  ['a preset that there is not', { preset: 'other' }, 400, 'validation-failed', ['/preset']],
  ['an unknown field', { enable: true }, 400, 'validation-failed', ['/enable']],
  ['an operator', { enabled: { $gt: '' } }, 400, 'validation-failed', ['/enabled']],
  ['null where none clears', { enabled: null }, 400, 'validation-failed', ['/enabled']],
] as const)
  policy(`refuses ${what} and says where`, async ({ app, admin }) => {
    const before = await written(app);
    const response = await admin.client.put(path, body);
    assert.equal(answered(response), [status, code]);
    assert.equal(
      response.body.errors.map(({ pointer }: { pointer: string }) => pointer),
      pointers,
    );
    assert.is(await written(app), before);
  });

policy('refuses prototypes and bodies that are none', async ({ app, admin }) => {
  const before = await written(app);
  const raw = (text: string) => admin.client.call('PUT', path, { raw: text });
  assert.equal(answered(await raw('{"__proto__":{"enabled":true}}')), [400, 'validation-failed']);
  assert.equal(answered(await raw('[]')), [400, 'validation-failed']);
  assert.equal(answered(await raw('"on"')), [400, 'validation-failed']);
  assert.equal(answered(await raw('{"enabled":')), [400, 'malformed-json']);
  assert.is(await written(app), before);
});

policy('reading and writing need their own permissions', async ({ app }) => {
  const reader = (await personWith(app, [await role(app, 'reader', ['policy:read'])])).client;
  const writer = (await personWith(app, [await role(app, 'writer', ['policy:write'])])).client;
  const member = (await personWith(app, ['member'])).client;
  assert.equal(answered(await reader.get(path)), [200]);
  assert.equal(answered(await reader.put(path, { enabled: true })), [403, 'forbidden']);
  assert.equal(answered(await writer.get(path)), [403, 'forbidden']);
  assert.equal(answered(await writer.put(path, { enabled: true })), [200]);
  assert.equal(answered(await member.get(path)), [403, 'forbidden']);
  assert.equal(answered(await app.browser().get(path)), [401, 'unauthenticated']);
  const machine = await machineWith(app, ['policy:read', 'policy:write']);
  const set = expectStatus(await machine.put(path, { enabled: false }), 200);
  assert.is(set.body.changedBy.kind, 'service');
});

policy('an API key may not look, whoever it is of', async ({ app, admin }) => {
  expectStatus(await admin.client.put(path, { preset: 'idmp' }), 200);
  const { key } = expectStatus(await admin.client.post('/v1/api-keys', { name: 'k' }), 201).body;
  const response = await app.browser().get(path, { authorization: `Bearer ${key}` });
  assert.equal(answered(response), [403, 'key-not-allowed-here']);
});

policy.run();
