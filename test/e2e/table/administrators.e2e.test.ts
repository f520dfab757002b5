import * as assert from 'uvu/assert';
import { clientOf, expectStatus } from '../../support/client.ts';
import { eventually } from '../../support/eventually.ts';
import { inDays, type Person } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { type Preset, presets, refused, startTable, type TableServer } from '../../support/tableServer.ts';

// What administrators do with keys; with users and roles: administratorsOfUsers.e2e.test.ts.

const s = suite<{ of: TableServer; owner: Person; single: Person; keys: readonly Key[] }>(
  'administrators of keys, line by line',
);

const path = '/v1/admin/api-keys';

// biome-ignore lint/suspicious/noExplicitAny: keys are compared as they were answered
type Key = any;

s.before(async (context) => {
  const of = await startTable();
  const owner = await of.person({ fullName: '=cmd|calc', groups: ['dev'], organizations: ['acme'] });
  const keys: Key[] = [];
  // The one that `aip` keeps is made before the others: there it would end them.
  for (const preset of ['aip', 'qalyptus', 'idmp', 'helmut'] as const) {
    await use(of, preset);
    keys.push(await of.key(owner, preset, preset === 'aip' ? {} : { name: `@${preset}` }));
  }
  // Whose key a new one under `aip` ends.
  const single = await of.person();
  Object.assign(context, { of, owner, single, keys });
});
s.after(({ of }) => of.stop());

const use = async (of: TableServer, preset: Preset) => {
  expectStatus(await of.admin.put('/v1/admin/policy', { preset, enabled: true }), 200);
};

/** Pages of one each. */
const listed = async (of: TableServer, query: string): Promise<Key[]> => {
  const items: Key[] = [];
  for (let cursor = ''; ; ) {
    const { body } = expectStatus(await of.admin.get(`${path}?limit=2&${query}${cursor}`), 200);
    items.push(...body.items);
    if (body.nextCursor === null) return items;
    cursor = `&cursor=${body.nextCursor}`;
  }
};

const idsOf = (items: readonly Key[]) => items.map(({ id }) => id);

s('qalyptus · administrators: all keys of everybody, with owner, created, expiry and status', async (context) => {
  const { of, owner, keys } = context;
  await of.underEach(async (preset) => {
    const all = await listed(of, `owner=${owner.id}`);
    assert.equal(idsOf(all), idsOf(keys).reverse(), `newest first, under ${preset}`);
    for (const [n, shown] of all.entries()) {
      const { key, ...made } = keys[keys.length - 1 - n];
      assert.equal(shown.owner, {
        id: owner.id,
        email: owner.email,
        displayName: '=cmd|calc',
        status: 'active',
      });
      assert.equal([shown.createdAt, shown.expiresAt, shown.status], [made.createdAt, made.expiresAt, 'active']);
      assert.equal([shown.mask, shown.createdIp, shown.createdBy], [made.mask, '127.0.0.1', made.createdBy]);
      assert.not.ok(JSON.stringify(shown).includes(key), 'never its text');
      const { delivery, ...one } = expectStatus(await of.admin.get(`${path}/${shown.id}`), 200).body;
      assert.equal([one, delivery], [shown, []]);
    }
  });
  for (const call of [path, `${path}/${keys[0].id}`, `${path}/export?format=csv`])
    assert.equal(refused(await owner.client.get(call)), [403, 'forbidden'], call);
});

s(
  'all · administrators: every filter of the list of keys finds what it says, in pages, and counts',
  async (context) => {
    const { of, owner, keys } = context;
    const [aip, qalyptus, idmp, helmut] = idsOf(keys);
    const then = keys[1].createdAt;
    const all = [helmut, idmp, qalyptus, aip];
    const wanted: readonly (readonly [string, readonly string[]])[] = [
      [`owner=${owner.id}`, all],
      [`owner=${owner.email.toUpperCase()}`, all],
      ['ownerStatus=active', all],
      ['ownerStatus=deactivated', []],
      ['role=member', all],
      ['role=guest', []],
      ['group=dev', all],
      ['group=ops', []],
      ['organization=acme', all],
      ['organization=other', []],
      ['status=active', all],
      ['status=expired,revoked', []],
      ['q=IDMP', [idmp]],
      // A key without scopes has those of its owner.
      ['scope=reports:read', all],
      ['scope=reports:run', [idmp, qalyptus, aip]],
      [`createdBy=${owner.id}`, all],
      ['createdIp=127.0.0.1', all],
      ['createdIp=192.0.2.1', []],
      ['lastUsedIp=127.0.0.1', []],
      [`createdBefore=${then}`, [aip]],
      [`createdAfter=${then}`, [helmut, idmp]],
      [`expiresBefore=${inDays(31)}`, [qalyptus]],
      [`expiresAfter=${inDays(31)}`, []],
      [`unusedSince=${then}`, [aip]],
      ['neverExpires=true', [helmut, idmp, aip]],
      ['neverExpires=false', [qalyptus]],
      ['sort=createdAt', [...all].reverse()],
      ['neverExpires=true&scope=reports:run&status=active&group=dev', [idmp, aip]],
    ];
    await of.inTurn();
    for (const [query, ids] of wanted) {
      assert.equal(idsOf(await listed(of, query)), ids, query);
      assert.is((await of.admin.get(`${path}?${query}&count=true&limit=1`)).body.total, ids.length, query);
    }
    for (const query of ['colour=red', 'status=gone', 'limit=201', 'createdBefore=yesterday', 'sort=mask'])
      assert.equal(refused(await of.admin.get(`${path}?${query}`)), [400, 'validation-failed'], query);
  },
);

const exported = async (of: TableServer, query: string) => {
  const answer = expectStatus(await of.admin.get(`${path}/export?${query}`), 200);
  return { ...answer, text: String(answer.body) };
};

s('all · administrators: export keys as CSV, in which no spreadsheet finds a formula', async ({ of, keys }) => {
  await of.underEach(async () => {
    const { text, headers } = await exported(of, 'format=csv&sort=createdAt');
    assert.match(headers.get('content-type')!, /^text\/csv/);
    assert.is(headers.get('content-disposition'), 'attachment; filename="api-keys.csv"');
    const [head, ...rows] = text.trimEnd().split('\r\n');
    assert.match(head!, /^id,ownerId,ownerEmail,ownerDisplayName,/);
    assert.equal(
      rows.map((row) => row.split(',')[0]),
      idsOf(keys),
    );
    for (const row of rows)
      assert.ok(
        row.split(',').every((cell) => !/^"?[=+@-]/.test(cell)),
        row,
      );
    assert.match(text, "'=cmd|calc");
    assert.match(text, "'@idmp");
    for (const { key } of keys) assert.not.ok(text.includes(key));
  });
});

s('all · administrators: export all keys, a page of the list at a time', async ({ of, keys }) => {
  await of.underEach(async () => {
    const { text, headers } = await exported(of, 'format=ndjson&sort=createdAt');
    assert.match(headers.get('content-type')!, /^application\/x-ndjson/);
    const lines = text.trimEnd().split('\n');
    assert.equal(
      lines.map((line) => JSON.parse(line).id),
      idsOf(keys),
    );
  });
  const { body } = await of.admin.get('/v1/audit/events?type=KeysExported&limit=1');
  assert.equal(
    body.items[0].data,
    { filter: { sort: 'createdAt' }, format: 'ndjson' },
    'it stands in the log that they were taken out',
  );
});

s('all · administrators: see whose a key is without ending it, and that they asked is put down', async (context) => {
  const { of, owner, keys } = context;
  await of.underEach(async () => {
    for (const { key, id } of keys) {
      const found = expectStatus(await of.admin.post('/v1/admin/identify', { key: `${key}\n` }), 200).body;
      assert.equal([found.id, found.owner.id, found.status, found.key], [id, owner.id, 'active', undefined]);
    }
    const unknown = `${'A'.repeat(8)}.${'B'.repeat(32)}`;
    assert.equal(refused(await of.admin.post('/v1/admin/identify', { key: unknown })), [404, 'not-found']);
  });
  const { body } = await of.admin.get('/v1/audit/events?type=KeyIdentified&count=true&limit=1');
  assert.equal([body.total, body.items[0].subject.kind], [keys.length * presets.length, 'key']);
});

s('qalyptus · administrators: inactive keys are found, by the use that services reported as well', async (context) => {
  const { of, keys } = context;
  const reporter = await of.service('verify');
  const [aip, qalyptus, idmp, helmut] = idsOf(keys);
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString();
  const use = (keyId: string, lastAt: string, ip: string) => ({ keyId, lastAt, count: 3, ip });
  const now = new Date().toISOString();
  const items = [use(qalyptus, hourAgo, '192.0.2.7'), use(idmp, now, '192.0.2.8')];
  expectStatus(await reporter.post('/v1/usage', { items }), 204);
  const since = new Date(Date.parse(keys.at(-1).createdAt) + 1).toISOString();
  // It is written down a while later, without a write per use.
  const unused = async () => idsOf(await listed(of, `unusedSince=${since}`));
  await eventually(async () => (await unused()).length === 3, 'the use of one is known', 200);
  await of.underEach(async (preset) => {
    assert.equal(await unused(), [helmut, qalyptus, aip], preset);
    assert.equal(idsOf(await listed(of, 'lastUsedIp=192.0.2.8')), [idmp]);
    assert.equal(idsOf(await listed(of, 'sort=-lastUsedAt')).slice(0, 2), [idmp, qalyptus]);
  });
  const shown = (await of.admin.get(`${path}/${qalyptus}`)).body;
  assert.equal([shown.lastUsedAt, shown.lastUsedIp], [hourAgo, '192.0.2.7']);
});

s(
  'qalyptus · administrators: revoke a key for good, with the reason in its history, and see who has confirmed',
  async (context) => {
    const { of, owner, single } = context;
    const subscriber = await of.service('revocations:read');
    await of.underEach(async (preset) => {
      const holder = preset === 'aip' ? single : owner;
      const { id, key } = await of.key(holder, preset);
      const reason = `seen on a forum, ${preset}`;
      const revoked = expectStatus(await of.admin.post(`${path}/${id}/revoke`, { reason }), 200);
      const { status, revokedReason, revokedNote, revokedAt } = revoked.body;
      assert.equal([status, revokedReason, revokedNote], ['revoked', 'administrator', reason]);
      assert.equal(refused(await clientOf(of.server, { 'x-api-key': key }).get('/v1/me')), [401, 'invalid-key']);
      const again = expectStatus(await of.admin.post(`${path}/${id}/revoke`, { reason: 'another' }), 200).body;
      assert.equal([again.revokedAt, again.revokedNote], [revokedAt, reason], 'final');
      const position = revoked.headers.get('keyledger-position');
      const { epoch } = (await subscriber.get('/v1/revocations?limit=1')).body;
      expectStatus(await subscriber.post('/v1/revocations/ack', { epoch, position }), 204);
      const { delivery } = (await of.admin.get(`${path}/${id}`)).body;
      assert.is(delivery.length, 1);
      assert.ok(delivery[0].acknowledgedAt >= revokedAt);
      const { events } = expectStatus(await of.admin.get(`/v1/audit/keys/${id}`), 200).body;
      assert.equal(
        events.map(({ type }: { type: string }) => type),
        ['ApiKeyCreated', 'ApiKeyRevoked'],
      );
      assert.equal([events[1].reason, events[1].actor.kind], [reason, 'admin']);
      assert.is((await holder.client.get(`/v1/api-keys/${id}`)).body.revokedNote, reason, 'and its owner sees why');
    });
  },
);

s('qalyptus · administrators: delete a key, and know none that is not there', async ({ of, owner }) => {
  const preset = await of.inTurn();
  const { id } = await of.key(owner, preset === 'aip' ? 'idmp' : preset);
  for (let n = 0; n < 2; n += 1) expectStatus(await of.admin.delete(`${path}/${id}`), 204);
  assert.is((await of.admin.get(`${path}/${id}`)).body.revokedReason, 'administrator');
  for (const missing of [`${path}/01890000-0000-7000-8000-000000000000`, `${path}/nonsense`])
    for (const call of [of.admin.get(missing), of.admin.post(`${missing}/revoke`), of.admin.delete(missing)])
      assert.equal(refused(await call), [404, 'not-found']);
  const auditor = await of.person({ roles: ['auditor'] });
  assert.is((await auditor.client.get(path)).status, 200);
  assert.equal(refused(await auditor.client.post(`${path}/${id}/revoke`)), [403, 'forbidden']);
});

s('all · administrators: paste keys found in the wild, they end at once and it is put down', async (context) => {
  const { of, owner, single } = context;
  const before = of.mailsTo(owner.email).length;
  await of.underEach(async (preset) => {
    const holder = preset === 'aip' ? single : owner;
    const { key, mask, id } = await of.key(holder, preset);
    const unknown = `${'A'.repeat(8)}.${'B'.repeat(32)}`;
    const source = `https://paste.example.com/${preset}`;
    const { body } = expectStatus(await of.admin.post('/v1/admin/leaks', { keys: [key, unknown], source }), 200);
    assert.equal(body.results, [
      { mask, status: 'revoked' },
      { mask: 'AAAA…BBBB', status: 'unknown' },
    ]);
    assert.equal(refused(await clientOf(of.server, { 'x-api-key': key }).get('/v1/me')), [401, 'invalid-key']);
    const { revokedReason, revokedNote } = (await of.admin.get(`${path}/${id}`)).body;
    assert.equal([revokedReason, revokedNote], ['leak', source]);
  });
  const { body } = await of.admin.get('/v1/audit/events?type=LeakReported&count=true&limit=1');
  assert.equal([body.total, body.items[0].data.revoked], [presets.length, 1]);
  await of.mail(owner.email, before + 1);
});

s('all · administrators: counts of users, keys and subscribers', async ({ of, owner, single }) => {
  const counts = async () => expectStatus(await of.admin.get('/v1/admin/summary'), 200).body;
  await of.underEach(async (preset) => {
    const before = await counts();
    const { id } = await of.key(preset === 'aip' ? single : owner, preset);
    const more = await counts();
    assert.is(more.keys.active, before.keys.active + 1);
    assert.is(more.keys.neverExpiring, before.keys.neverExpiring + (preset === 'qalyptus' ? 0 : 1));
    await of.admin.delete(`${path}/${id}`);
    const after = await counts();
    assert.equal(
      [after.keys.active, after.keys.revoked, after.subscribers],
      [before.keys.active, before.keys.revoked + 1, 1],
    );
  });
  const { id } = await of.make();
  const before = (await counts()).users;
  expectStatus(await of.admin.post(`/v1/admin/users/${id}/deactivate`), 200);
  assert.equal((await counts()).users, { ...before, active: before.active - 1, deactivated: before.deactivated + 1 });
});

s(
  'all · administrators: of a policy it is told before what it would stop, and that is what it stops',
  async (context) => {
    const { of } = context;
    await use(of, 'idmp');
    const [guest, member] = [await of.person({ roles: ['guest'] }), context.single];
    const made = [await of.key(guest, 'idmp'), await of.key(guest, 'idmp'), await of.key(member, 'idmp')];
    const verifier = await of.service('verify');
    const codes = async (): Promise<readonly string[]> =>
      Promise.all(made.map(async ({ key }) => (await verifier.post('/v1/verify', { key })).body.code));
    const preview = async (policy: object) =>
      expectStatus(await of.admin.post('/v1/admin/policy/preview', policy), 200).body;
    assert.equal(await preview({ preset: 'helmut' }), { keysAffected: 0, usersAffected: 0, sample: [] });
    const role = await preview({ requireRole: true });
    assert.equal([role.keysAffected, role.usersAffected], [2, 1]);
    assert.equal(
      role.sample.map(({ id, unusableBecause }: Key) => [id, unusableBecause]),
      made.slice(0, 2).map(({ id }) => [id, 'role-not-permitted']),
    );
    const off = await preview({ preset: 'qalyptus' });
    const { total } = (await of.admin.get(`${path}?status=active&count=true&limit=1`)).body;
    assert.is(off.keysAffected, total, 'every key there is');
    assert.equal(await codes(), ['valid', 'valid', 'valid'], 'nothing has changed');
    expectStatus(await of.admin.put('/v1/admin/policy', { requireRole: true }), 200);
    assert.equal(await codes(), ['role-not-permitted', 'role-not-permitted', 'valid']);
    expectStatus(await of.admin.put('/v1/admin/policy', { preset: 'qalyptus' }), 200);
    assert.equal(await codes(), Array(3).fill('api-keys-disabled'));
  },
);

s.run();
