import * as assert from 'uvu/assert';
import type { Fold } from '../../../../domain/decider.ts';
import { policyStream } from '../../../../domain/keyPolicy.ts';
import { keyringFold, keyringStream } from '../../../../domain/keyring.ts';
import { keyView } from '../../../../domain/keyView.ts';
import { effectiveRights, roles, rolesOfUser, rolesStream } from '../../../../domain/roles.ts';
import { policyStanding, settings } from '../../../../domain/settings.ts';
import { userStream } from '../../../../domain/user.ts';
import { user } from '../../../../domain/userDecider.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { makeKeyWorld, type WorldUser } from '../../../support/keyWorld.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';
import { wholeLog } from '../../../support/workerBed.ts';

const s = suite('audit as of a time');

type Log = Awaited<ReturnType<typeof wholeLog>>;

let app: WholeApp;
let auditor: Client;
let people: readonly WorldUser[];
let log: Log;
let times: readonly string[];

s.before(async () => {
  app = await startWholeApp();
  const { commands, run, bed } = app;
  const world = await makeKeyWorld(app, { users: 4, keys: 30, seed: 5 });
  people = world.people;
  const hour = () => bed.clock.advance(3_600_000);
  hour();
  await run(commands.deactivateUser, { userId: people[0]!.id, reason: 'left' });
  hour();
  await run(commands.changeKeyPolicy, { change: { enabled: false } });
  hour();
  await run(commands.reactivateUser, { userId: people[0]!.id });
  hour();
  await run(commands.changeKeyPolicy, { change: { enabled: true } });
  hour();
  await run(commands.editUser, { userId: people[1]!.id, roles: ['guest'], profile: { fullName: 'Ada Changed' } });
  hour();
  await run(commands.editUser, { userId: people[3]!.id, roles: ['member', 'admin'] });
  hour();
  auditor = app.as(await app.register({ email: 'auditor@example.com', roles: ['auditor'] }));
  log = await wholeLog(bed.store, app.codec);
  const all = [...new Set(log.map(({ metadata }) => metadata.at))];
  times = [all[0]!, ...all.filter((_, i) => i % 5 === 0), ...all.slice(-7)];
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

/** A stream folded by the events that its time knew, from a plain copy of the whole log. */
const naive = <S, E>(fold: Fold<S, E>, stream: string, at: string): S =>
  log
    .filter((event) => event.stream === stream && event.metadata.at <= at)
    .reduce((state, event) => fold.evolve(state, event as never), fold.initialState());

const standingOf = (userId: string, at: string) => {
  const owner = naive(user, userStream(userId), at);
  if (owner === null) return null;
  const rolesThen = naive(roles, rolesStream, at);
  const held = rolesOfUser(userId, owner.roles, rolesThen);
  const mayUseApi = effectiveRights(held, rolesThen).permissions.includes('api-keys:use');
  return { owner, held, mayUseApi };
};

/** What of every key a naive replay says, by key. */
const keysAt = (at: string) => {
  const policy = policyStanding(naive(settings, policyStream, at));
  const found = new Map<string, object>();
  for (const { id } of people) {
    const standing = standingOf(id, at);
    if (standing === null) continue;
    for (const key of naive(keyringFold, keyringStream(id), at).keys.values()) {
      const view = keyView(key, { ...standing.owner, mayUseApi: standing.mayUseApi }, policy, at);
      found.set(key.keyId, {
        ownerId: id,
        name: key.name,
        expiresAt: key.expiresAt,
        graceUntil: key.graceUntil,
        replacedBy: key.replacedBy,
        status: view.status,
        usable: view.usable,
        unusableBecause: view.unusableBecause,
        revokedAt: view.revokedAt,
        revokedReason: view.revokedReason,
        ownerStatus: standing.owner.status,
      });
    }
  }
  return found;
};

// biome-ignore lint/suspicious/noExplicitAny: an answer, of which the test picks what it compares
const said = (key: any) => ({
  ownerId: key.ownerId,
  name: key.name,
  expiresAt: key.expiresAt,
  graceUntil: key.graceUntil,
  replacedBy: key.replacedBy,
  status: key.status,
  usable: key.usable,
  unusableBecause: key.unusableBecause,
  revokedAt: key.revokedAt,
  revokedReason: key.revokedReason,
  ownerStatus: key.owner.status,
});

s('shows all keys as a naive replay does, at every time, in pages', async () => {
  for (const at of times) {
    const found = new Map<string, object>();
    const events: { position: string; eventId: string }[] = [];
    for (let cursor: string | null = null; ; ) {
      const path = `/v1/audit/api-keys?at=${at}&limit=7${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { body } = expectStatus(await auditor.get(path), 200);
      assert.ok(body.state.length <= 7);
      for (const key of body.state) {
        assert.not.ok(found.has(key.id), 'no key comes twice');
        found.set(key.id, said(key));
      }
      events.push(...body.events);
      cursor = body.nextCursor;
      if (cursor === null) break;
    }
    assert.equal(Object.fromEntries(found), Object.fromEntries(keysAt(at)), at);
    const made = new Set(events.map(({ eventId }) => eventId));
    for (const event of log) {
      const ofKey = event.stream.startsWith('keyring-') && event.type !== 'KeyringClosed' && event.metadata.at <= at;
      if (ofKey) assert.ok(made.has(event.eventId), `${event.type} is among the events`);
    }
  }
});

s('shows one key as a naive replay does, with the events until then', async () => {
  const latest = keysAt(times.at(-1)!);
  for (const keyId of [...latest.keys()].filter((_, i) => i % 4 === 0)) {
    for (const at of times) {
      const { body } = expectStatus(await auditor.get(`/v1/audit/keys/${keyId}?at=${at}`), 200);
      const expected = keysAt(at).get(keyId) ?? null;
      assert.equal(body.state && said(body.state), expected, `${keyId} at ${at}`);
      const { ownerId } = latest.get(keyId) as { ownerId: string };
      const own = log.filter(
        ({ stream, type, data, metadata }) =>
          metadata.at <= at &&
          ((stream === keyringStream(ownerId) && (data.keyId === keyId || data.newKeyId === keyId)) ||
            (stream === userStream(ownerId) && type === 'UserDeactivated' && expected !== null)),
      );
      assert.equal(
        body.events.map(({ eventId }: { eventId: string }) => eventId),
        own.map(({ eventId }) => eventId),
      );
    }
  }
});

s('shows a user as they were', async () => {
  for (const at of times) {
    for (const { id } of people) {
      const { body } = expectStatus(await auditor.get(`/v1/audit/users/${id}?at=${at}`), 200);
      const standing = standingOf(id, at);
      if (standing === null) {
        assert.is(body.state, null);
        assert.equal(body.events, []);
        continue;
      }
      const { state } = body;
      assert.is(state.status, standing.owner.status);
      assert.is(state.fullName, standing.owner.profile.fullName);
      assert.equal(state.roles, [...standing.held].sort());
      const statuses = [...keysAt(at).values()] as { ownerId: string; status: string }[];
      const count = (status: string) => statuses.filter((key) => key.ownerId === id && key.status === status).length;
      assert.equal(state.keyCounts, { active: count('active'), expired: count('expired') });
      const own = log.filter(
        ({ stream, data, metadata }) =>
          metadata.at <= at &&
          (stream === userStream(id) || stream === `activity-${id}` || (stream === rolesStream && data.userId === id)),
      );
      assert.equal(
        body.events.map(({ eventId }: { eventId: string }) => eventId),
        own.map(({ eventId }) => eventId),
      );
    }
  }
});

s('shows the policy as it was', async () => {
  for (const at of times) {
    const { body } = expectStatus(await auditor.get(`/v1/audit/policy?at=${at}`), 200);
    const then = naive(settings, policyStream, at);
    for (const [field, value] of Object.entries(then.policy)) assert.equal(body.state[field], value, field);
    assert.is(body.state.customized, then.customized);
    assert.is(body.state.changedAt, then.policyChanged?.at ?? null);
    assert.equal(body.state.scopes, then.catalog);
    assert.is(body.events.length, log.filter((e) => e.stream === policyStream && e.metadata.at <= at).length);
  }
});

s('without a time, says what is now, like the other calls', async () => {
  const admin = app.as(people[3]!.id);
  const keyId = [...keysAt(times.at(-1)!).keys()][0]!;
  const { delivery: _, ...now } = expectStatus(await admin.get(`/v1/admin/api-keys/${keyId}`), 200).body;
  assert.equal(expectStatus(await auditor.get(`/v1/audit/keys/${keyId}`), 200).body.state, now);
  const { id } = people[1]!;
  const shown = expectStatus(await admin.get(`/v1/admin/users/${id}`), 200).body;
  assert.equal(expectStatus(await auditor.get(`/v1/audit/users/${id}`), 200).body.state, shown);
});

s('refuses the future, what is not there, and a cursor of another time', async () => {
  const tomorrow = new Date(app.bed.clock.now() + 86_400_000).toISOString();
  const keyId = [...keysAt(times.at(-1)!).keys()][0]!;
  for (const path of ['api-keys', 'policy', `keys/${keyId}`, `users/${people[0]!.id}`]) {
    const refused = expectStatus(await auditor.get(`/v1/audit/${path}?at=${tomorrow}`), 400);
    assert.is(refused.body.code, 'validation-failed');
    assert.is(refused.body.errors[0].pointer, 'at');
  }
  const missing = '00000000-0000-7000-8000-000000000000';
  expectStatus(await auditor.get(`/v1/audit/keys/${missing}`), 404);
  expectStatus(await auditor.get(`/v1/audit/users/${missing}`), 404);
  const { body } = expectStatus(await auditor.get(`/v1/audit/api-keys?limit=2&at=${times.at(-1)}`), 200);
  const other = await auditor.get(`/v1/audit/api-keys?limit=2&cursor=${body.nextCursor}`);
  assert.is(expectStatus(other, 400).body.code, 'cursor-mismatch');
  expectStatus(await app.as(people[2]!.id).get('/v1/audit/policy'), 403);
});

s.run();
