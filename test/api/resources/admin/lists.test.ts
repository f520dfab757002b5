import * as assert from 'uvu/assert';
import { apiKeysList } from '../../../../projections/lists/apiKeys.ts';
import { auditEventsList } from '../../../../projections/lists/auditEvents.ts';
import { usersList } from '../../../../projections/lists/users.ts';
import type { OpenedProjection } from '../../../../projections/projection.ts';
import { showLastUse } from '../../../../workers/lastUseFlusher.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';
import { runUntil } from '../../../support/workerBed.ts';

const s = suite('administration of lists');

let app: WholeApp;
let admin: Client;
let owner: string;
let other: string;
let poisoned = true;

/** A list that cannot take keys of one name, until it is mended. */
const fragile: OpenedProjection = {
  ...apiKeysList,
  apply: (event, read) => {
    if (poisoned && event.type === 'ApiKeyCreated' && event.data.name === 'poison') throw new Error('cannot take this');
    return apiKeysList.apply(event, read);
  },
};

const key = (ownerId: string, name: string) =>
  app.run(app.commands.createApiKey, { ownerId, name, expiresAt: null }, ownerId);

const settled = async () => {
  await app.projector.catchUp();
};

const shown = async (name: string) => {
  const { body } = expectStatus(await admin.get('/v1/admin/lists'), 200);
  return body.items.find((list: { name: string }) => list.name === name);
};

const names = async (ownerId: string): Promise<readonly string[]> => {
  const { body } = expectStatus(await admin.get(`/v1/admin/api-keys?owner=${ownerId}&sort=createdAt`), 200);
  return body.items.map(({ name }: { name: string }) => name);
};

s.before.each(async () => {
  poisoned = true;
  app = await startWholeApp({ projections: [usersList, fragile, auditEventsList] });
  await app.run(app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
  admin = app.as(await app.register({ email: 'admin@example.com', roles: ['admin'] }));
  owner = await app.register({ email: 'ada@example.com' });
  other = await app.register({ email: 'bob@example.com' });
  await key(owner, 'before');
  app.bed.clock.advance(1000);
  await key(owner, 'poison');
  app.bed.clock.advance(1000);
  await key(owner, 'after');
  await key(other, 'unharmed');
  await settled();
});

s.after.each(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

s('shows what waits, where and why, while everything else goes on', async () => {
  const { parked, state, lagMs, rebuild, position } = await shown('apiKeys');
  assert.is(state, 'live');
  assert.is(lagMs, 0);
  assert.is(rebuild, null);
  assert.is(position, app.reader.position());
  assert.is(parked.length, 1);
  const { since, eventId, position: at, ...said } = parked[0];
  assert.equal(said, { stream: `keyring-${owner}`, revision: 1, type: 'ApiKeyCreated', error: 'cannot take this' });
  assert.is((await app.store.readAt(at))?.id, eventId);
  assert.match(since, /^2027-/);
  assert.equal((await shown('users')).parked, []);
  assert.equal(await names(owner), ['before']);
  assert.equal(await names(other), ['unharmed']);
  const ready = expectStatus(await app.nobody.get('/readyz'), 200);
  assert.is(ready.body.checks.lists.ok, false);
});

s('tries a waiting stream again, in vain or with success', async () => {
  const body = { stream: `keyring-${owner}` };
  assert.equal(expectStatus(await admin.post('/v1/admin/lists/apiKeys/retry', body), 200).body, { resumed: false });
  assert.is((await shown('apiKeys')).parked.length, 1);
  poisoned = false;
  assert.equal(expectStatus(await admin.post('/v1/admin/lists/apiKeys/retry', body), 200).body, { resumed: true });
  assert.equal((await shown('apiKeys')).parked, []);
  assert.equal(await names(owner), ['before', 'poison', 'after']);
});

s('lets one event pass, and says so in the log first', async () => {
  const body = { stream: `keyring-${owner}` };
  const skipped = expectStatus(await admin.post('/v1/admin/lists/apiKeys/skip', body), 200);
  assert.equal(skipped.body, { resumed: true });
  assert.equal(await names(owner), ['before', 'after']);
  const events = expectStatus(await admin.get('/v1/audit/events?type=ProjectionSkipped'), 200).body.items;
  assert.is(events.length, 1);
  assert.equal(events[0].data, { list: 'apiKeys', stream: body.stream, fromRevision: 1, toRevision: 1 });
  assert.is(events[0].actor.label, 'admin@example.com');
  assert.is(skipped.headers.get('keyledger-position'), events[0].position);
});

s('lets nothing pass that cannot be put down', async () => {
  app.failAppends(true);
  expectStatus(await admin.post('/v1/admin/lists/apiKeys/skip', { stream: `keyring-${owner}` }), 503);
  app.failAppends(false);
  assert.is((await shown('apiKeys')).parked.length, 1);
});

s('knows no other list, and no other stream that waits', async () => {
  for (const call of ['retry', 'skip']) {
    expectStatus(await admin.post(`/v1/admin/lists/nothing/${call}`, { stream: `keyring-${owner}` }), 404);
    expectStatus(await admin.post(`/v1/admin/lists/apiKeys/${call}`, { stream: `keyring-${other}` }), 404);
    expectStatus(await admin.post(`/v1/admin/lists/users/${call}`, { stream: `keyring-${owner}` }), 404);
    expectStatus(await admin.post(`/v1/admin/lists/apiKeys/${call}`, {}), 400);
  }
  expectStatus(await admin.post('/v1/admin/lists/nothing/rebuild', {}), 404);
});

s('fills a list anew beside the one that answers', async () => {
  poisoned = false;
  const begun = expectStatus(await admin.post('/v1/admin/lists/apiKeys/rebuild', {}), 202);
  assert.is(begun.body.name, 'apiKeys');
  assert.is(begun.body.rebuild.position, null);
  assert.is(begun.body.rebuild.done, 0);
  assert.is(begun.body.parked.length, 1, 'the present one still answers');
  await runUntil([app.projector], async () => (await shown('apiKeys')).rebuild === null);
  assert.equal((await shown('apiKeys')).parked, []);
  assert.equal(await names(owner), ['before', 'poison', 'after']);
});

s('is for operators', async () => {
  const auditor = app.as(await app.register({ email: 'auditor@example.com', roles: ['auditor'] }));
  expectStatus(await auditor.get('/v1/admin/lists'), 403);
  for (const call of ['retry', 'skip'])
    expectStatus(await auditor.post(`/v1/admin/lists/apiKeys/${call}`, { stream: `keyring-${owner}` }), 403);
  expectStatus(await auditor.post('/v1/admin/lists/apiKeys/rebuild', {}), 403);
});

s('counts of users, keys and subscribers', async () => {
  poisoned = false;
  expectStatus(await admin.post('/v1/admin/lists/apiKeys/retry', { stream: `keyring-${owner}` }), 200);
  const day = 86_400_000;
  const at = (days: number) => new Date(app.bed.clock.now() + days * day).toISOString();
  await app.run(app.commands.createApiKey, { ownerId: owner, name: 'soon', expiresAt: at(96) }, owner);
  await app.run(app.commands.createApiKey, { ownerId: owner, name: 'later', expiresAt: at(99) }, owner);
  await app.run(app.commands.createApiKey, { ownerId: owner, name: 'over', expiresAt: at(1) }, owner);
  const ended = await key(owner, 'ended');
  await app.run(app.commands.revokeKey, { ...ended, reason: 'owner', note: null }, owner);
  app.bed.clock.advance(91 * day);
  await key(owner, 'new');
  await app.run(app.commands.deactivateUser, { userId: other, reason: null });
  const told = { instance: null, epoch: 'epoch-1', position: '0', at: at(0) };
  for (const name of ['billing', 'reports'])
    await app.acknowledgements.put(`${name}/`, { ...told, name }, 'any', { ref: name });
  await app.acknowledgements.put('billing/2', { ...told, name: 'billing', instance: '2' }, 'any', { ref: 'billing' });
  const { body } = expectStatus(await admin.get('/v1/admin/summary'), 200);
  const { asOf, ...counts } = body;
  assert.equal(counts, {
    users: { invited: 0, active: 2, deactivated: 1, deleted: 0, erased: 0 },
    // Active: before, poison, after, soon, later, new. Ended: by revocation, and bob's by his deactivation.
    keys: { active: 6, expired: 1, revoked: 2, expiringSoon: 1, neverExpiring: 4, unused: 5 },
    subscribers: 2,
  });
  assert.equal(asOf, { position: app.reader.position(), lagMs: 0 });

  // A use that a service reported counts here as it does in the list.
  const listed = async () => {
    const query = `unusedSince=${at(-90)}&status=active&count=true`;
    return expectStatus(await admin.get(`/v1/admin/api-keys?${query}`), 200).body;
  };
  const unused = await listed();
  assert.is(unused.total, 5);
  await showLastUse(app.bed.lists)([{ keyId: unused.items[0].id, at: at(-1), ip: null }]);
  app.bed.clock.advance(10_000);
  assert.is((await listed()).total, 4);
  assert.is(expectStatus(await admin.get('/v1/admin/summary'), 200).body.keys.unused, 4);
  expectStatus(await app.as(owner).get('/v1/admin/summary'), 403);
});

s.run();
