import * as assert from 'uvu/assert';
import { isPeoplesPermission, mayStandOnToken, permissions, servicePermissions } from '../../domain/permissions.ts';
import {
  isTokenAlive,
  type ServicesCommand,
  type ServicesEvent,
  services,
  servicesStream,
  serviceTokenOf,
} from '../../domain/services.ts';
import { givenOf, type Happened } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(services, servicesStream);
const at = '2027-01-01T00:00:00.000Z';
const later = '2027-02-01T00:00:00.000Z';

type Create = Extract<ServicesCommand, { type: 'CreateServiceToken' }>;
type Created = Extract<ServicesEvent, { type: 'ServiceTokenCreated' }>;
const data: Created['data'] = {
  tokenId: 't1',
  name: 'billing',
  secretHash: 'h1',
  mask: 'svc_1…1',
  permissions: ['verify'],
  applications: null,
  expiresAt: null,
};
const create = (changes: Partial<Create> = {}): Create => ({ ...data, type: 'CreateServiceToken', at, ...changes });
const created = (changes: Partial<Created['data']> = {}): Created => ({
  type: 'ServiceTokenCreated',
  data: { ...data, ...changes },
});
const rotate = (when = at): ServicesCommand => ({
  type: 'RotateServiceToken',
  at: when,
  tokenId: 't1',
  secretHash: 'h2',
  mask: 'svc_2…2',
});
const rotated: ServicesEvent = {
  type: 'ServiceTokenRotated',
  data: { tokenId: 't1', secretHash: 'h2', mask: 'svc_2…2' },
};
const revoked: ServicesEvent = { type: 'ServiceTokenRevoked', data: { tokenId: 't1' } };

const test = suite('service tokens');

test('creates a token with what was given, tidied and sorted', () => {
  given().when(create()).then(created());
  given()
    .when(
      create({
        name: ' billing ',
        permissions: ['verify', 'keys:read', 'verify'],
        applications: ['streams', 'reports', 'streams'],
        expiresAt: later,
      }),
    )
    .then(created({ permissions: ['keys:read', 'verify'], applications: ['reports', 'streams'], expiresAt: later }));
});

test('refuses an id that is taken', () => {
  given(created()).when(create()).thenRejected('conflict');
});

test('refuses an end that is no longer ahead', () => {
  given()
    .when(create({ expiresAt: at }))
    .thenRejected('expiry-in-past');
});

test('names every wrong field', () => {
  const { decision } = given().when(
    create({ name: ' ', permissions: ['verify', 'everything', 'api-keys:use'], applications: ['reports', 'a:b'] }),
  );
  assert.equal('errors' in decision && decision.errors?.map(({ field }) => field), [
    '/name',
    '/permissions/1',
    '/permissions/2',
    '/applications/1',
  ]);
  given()
    .when(create({ permissions: [] }))
    .thenRejected('validation-failed');
  given()
    .when(create({ name: 'x'.repeat(101) }))
    .thenRejected('validation-failed');
  given()
    .when(create({ applications: [] }))
    .thenRejected('validation-failed');
  given()
    .when(create({ applications: Array.from({ length: 101 }, (_, i) => `a${i}`) }))
    .thenRejected('validation-failed');
});

test('a token may hold what services and people may, but no keys of its own', () => {
  const all = [...permissions, ...servicePermissions];
  assert.equal(
    all.filter((permission) => !mayStandOnToken(permission)),
    ['api-keys:use'],
  );
  for (const name of ['', 'constructor', 'verify ']) assert.not.ok(mayStandOnToken(name) || isPeoplesPermission(name));
});

test('rotates a token that is alive', () => {
  given(created()).when(rotate()).then(rotated);
  given(created(), rotated).when(rotate()).then();
  given().when(rotate()).thenRejected('not-found');
  given(created(), revoked).when(rotate()).thenRejected('already-ended');
  given(created({ expiresAt: later }))
    .when(rotate(later))
    .thenRejected('already-ended');
});

test('revokes a token once, an expired one too', () => {
  const revoke: ServicesCommand = { type: 'RevokeServiceToken', tokenId: 't1' };
  given(created({ expiresAt: later }))
    .when(revoke)
    .then(revoked);
  given(created(), revoked).when(revoke).then();
  given().when(revoke).thenRejected('not-found');
  given()
    .when({ ...revoke, tokenId: 'constructor' })
    .thenRejected('not-found');
});

test('forgets a follower of the feed as often as it is asked', () => {
  const removed: ServicesEvent = { type: 'SubscriberRemoved', data: { name: 'billing' } };
  given(removed).when({ type: 'RemoveSubscriber', name: 'billing' }).then(removed);
  assert.equal(given(removed).state(), { tokens: {} });
});

test('knows a token’s life, each change under its own revision', () => {
  const actor = { kind: 'admin', id: 'u1' } as const;
  const happened: readonly Happened<ServicesEvent>[] = [
    { ...created(), at: '2027-01-01T00:00:00.000Z', actor },
    created({ tokenId: 't2', secretHash: 'h9' }),
    { ...rotated, at: '2027-01-02T00:00:00.000Z' },
    { ...revoked, at: '2027-01-03T00:00:00.000Z' },
  ];
  const state = given(...happened).state();
  assert.equal(serviceTokenOf('t1', state), {
    ...data,
    secretHash: 'h2',
    mask: 'svc_2…2',
    createdAt: '2027-01-01T00:00:00.000Z',
    createdBy: actor,
    rotatedAt: '2027-01-02T00:00:00.000Z',
    revokedAt: '2027-01-03T00:00:00.000Z',
    revision: 3,
  });
  assert.is(serviceTokenOf('t2', state)?.revision, 1);
  assert.is(serviceTokenOf('t3', state), null);
});

test('is alive until it is revoked or its end has come', () => {
  const token = (...events: ServicesEvent[]) => {
    const found = serviceTokenOf('t1', given(...events).state());
    assert.ok(found);
    return found;
  };
  assert.ok(isTokenAlive(token(created()), later));
  assert.ok(isTokenAlive(token(created({ expiresAt: later })), at));
  assert.not.ok(isTokenAlive(token(created({ expiresAt: later })), later));
  assert.not.ok(isTokenAlive(token(created(), revoked), at));
});

test('a log that cannot be is not passed over', () => {
  assert.throws(() => given(rotated).state(), /never created/);
  assert.throws(() => given({ type: 'ServiceTokenCloned', data: {} } as never).state(), /ServiceTokenCloned/);
});

test.run();
