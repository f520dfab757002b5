import * as assert from 'uvu/assert';
import type { KeyForAdministrators } from '../../../../api/schemas/key.ts';
import { sealedTable } from '../../../../commands/sealing/vaultTable.ts';
import { plusDays } from '../../../../domain/instant.ts';
import { createLastUse, type UseRow } from '../../../../workers/lastUse.ts';
import { showLastUse } from '../../../../workers/lastUseFlusher.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { hurriedScheduler } from '../../../support/commandBed.ts';
import { makeKeyWorld, type WorldUser } from '../../../support/keyWorld.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const s = suite('administration of keys');

let app: WholeApp;
let admin: Client;
let people: readonly WorldUser[];
let all: readonly KeyForAdministrators[];

/** Every page of a list. */
const everything = async (client: Client, path: string, limit = 7): Promise<readonly KeyForAdministrators[]> => {
  const items: KeyForAdministrators[] = [];
  for (let cursor: string | null = null; ; ) {
    const separator = path.includes('?') ? '&' : '?';
    const page = `${path}${separator}limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { body } = expectStatus(await client.get(page), 200);
    items.push(...body.items);
    cursor = body.nextCursor;
    if (cursor === null) return items;
  }
};

s.before(async () => {
  app = await startWholeApp();
  const world = await makeKeyWorld(app);
  people = world.people;
  await app.run(app.commands.deactivateUser, { userId: people[1]!.id, reason: null });
  app.bed.clock.advance(3_600_000);
  admin = app.as(world.admin);
  all = await everything(admin, '/v1/admin/api-keys', 200);
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const ids = (keys: readonly KeyForAdministrators[]) => keys.map(({ id }) => id);

s('all keys of everybody, with owner, created, expiry and status', async () => {
  assert.ok(all.length >= 60);
  assert.equal(
    ids(all),
    ids([...all].sort((a, b) => (a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id) ? 1 : -1))),
  );
  for (const key of all) {
    const owner = people.find(({ id }) => id === key.ownerId)!;
    assert.equal(key.owner, {
      id: owner.id,
      email: owner.email,
      displayName: `Ada ${people.indexOf(owner)}`,
      status: owner === people[1] ? 'deactivated' : 'active',
    });
  }
  const statuses = new Set(all.map(({ status }) => status));
  assert.equal([...statuses].sort(), ['active', 'expired', 'revoked']);
});

s('shows in the list what it shows of one key, and no secret', async () => {
  for (const key of all.slice(0, 12)) {
    const { body } = expectStatus(await admin.get(`/v1/admin/api-keys/${key.id}`), 200);
    const { delivery, ...shape } = body;
    assert.equal(shape, key);
    assert.ok(Array.isArray(delivery));
  }
  assert.not.match(JSON.stringify(all), /secretHash/);
});

const person = (key: KeyForAdministrators) => people.find(({ id }) => id === key.ownerId)!;
const middle = () => all[Math.floor(all.length / 2)]!;

type Wanted = readonly [query: string, wanted: (key: KeyForAdministrators) => boolean];

/** What each filter means, said naively. */
const filters = (): readonly Wanted[] => {
  const then = middle().createdAt;
  const soon = plusDays(new Date(app.bed.clock.now()).toISOString(), 1);
  const owner = people[0]!;
  return [
    [`owner=${owner.id}`, (key) => key.ownerId === owner.id],
    ['owner=User0@Example.com', (key) => key.ownerId === owner.id],
    ['ownerStatus=deactivated', (key) => key.owner.status === 'deactivated'],
    ['ownerStatus=active,deactivated', () => true],
    ['role=member', (key) => person(key).roles.includes('member')],
    ['role=guest', () => false],
    ['group=group-1', (key) => person(key).group === 'group-1'],
    ['organization=organization-0', (key) => person(key).organization === 'organization-0'],
    ['status=active', (key) => key.status === 'active'],
    ['status=expired,revoked', (key) => key.status !== 'active'],
    ['q=RENAMED', (key) => key.name!.includes('renamed')],
    ['q=user0%40', (key) => key.ownerId === owner.id],
    [`q=${all[3]!.id}`, (key) => key.id === all[3]!.id],
    ['scope=streams:write', (key) => key.scopes!.includes('streams:write')],
    [`createdBy=${owner.id}`, (key) => key.createdBy.id === owner.id],
    ['createdIp=192.0.2.99', () => false],
    ['lastUsedIp=192.0.2.99', () => false],
    [`createdBefore=${then}`, (key) => key.createdAt < then],
    [`createdAfter=${then}`, (key) => key.createdAt > then],
    [
      `createdAfter=${then}&createdBefore=${all[2]!.createdAt}`,
      (key) => key.createdAt > then && key.createdAt < all[2]!.createdAt,
    ],
    [`expiresBefore=${soon}`, (key) => key.expiresAt !== null && key.expiresAt < soon],
    [`expiresAfter=${soon}`, (key) => key.expiresAt !== null && key.expiresAt > soon],
    ['neverExpires=true', (key) => key.expiresAt === null],
    ['neverExpires=false', (key) => key.expiresAt !== null],
    [`unusedSince=${then}`, (key) => key.createdAt < then],
    [
      'status=active&neverExpires=true&group=group-0',
      (key) => key.status === 'active' && key.expiresAt === null && person(key).group === 'group-0',
    ],
  ];
};

s('every filter of the list of keys finds what it says, in pages, and counts', async () => {
  for (const [query, wanted] of filters()) {
    const expected = ids(all.filter(wanted));
    assert.equal(ids(await everything(admin, `/v1/admin/api-keys?${query}`)), expected, query);
    const { body } = expectStatus(await admin.get(`/v1/admin/api-keys?${query}&count=true&limit=1`), 200);
    assert.is(body.total, expected.length, query);
  }
});

const nullsLow = (a: string | null, b: string | null) =>
  a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1;

s('sorts by every field both ways, ties by id', async () => {
  const values = {
    createdAt: (key: KeyForAdministrators) => key.createdAt,
    expiresAt: (key: KeyForAdministrators) => key.expiresAt,
    lastUsedAt: (key: KeyForAdministrators) => key.lastUsedAt,
    owner: (key: KeyForAdministrators) => key.owner.displayName,
  };
  for (const [field, value] of Object.entries(values)) {
    const sorted = [...all].sort((a, b) => nullsLow(value(a), value(b)) || nullsLow(a.id, b.id));
    assert.equal(ids(await everything(admin, `/v1/admin/api-keys?sort=${field}`)), ids(sorted), field);
    assert.equal(ids(await everything(admin, `/v1/admin/api-keys?sort=-${field}`)), ids(sorted.reverse()), `-${field}`);
  }
});

s('refuses a cursor of another filter, order or list, and what it does not know', async () => {
  const { body } = expectStatus(await admin.get('/v1/admin/api-keys?limit=2'), 200);
  for (const path of [
    '/v1/admin/api-keys?status=active',
    '/v1/admin/api-keys?sort=expiresAt',
    '/v1/audit/events?sort=position',
  ]) {
    const refused = expectStatus(await admin.get(`${path}&cursor=${body.nextCursor}`), 400);
    assert.is(refused.body.code, 'cursor-mismatch', path);
  }
  assert.is((await admin.get('/v1/admin/api-keys?cursor=AAAA')).body.code, 'cursor-mismatch');
  for (const query of ['colour=red', 'status=gone', 'limit=0', 'limit=201', 'createdBefore=yesterday', 'sort=mask']) {
    const refused = expectStatus(await admin.get(`/v1/admin/api-keys?${query}`), 400);
    assert.is(refused.body.code, 'validation-failed', query);
  }
});

s('inactive keys are found, by the use that services reported as well', async () => {
  const [busy, idle] = all.filter(({ status }) => status === 'active') as [KeyForAdministrators, KeyForAdministrators];
  const { clock, vault, lists } = app.bed;
  const lastUse = createLastUse({
    table: sealedTable<UseRow>(vault, 'last-use', app.boxes),
    clock,
    scheduler: hurriedScheduler(clock),
    onWritten: showLastUse(lists),
  });
  const hourAgo = clock.now() - 3_600_000;
  // As POST /v1/usage marks it.
  lastUse.mark(busy.id, busy.ownerId, hourAgo, '192.0.2.7');
  lastUse.mark(idle.id, idle.ownerId, hourAgo - 86_400_000, '192.0.2.8');
  assert.is(await lastUse.flush(), 2);
  const find = async (query: string) => ids(await everything(admin, `/v1/admin/api-keys?${query}`));
  const since = new Date(hourAgo - 1_000).toISOString();
  const unused = await find(`unusedSince=${since}&status=active`);
  assert.ok(unused.includes(idle.id) && !unused.includes(busy.id));
  const wanted = all.filter(({ id, status, createdAt }) => status === 'active' && id !== busy.id && createdAt < since);
  assert.equal(unused, ids(wanted));
  assert.equal(await find('lastUsedIp=192.0.2.7'), [busy.id]);
  assert.equal((await find('sort=-lastUsedAt')).slice(0, 2), [busy.id, idle.id]);
  const [shown] = await everything(admin, '/v1/admin/api-keys?lastUsedIp=192.0.2.7');
  assert.equal([shown?.lastUsedAt, shown?.lastUsedIp], [new Date(hourAgo).toISOString(), '192.0.2.7']);
});

s('keeps everybody out who may not read keys', async () => {
  const member = app.as(people[0]!.id);
  for (const path of ['/v1/admin/api-keys', '/v1/admin/api-keys/export?format=csv', `/v1/admin/api-keys/${all[0]!.id}`])
    assert.is(expectStatus(await member.get(path), 403).body.code, 'forbidden');
  expectStatus(await app.nobody.get('/v1/admin/api-keys'), 401);
});

s('answers as of when, waits for its own writes, and says 503 for what it has not reached', async () => {
  app.holdLists(true);
  try {
    const late = await app.run(app.commands.createApiKey, {
      ownerId: people[0]!.id,
      name: 'late',
      expiresAt: null,
      scopes: ['streams:read'],
    });
    const { body } = expectStatus(await admin.get('/v1/admin/api-keys?limit=1'), 200);
    assert.is.not(body.items[0].id, late.keyId);
    assert.ok(body.asOf.lagMs >= 1000, 'it waited a second for its own write');
    assert.ok(body.asOf.position < app.reader.position()!);
    const behind = await admin.get('/v1/admin/api-keys', { 'keyledger-min-position': app.reader.position()! });
    assert.is(expectStatus(behind, 503).body.code, 'not-caught-up');
    assert.is(behind.headers.get('retry-after'), '1');
    app.holdLists(false);
    const caughtUp = await admin.get('/v1/admin/api-keys?limit=1', {
      'keyledger-min-position': app.reader.position()!,
    });
    assert.is(expectStatus(caughtUp, 200).body.items[0].id, late.keyId);
    assert.is(caughtUp.body.asOf.lagMs, 0);
  } finally {
    app.holdLists(false);
  }
});

s('revoke a key for good, with the reason in its history, and see who has confirmed', async () => {
  const { keyId } = await app.run(app.commands.createApiKey, {
    ownerId: people[0]!.id,
    name: 'stolen',
    expiresAt: null,
    scopes: ['streams:read'],
  });
  const path = `/v1/admin/api-keys/${keyId}`;
  const heardAt = new Date(app.bed.clock.now()).toISOString();
  const told = { instance: null, epoch: app.reader.feed().epoch()!, at: heardAt };
  const at = (name: string, position: string) => ({ ...told, name, position });
  await app.acknowledgements.put('early/', at('early', app.reader.position()!), 'any', { ref: 'early' });
  assert.equal((await admin.get(path)).body.delivery, [], 'nothing to confirm yet');

  const revoked = expectStatus(await admin.post(`${path}/revoke`, { reason: 'seen on a forum' }), 200);
  assert.is(revoked.body.status, 'revoked');
  assert.is(revoked.body.revokedReason, 'administrator');
  assert.is(revoked.body.revokedNote, 'seen on a forum');
  assert.is(revoked.body.owner.email, people[0]!.email);
  const again = expectStatus(await admin.post(`${path}/revoke`), 200);
  assert.is(again.body.revokedAt, revoked.body.revokedAt);
  expectStatus(await admin.delete(path), 204);

  const position = revoked.headers.get('keyledger-position')!;
  await app.acknowledgements.put('both/a', { ...at('both', position), instance: 'a' }, 'any', { ref: 'both' });
  await app.acknowledgements.put('both/b', { ...at('both', '0'.repeat(position.length)), instance: 'b' }, 'any', {
    ref: 'both',
  });
  await app.acknowledgements.put('quick/', at('quick', position), 'any', { ref: 'quick' });
  assert.equal((await admin.get(path)).body.delivery, [
    { subscriber: 'both', acknowledgedAt: null },
    { subscriber: 'early', acknowledgedAt: null },
    { subscriber: 'quick', acknowledgedAt: told.at },
  ]);
  const { body } = expectStatus(await admin.get(`/v1/audit/keys/${keyId}`), 200);
  assert.equal(
    body.events.map(({ type }: { type: string }) => type),
    ['ApiKeyCreated', 'ApiKeyRevoked'],
  );
  assert.is(body.events[1].reason, 'seen on a forum');
  assert.is(body.events[1].actor.kind, 'admin');
});

s('counts a confirmation from the first of several ends on', async () => {
  const owner = await app.register({ email: 'leaving@example.com' });
  const make = (name: string) =>
    app.run(app.commands.createApiKey, { ownerId: owner, name, expiresAt: null, scopes: ['streams:read'] });
  const [first, second] = [await make('revoked first'), await make('ended with its owner')];
  const revoked = expectStatus(await admin.post(`/v1/admin/api-keys/${first.keyId}/revoke`), 200);
  const told = { name: 'between', instance: null, epoch: app.reader.feed().epoch()!, at: '2027-01-01T00:00:00.000Z' };
  const position = revoked.headers.get('keyledger-position')!;
  await app.acknowledgements.put('between/', { ...told, position }, 'any', { ref: 'between' });
  await app.run(app.commands.deactivateUser, { userId: owner, reason: null });
  const confirmed = async ({ keyId }: { keyId: string }) => {
    const { body } = expectStatus(await admin.get(`/v1/admin/api-keys/${keyId}`), 200);
    return body.delivery.find(({ subscriber }: { subscriber: string }) => subscriber === 'between').acknowledgedAt;
  };
  assert.is(await confirmed(first), told.at);
  assert.is(await confirmed(second), null);
});

s('delete a key, and know none that is not there', async () => {
  const { keyId } = await app.run(app.commands.createApiKey, {
    ownerId: people[0]!.id,
    name: 'old',
    expiresAt: null,
    scopes: ['streams:read'],
  });
  expectStatus(await admin.delete(`/v1/admin/api-keys/${keyId}`), 204);
  const { body } = expectStatus(await admin.get(`/v1/admin/api-keys/${keyId}`), 200);
  assert.is(body.revokedReason, 'administrator');
  const missing = '/v1/admin/api-keys/00000000-0000-7000-8000-000000000000';
  expectStatus(await admin.get(missing), 404);
  expectStatus(await admin.post(`${missing}/revoke`), 404);
  expectStatus(await admin.delete(missing), 404);
  expectStatus(await admin.get('/v1/admin/api-keys/nonsense'), 404);
  const reader = await app.register({ email: 'auditor@example.com', roles: ['auditor'] });
  assert.is(expectStatus(await app.as(reader).post(`/v1/admin/api-keys/${keyId}/revoke`), 403).body.code, 'forbidden');
});

s('see whose a key is without ending it, and that they asked is put down', async () => {
  const created = await app.execute(
    app.commands.createApiKey,
    { ownerId: people[0]!.id, name: 'found', expiresAt: null, scopes: ['streams:read'] },
    app.bed.request(),
  );
  if (!('secret' in created) || created.secret === undefined) throw new Error('no key was made');
  const found = expectStatus(await admin.post('/v1/admin/identify', { key: created.secret.text }), 200);
  assert.is(found.body.id, created.result.keyId);
  assert.is(found.body.status, 'active');
  expectStatus(await admin.post('/v1/admin/identify', { key: 'api_nothing' }), 404);
  const { body } = expectStatus(await admin.get(`/v1/audit/events?type=KeyIdentified`), 200);
  assert.equal(body.items.length, 1);
  assert.equal(body.items[0].subject, { kind: 'key', id: created.result.keyId });
  assert.not.match(JSON.stringify(body), new RegExp(created.secret.text));
});

s.run();
