import * as assert from 'uvu/assert';
import { millis } from '../../../domain/instant.ts';
import { answered, personWith, type Signed, setScopes, written } from '../../support/administration.ts';
import { expectStatus } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const keys = suite<{ app: TestApp; admin: Signed; ada: Signed }>('a person’s own keys over HTTP');
const path = '/v1/api-keys';
const day = 86_400_000;

keys.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
  context.ada = await personWith(context.app, ['member']);
  await setScopes(context.app);
  await policy(context.admin, { preset: 'helmut' });
});
keys.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const policy = async ({ client }: Signed, change: object) =>
  expectStatus(await client.put('/v1/admin/policy', change), 200).body;

const scopes = ['app:read'];
const make = async ({ client }: Signed, own: object = {}) =>
  expectStatus(await client.post(path, { name: 'ci', scopes, ...own }), 201).body;
const inDays = (app: TestApp, days: number) => new Date(app.clock.now() + days * day).toISOString();

const fields = [
  ...['id', 'ownerId', 'name', 'description', 'mask', 'status', 'usable', 'unusableBecause', 'scopes', 'recoverable'],
  ...['createdAt', 'createdBy', 'createdIp', 'expiresAt', 'graceUntil', 'lastUsedAt', 'lastUsedIp'],
  ...['revokedAt', 'revokedReason', 'revokedNote', 'replaces', 'replacedBy'],
];

keys('a new key: every field, its place, its revision, its text this once', async ({ ada }) => {
  const { status, headers, body } = await ada.client.post(path, { name: ' ci ', scopes: ['app:write'] });
  assert.is(status, 201);
  assert.equal(Object.keys(body), [...fields, 'key']);
  assert.equal([body.name, body.scopes, body.status], ['ci', ['app:read', 'app:write'], 'active']);
  assert.is(headers.get('location'), `${path}/${body.id}`);
  assert.is(headers.get('etag'), '"0"');
  assert.match(headers.get('keyledger-position') ?? '', /^[0-9a-f]+$/);
  const read = await ada.client.get(`${path}/${body.id}`);
  assert.equal(Object.keys(read.body), fields);
  assert.is(read.headers.get('etag'), '"0"');
  const head = await ada.client.call('HEAD', `${path}/${body.id}`);
  assert.equal([head.status, head.headers.get('etag')], [200, '"0"']);
});

keys('a name is one line, whose order nothing turns around', async ({ ada }) => {
  const { id } = await make(ada);
  for (const name of ['ci\nadmin', 'ci\tadmin', 'ci\u2028admin', 'ci\u202enimda', 'ci\u2066x\u2069', 'ci\u0007']) {
    const wrong = [400, 'validation-failed'];
    assert.equal(answered(await ada.client.post(path, { name, scopes })), wrong, JSON.stringify(name));
    assert.equal(answered(await ada.client.patch(`${path}/${id}`, { name })), wrong, JSON.stringify(name));
  }
  assert.equal(answered(await ada.client.post(path, { name: '\u200b', scopes })), [422, 'name-required']);
  const { name, description } = await make(ada, { name: 'ci \n', description: 'one\ntwo' });
  assert.equal([name, description], ['ci', 'one\ntwo']);
});

keys('where nothing has to be said of a key, a call without a body makes one', async ({ admin, ada }) => {
  assert.equal(answered(await ada.client.call('POST', path)), [422, 'name-required']);
  await policy(admin, { preset: 'aip' });
  const { status, body } = await ada.client.call('POST', path);
  assert.equal([status, body.name, body.key.length], [201, null, 41]);
});

keys('a repeat is answered alike, and says that it is one', async ({ ada }) => {
  const again = { 'idempotency-key': 'k1' };
  const first = await ada.client.post(path, { name: 'ci', scopes }, again);
  const second = await ada.client.post(path, { name: 'ci', scopes }, again);
  assert.equal([first.status, second.status], [201, 201]);
  assert.equal(second.body, first.body);
  assert.equal(
    [first, second].map(({ headers }) => headers.get('idempotency-replayed')),
    [null, 'true'],
  );
  assert.is(second.headers.get('keyledger-position'), first.headers.get('keyledger-position'));
  const other = await ada.client.post(path, { name: 'other', scopes }, again);
  assert.equal(answered(other), [422, 'idempotency-key-reused']);
});

keys('lists the newest first, a page at a time, filtered and sorted', async ({ app, admin, ada }) => {
  for (const name of ['b', 'c', 'a', 'd', 'e']) {
    app.clock.advance(1_000);
    await make(ada, { name, description: name === 'c' ? 'Nightly build' : null });
  }
  await make(admin, { name: 'not hers' });
  const list = async (query: string) => expectStatus(await ada.client.get(`${path}${query}`), 200).body;
  const names = async (query: string) => (await list(query)).items.map(({ name }: { name: string }) => name);
  assert.equal(await names(''), ['e', 'd', 'a', 'c', 'b']);
  assert.equal(await names('?sort=createdAt'), ['b', 'c', 'a', 'd', 'e']);
  assert.equal(await names('?sort=name'), ['a', 'b', 'c', 'd', 'e']);
  assert.equal(await names('?sort=-name'), ['e', 'd', 'c', 'b', 'a']);
  assert.equal(await names('?q=NIGHTLY'), ['c']);
  assert.equal(await names(`?unusedSince=${inDays(app, 0)}`), ['d', 'a', 'c', 'b']);

  const all = await list('?count=true');
  assert.equal([all.total, all.nextCursor, typeof all.asOf.position, all.asOf.lagMs], [5, null, 'string', 0]);
  assert.not('total' in (await list('')));
  const paged: string[] = [];
  let cursor = '';
  do {
    const page = await list(`?sort=name&limit=2${cursor}`);
    paged.push(...page.items.map(({ name }: { name: string }) => name));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
    if (cursor === '') break;
    assert.equal(answered(await ada.client.get(`${path}?limit=2${cursor}`)), [400, 'cursor-mismatch']);
    assert.equal(answered(await admin.client.get(`${path}?sort=name&limit=2${cursor}`)), [400, 'cursor-mismatch']);
  } while (cursor !== '');
  assert.equal(paged, ['a', 'b', 'c', 'd', 'e']);
});

keys('finds a name however its letters are composed', async ({ ada }) => {
  const { id } = await make(ada, { name: 'Cafe\u0301' });
  for (const q of ['caf\u00e9', 'CAFE\u0301', ' Cafe\u0301 ']) {
    const { body } = await ada.client.get(`${path}?q=${encodeURIComponent(q)}`);
    assert.equal(
      body.items.map((key: { id: string }) => key.id),
      [id],
      JSON.stringify(q),
    );
  }
});

keys('shows ended keys to who asks for them', async ({ app, ada }) => {
  const active = await make(ada, { name: 'active' });
  const expired = await make(ada, { name: 'expired', expiresAt: inDays(app, 1) });
  const revoked = await make(ada, { name: 'revoked' });
  expectStatus(await ada.client.delete(`${path}/${revoked.id}`), 204);
  app.clock.advance(day);
  const client = app.browser();
  // The session is idle by now.
  expectStatus(await client.post('/v1/session', { email: ada.email, password: 'correct horse battery' }), 200);
  const ids = async (query: string) =>
    expectStatus(await client.get(`${path}${query}`), 200)
      .body.items.map(({ id }: { id: string }) => id)
      .sort();
  assert.equal(await ids(''), [active.id, expired.id].sort());
  assert.equal(await ids('?status=revoked'), [revoked.id]);
  assert.equal(await ids('?status=active,expired,revoked'), [active.id, expired.id, revoked.id].sort());
  const { status, usable, unusableBecause } = (await client.get(`${path}/${expired.id}`)).body;
  assert.equal([status, usable, unusableBecause], ['expired', false, 'expired']);
  const edited = await client.patch(`${path}/${expired.id}`, { name: 'x' });
  assert.equal(answered(edited), [409, 'already-ended']);
});

keys('an edit leaves what it does not name, and clears what is null', async ({ app, ada }) => {
  const expiresAt = inDays(app, 30);
  const { id } = await make(ada, { description: 'mine', expiresAt });
  const edit = (body: object, etag?: string) =>
    ada.client.patch(`${path}/${id}`, body, etag === undefined ? {} : { 'if-match': etag });
  const before = await written(app);
  const same = await edit({});
  assert.equal([same.status, same.body.description, same.body.expiresAt], [200, 'mine', expiresAt]);
  assert.is(await written(app), before);
  const renamed = await edit({ name: 'other' }, '"0"');
  assert.equal([renamed.body.name, renamed.body.description, renamed.headers.get('etag')], ['other', 'mine', '"1"']);
  assert.equal(answered(await edit({ name: 'late' }, '"0"')), [412, 'revision-mismatch']);
  const cleared = await edit({ description: null, expiresAt: null });
  assert.equal([cleared.body.name, cleared.body.description, cleared.body.expiresAt], ['other', null, null]);
  assert.equal(answered(await edit({ name: null })), [422, 'name-required']);
  assert.equal(answered(await edit({ scopes: null })), [422, 'scopes-required']);
  assert.equal((await edit({ scopes: ['other:write'] })).body.scopes, ['other:read', 'other:write']);
  assert.equal(answered(await edit({ scopes: ['app:delete'] })), [422, 'unknown-scope']);
  assert.equal(answered(await edit({ expiresAt: inDays(app, -1) })), [422, 'expiry-in-past']);
});

keys('deletes at once, and again without another event', async ({ app, ada }) => {
  const { id } = await make(ada);
  const first = await ada.client.delete(`${path}/${id}`);
  const before = await written(app);
  const second = await ada.client.delete(`${path}/${id}`);
  assert.equal([first.status, second.status], [204, 204]);
  assert.is(second.headers.get('keyledger-position'), first.headers.get('keyledger-position'));
  assert.is(await written(app), before);
});

keys('in its grace an old key can only be revoked', async ({ app, ada }) => {
  const old = await make(ada, { expiresAt: inDays(app, 30) });
  app.clock.advance(3_600_000);
  const rotated = await ada.client.post(`${path}/${old.id}/rotate`, { graceSeconds: 60 });
  assert.equal([rotated.status, rotated.body.replaces, rotated.body.name], [201, old.id, 'ci']);
  assert.is(rotated.headers.get('location'), `${path}/${rotated.body.id}`);
  const length = millis(rotated.body.expiresAt) - millis(rotated.body.createdAt);
  assert.is(length, 30 * day, 'as long a life as the old one had');
  const now = (await ada.client.get(`${path}/${old.id}`)).body;
  assert.equal([now.status, now.usable, now.replacedBy], ['active', true, rotated.body.id]);
  assert.is(millis(now.graceUntil), app.clock.now() + 60_000);
  for (const refused of [
    await ada.client.patch(`${path}/${old.id}`, { name: 'x' }),
    await ada.client.post(`${path}/${old.id}/rotate`, {}),
  ])
    assert.equal(answered(refused), [409, 'already-ended']);
  assert.equal(answered(await ada.client.post(`${path}/${rotated.body.id}/rotate`, { graceSeconds: 86_401 })), [
    400,
    'validation-failed',
  ]);
  app.clock.advance(60_000);
  const over = (await ada.client.get(`${path}/${old.id}`)).body;
  assert.equal([over.status, over.revokedReason, over.revokedAt], ['revoked', 'rotated', now.graceUntil]);
  // Without a body: at once.
  expectStatus(await ada.client.call('POST', `${path}/${rotated.body.id}/rotate`), 201);
});

keys('its history, oldest first, a page at a time', async ({ ada }) => {
  const { id } = await make(ada);
  await make(ada, { name: 'another' });
  for (const name of ['one', 'two']) expectStatus(await ada.client.patch(`${path}/${id}`, { name }), 200);
  expectStatus(await ada.client.delete(`${path}/${id}`), 204);
  const told = ['ApiKeyCreated', 'ApiKeyRenamed', 'ApiKeyRenamed', 'ApiKeyRevoked'];
  const page = async (query: string) => expectStatus(await ada.client.get(`${path}/${id}/history${query}`), 200).body;
  const types = (body: { items: { type: string }[] }) => body.items.map(({ type }) => type);
  const whole = await page('?count=true');
  assert.equal([types(whole), whole.nextCursor, whole.total], [told, null, 4]);
  const [first] = whole.items;
  assert.equal(Object.keys(first), [
    ...['position', 'eventId', 'stream', 'revision', 'type', 'version', 'at', 'actor', 'subject', 'correlationId'],
    ...['causationId', 'requestId', 'policyRevision', 'reason', 'ip', 'userAgent', 'personal', 'data'],
  ]);
  assert.not('secretHash' in first.data);
  const start = await page('?limit=3');
  const rest = await page(`?limit=3&cursor=${start.nextCursor}`);
  assert.equal([types(start), types(rest), rest.nextCursor], [told.slice(0, 3), told.slice(3), null]);
  assert.equal(answered(await ada.client.get(`${path}/${id}/history?type=x`)), [400, 'validation-failed']);
});

keys('another’s key is not there', async ({ admin, ada }) => {
  const { id, key } = await make(ada);
  const { client } = admin;
  for (const refused of [
    await client.get(`${path}/${id}`),
    await client.get(`${path}/${id}/history`),
    await client.patch(`${path}/${id}`, { name: 'x' }),
    await client.delete(`${path}/${id}`),
    await client.post(`${path}/${id}/rotate`, {}),
    await client.get(`${path}/no-id`),
  ])
    assert.equal(answered(refused), [404, 'not-found']);
  const { body } = await client.post(`${path}/check`, { key });
  assert.equal(body, { code: 'not-found', keyId: null, since: null });
});

keys('says why a key does not work, and since when', async ({ app, admin, ada }) => {
  const check = async (key: string) => expectStatus(await ada.client.post(`${path}/check`, { key }), 200).body;
  const { id, key } = await make(ada, { expiresAt: inDays(app, 0.25) });
  assert.equal(await check(key), { code: 'valid', keyId: id, since: null });
  assert.equal(await check('api_made-up'), { code: 'malformed', keyId: null, since: null });
  const { changedAt } = await policy(admin, { enabled: false });
  assert.equal(await check(key), { code: 'api-keys-disabled', keyId: id, since: changedAt });
  await policy(admin, { enabled: true });
  app.clock.advance(day / 4);
  assert.equal(await check(key), { code: 'expired', keyId: id, since: new Date(app.clock.now()).toISOString() });
  expectStatus(await ada.client.delete(`${path}/${id}`), 204);
  const { code, since } = await check(key);
  assert.equal([code, since], ['revoked', new Date(app.clock.now()).toISOString()]);
});

keys('switched off, keys are read and deleted and nothing else', async ({ admin, ada }) => {
  const { id } = await make(ada);
  await policy(admin, { enabled: false });
  for (const refused of [
    await ada.client.post(path, { name: 'x', scopes }),
    await ada.client.patch(`${path}/${id}`, { name: 'x' }),
    await ada.client.post(`${path}/${id}/rotate`, {}),
  ])
    assert.equal(answered(refused), [403, 'api-keys-disabled']);
  assert.is((await ada.client.get(path)).body.items.length, 1);
  assert.is((await ada.client.get(`${path}/${id}`)).body.unusableBecause, 'api-keys-disabled');
  expectStatus(await ada.client.delete(`${path}/${id}`), 204);
});

keys('what one may do has an ETag that changes with any part of it', async ({ admin, ada }) => {
  const tag = async () => (await ada.client.get('/v1/me')).headers.get('etag');
  const first = await tag();
  assert.match(first ?? '', /^"[\w-]{22}"$/);
  assert.is(await tag(), first);
  await policy(admin, { maxKeysPerUser: 7 });
  assert.is.not(await tag(), first);
});

keys.run();
