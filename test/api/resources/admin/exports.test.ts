import * as assert from 'uvu/assert';
import { type Client, expectStatus } from '../../../support/client.ts';
import { makeManyKeys } from '../../../support/keyWorld.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const s = suite('exports');

let app: WholeApp;
let admin: Client;
let adminId: string;
let userId: string;

s.before(async () => {
  app = await startWholeApp();
  await app.run(app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
  adminId = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  userId = await app.register({ email: 'ada@example.com', profile: { fullName: '=cmd|calc' } });
  admin = app.as(adminId);
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const exported = async (format: string, query = '') => {
  const answer = expectStatus(await admin.get(`/v1/admin/api-keys/export?format=${format}${query}`), 200);
  return { ...answer, text: String(answer.body) };
};

const recorded = async (type: string) => {
  const { body } = expectStatus(await admin.get(`/v1/audit/events?type=${type}&sort=position`), 200);
  return body.items;
};

s('export keys as CSV, in which no spreadsheet finds a formula', async () => {
  const input = { ownerId: userId, name: '@SUM(A1)', description: '+1, "quoted"\nand more', expiresAt: null };
  const { keyId } = await app.run(app.commands.createApiKey, input, userId);
  const { text, headers } = await exported('csv');
  const [head, row] = text.split('\r\n');
  assert.match(headers.get('content-type')!, /^text\/csv/);
  assert.is(headers.get('content-disposition'), 'attachment; filename="api-keys.csv"');
  assert.match(head!, /^id,ownerId,ownerEmail,ownerDisplayName,/);
  assert.match(
    row!,
    new RegExp(
      `^${keyId},${userId},ada@example\\.com,'=cmd\\|calc,active,'@SUM\\(A1\\),"'\\+1, ""quoted""\nand more",`,
    ),
  );
  assert.not.match(text, /secretHash/);
});

s('is put down before its first byte, with what was asked for', async () => {
  const before = (await recorded('KeysExported')).length;
  const { headers } = await exported('ndjson', '&status=active&q=SUM');
  const events = await recorded('KeysExported');
  assert.is(events.length, before + 1);
  const event = events.at(-1);
  assert.equal(event.data, { filter: { status: ['active'], q: 'SUM' }, format: 'ndjson' });
  assert.equal(event.actor, { kind: 'admin', id: adminId, label: 'admin@example.com' });
  assert.is(headers.get('keyledger-position'), event.position);
});

s('shows nothing where it cannot be put down', async () => {
  app.failAppends(true);
  try {
    expectStatus(await admin.get('/v1/admin/api-keys/export?format=csv'), 503);
    expectStatus(await admin.get('/v1/audit/events/export'), 503);
  } finally {
    app.failAppends(false);
  }
});

s('answers a HEAD without exporting', async () => {
  const before = (await recorded('KeysExported')).length;
  const head = await admin.call('HEAD', '/v1/admin/api-keys/export?format=csv');
  assert.is(head.status, 200);
  assert.match(head.headers.get('content-type')!, /^text\/csv/);
  assert.is((await recorded('KeysExported')).length, before);
});

s('refuses another format, filter or caller', async () => {
  for (const query of ['', '?format=xlsx', '?format=csv&limit=3', '?format=csv&cursor=abc'])
    assert.is(expectStatus(await admin.get(`/v1/admin/api-keys/export${query}`), 400).body.code, 'validation-failed');
  expectStatus(await app.as(userId).get('/v1/audit/events/export'), 403);
});

s('export all keys, a page of the list at a time', async () => {
  const owner = await app.register({ email: 'many@example.com' });
  await makeManyKeys(app, owner, 5000);
  app.listLimits.length = 0;
  const { text } = await exported('ndjson', `&owner=${owner}&sort=createdAt`);
  const keys = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.is(keys.length, 5000);
  assert.is(new Set(keys.map(({ id }) => id)).size, 5000);
  assert.equal(
    keys.map(({ name }) => name),
    Array.from({ length: 5000 }, (_, i) => `many ${i}`),
  );
  assert.ok(app.listLimits.length >= 10);
  assert.ok(
    app.listLimits.every((limit) => limit <= 500),
    'no page is larger than five hundred',
  );
  const csv = await exported('csv', `&owner=${owner}`);
  assert.is(csv.text.trimEnd().split('\r\n').length, 5001);
});

s('gives out every event as it was when the export was asked for', async () => {
  const { body } = expectStatus(await admin.get('/v1/audit/events?count=true&limit=1'), 200);
  const answer = expectStatus(await admin.get('/v1/audit/events/export'), 200);
  assert.match(answer.headers.get('content-type')!, /^application\/x-ndjson/);
  const events = String(answer.body)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.is(events.length, body.total);
  const positions = events.map(({ position }) => position);
  assert.equal(positions, [...positions].sort());
  assert.is(events[0].type, 'InstallationCreated');
  assert.not.match(String(answer.body), /secretHash|passwordHash/);
  const [put] = (await recorded('AuditExported')).slice(-1);
  assert.is(answer.headers.get('keyledger-position'), put.position);
  const some = expectStatus(await admin.get('/v1/audit/events/export?type=AuditExported'), 200);
  assert.is(String(some.body).trimEnd().split('\n').length, 1, 'an export does not hold itself');
});

s.run();
