import * as assert from 'uvu/assert';
import { keyIdsOf, subjectOf } from '../../../../domain/events.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { makeKeyWorld, type WorldUser } from '../../../support/keyWorld.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';
import { wholeLog } from '../../../support/workerBed.ts';

const s = suite('audit events');

type Event = Awaited<ReturnType<typeof wholeLog>>[number];

let app: WholeApp;
let auditor: Client;
let auditorId: string;
let admin: Client;
let adminId: string;
let people: readonly WorldUser[];
let log: readonly Event[];

s.before(async () => {
  app = await startWholeApp();
  const world = await makeKeyWorld(app, { users: 3, keys: 20, seed: 3 });
  people = world.people;
  adminId = world.admin;
  admin = app.as(adminId);
  auditorId = await app.register({ email: 'auditor@example.com', roles: ['auditor'] });
  auditor = app.as(auditorId);
  await app.run(app.commands.deactivateUser, { userId: people[0]!.id, reason: 'left' }, adminId);
  log = await wholeLog(app.bed.store, app.codec);
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const eventIds = async (query: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = `/v1/audit/events?${query}&limit=9${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { body } = expectStatus(await auditor.get(page), 200);
    found.push(...body.items.map(({ eventId }: { eventId: string }) => eventId));
    cursor = body.nextCursor;
    if (cursor === null) return found;
  }
};

const about = (event: Event, kind: string, id: string) => {
  const subject = subjectOf(event as never);
  if (subject.kind === kind && subject.id === id) return true;
  return kind === 'key'
    ? keyIdsOf(event as never).includes(id)
    : subject.kind === 'key' && event.stream.endsWith(`-${id}`);
};

s('answers every filter as it reads, newest first or in the order of the log', async () => {
  const user = people[1]!.id;
  const created = log.filter(({ type }) => type === 'ApiKeyCreated');
  const keyId = created[4]!.data.keyId as string;
  const [from, to] = [created[2]!.metadata.at, created[9]!.metadata.at];
  const { position, metadata } = created[6]!;
  const filters: readonly (readonly [string, (event: Event) => boolean])[] = [
    ['', () => true],
    [`subject=user:${user}`, (event) => about(event, 'user', user)],
    [`subject=${user}`, (event) => about(event, 'user', user)],
    [`subject=key:${keyId}`, (event) => about(event, 'key', keyId)],
    ['subject=policy:policy', (event) => event.type === 'KeyPolicyChanged'],
    [`key=${keyId}`, (event) => keyIdsOf(event as never).includes(keyId)],
    [`actor=${adminId}`, (event) => event.metadata.actor.id === adminId],
    ['type=ApiKeyCreated,UserRegistered', ({ type }) => type === 'ApiKeyCreated' || type === 'UserRegistered'],
    [`from=${from}&to=${to}`, (event) => event.metadata.at >= from && event.metadata.at < to],
    [`correlation=${metadata.correlationId}`, (event) => event.metadata.correlationId === metadata.correlationId],
    [`after=${position}`, (event) => event.position > position],
    [`after=${position}&type=ApiKeyCreated`, (event) => event.position > position && event.type === 'ApiKeyCreated'],
  ];
  for (const [query, wanted] of filters) {
    const expected = log.filter(wanted).map(({ eventId }) => eventId);
    assert.ok(expected.length > 0, `${query} finds something`);
    assert.equal(await eventIds(`${query}&sort=position`), expected, query);
    assert.equal(await eventIds(query), expected.reverse(), query);
  }
});

s('shows events opened, without secrets, with the names of who acted', async () => {
  const { body } = expectStatus(await auditor.get('/v1/audit/events?type=ApiKeyCreated&limit=1'), 200);
  const [event] = body.items;
  assert.match(event.data.name, /^key \d+/);
  assert.is(event.data.secretHash, undefined);
  assert.is(event.personal, 'present');
  const names = new Map([[adminId, 'admin@example.com'], ...people.map(({ id }, i) => [id, `Ada ${i}`] as const)]);
  assert.is(event.actor.label, names.get(event.actor.id));
  const [deactivated] = expectStatus(await auditor.get('/v1/audit/events?type=UserDeactivated'), 200).body.items;
  assert.is(deactivated.reason, 'left');
});

s('knows no name and no personal data of who was erased, and still their story', async () => {
  const gone = people[2]!;
  const before = await eventIds(`subject=user:${gone.id}`);
  await app.run(app.commands.eraseUser, { userId: gone.id, reason: null }, adminId);
  await app.keys.destroy(gone.id, new Date(app.bed.clock.now()).toISOString());
  app.folds.drop(gone.id);
  const { body } = expectStatus(await auditor.get(`/v1/audit/events?subject=user:${gone.id}&limit=200`), 200);
  assert.is(body.items.length, before.length + 1);
  assert.not.match(JSON.stringify(body), /Ada 2|user2@example/);
  const registered = body.items.find(({ type }: { type: string }) => type === 'UserRegistered');
  assert.is(registered.personal, 'erased');
  assert.is(registered.data.email, null);
  const { state } = expectStatus(await auditor.get(`/v1/audit/users/${gone.id}`), 200).body;
  assert.is(state.status, 'erased');
  assert.is(state.email, null);
});

s('keeps looking apart from doing: only exports and identification are events', async () => {
  const count = async () => (await wholeLog(app.bed.store, app.codec)).length;
  const before = await count();
  const { keyId } = log.find(({ type }) => type === 'ApiKeyCreated')!.data as { keyId: string };
  for (const path of ['events', 'policy', 'api-keys', `keys/${keyId}`, `users/${people[0]!.id}`])
    expectStatus(await auditor.get(`/v1/audit/${path}`), 200);
  assert.is(await count(), before);
  expectStatus(await auditor.get('/v1/audit/events/export?type=UserErased'), 200);
  assert.is(await count(), before + 1);
});

s('has in a key’s life who asked whose it is', async () => {
  const made = await app.execute(
    app.commands.createApiKey,
    { ownerId: people[1]!.id, name: 'found', expiresAt: null, scopes: ['streams:read'] },
    app.bed.request({ actor: { kind: 'user', id: people[1]!.id } }),
  );
  if (!('secret' in made) || made.secret === undefined) throw new Error('no key was made');
  expectStatus(await admin.post('/v1/admin/identify', { key: made.secret.text }), 200);
  await app.run(app.commands.deactivateUser, { userId: people[1]!.id, reason: null }, adminId);
  const { body } = expectStatus(await auditor.get(`/v1/audit/keys/${made.result.keyId}`), 200);
  const told = body.events.map(({ type, actor }: { type: string; actor: { label: string } }) => [type, actor.label]);
  assert.equal(told, [
    ['ApiKeyCreated', 'Ada 1'],
    ['KeyIdentified', 'admin@example.com'],
    ['UserDeactivated', 'admin@example.com'],
  ]);
  assert.is(body.state.unusableBecause, 'owner-inactive');
});

s('refuses what it does not know, and whoever may not', async () => {
  for (const query of ['type=Nothing', 'key=abc', 'after=xyz!', 'from=yesterday', 'sort=type', 'colour=red'])
    assert.is(expectStatus(await auditor.get(`/v1/audit/events?${query}`), 400).body.code, 'validation-failed', query);
  const member = await app.register({ email: 'member@example.com' });
  expectStatus(await app.as(member).get('/v1/audit/events'), 403);
});

s.run();
