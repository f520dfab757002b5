import * as fc from 'fast-check';
import {
  catalog,
  created,
  installed,
  keyId,
  onKey,
  onRoles,
  onUser,
  policy,
  registered,
  start,
  type Told,
  userId,
} from './logs.ts';

const users = 3;
const keys = 8;
const scopes = ['jobs:run', 'jobs:stop', 'streams:read'] as const;
const roleNames = ['ops', 'jobber'] as const;

const user = fc.integer({ min: 1, max: users });
const key = fc.integer({ min: 1, max: keys });
/** Around the times that are asked about. */
const time = fc.integer({ min: 0, max: 20 }).map((n) => start + n * 10_000);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const someScopes = fc.subarray([...scopes]);
const permissions = fc.subarray(['api-keys:use', 'keys:read']);
const patterns = fc.subarray(['*:*', 'jobs:*', 'streams:read', 'jobs:run']);
const iso = (ms: number) => new Date(ms).toISOString();

/** A step that is turned into an event, or nothing where the log could not hold it there. */
type Step = (made: ReadonlyMap<number, number>) => Told | null;

const always = (arbitrary: fc.Arbitrary<Told>): fc.Arbitrary<Step> => arbitrary.map((told) => () => told);

const onExisting = (arbitrary: fc.Arbitrary<readonly [number, (id: string) => readonly [string, object]]>) =>
  arbitrary.map(
    ([n, event]): Step =>
      (made) => {
        const owner = made.get(n);
        return owner === undefined ? null : onKey(owner, ...event(keyId(n)));
      },
  );

const creating = fc
  .tuple(key, user, fc.nat(2), orNull(someScopes), orNull(time), fc.integer({ min: 1, max: keys }))
  .map(
    ([n, owner, ownerEpoch, own, expiresAt, hash]): Step =>
      (made) =>
        made.has(n) ? null : created(n, owner, { ownerEpoch, scopes: own, expiresAt, hash }),
  );

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: creating },
  onExisting(key.map((n) => [n, (id) => ['ApiKeyRevoked', { keyId: id, reason: 'owner', note: null }]])),
  onExisting(fc.tuple(key, time).map(([n, at]) => [n, (id) => ['ApiKeyExpired', { keyId: id, expiresAt: iso(at) }]])),
  onExisting(
    fc
      .tuple(key, time)
      .map(([n, at]) => [n, (id) => ['ApiKeyRotated', { keyId: id, newKeyId: keyId(99), graceUntil: iso(at) }]]),
  ),
  onExisting(
    fc
      .tuple(key, orNull(someScopes))
      .map(([n, own]) => [n, (id) => ['ApiKeyScopesChanged', { keyId: id, scopes: own }]]),
  ),
  onExisting(
    fc
      .tuple(key, orNull(time))
      .map(([n, at]) => [n, (id) => ['ApiKeyExpiryChanged', { keyId: id, expiresAt: at === null ? null : iso(at) }]]),
  ),
  always(fc.tuple(user, fc.nat(2)).map(([n, ownerEpoch]) => onUser(n, 'UserDeactivated', { ownerEpoch }))),
  always(user.map((n) => onUser(n, 'UserReactivated'))),
  always(fc.tuple(user, fc.nat(2)).map(([n, ownerEpoch]) => onUser(n, 'UserDeleted', { ownerEpoch }))),
  always(user.map((n) => onUser(n, 'AllSessionsEnded'))),
  always(user.map((n) => onUser(n, 'PasswordReset', { passwordHash: null }))),
  always(
    fc
      .tuple(user, fc.subarray([...roleNames, 'member', 'guest']))
      .map(([n, roles]) => onUser(n, 'RolesAssigned', { roles })),
  ),
  always(user.map((n) => onRoles('AdministratorGranted', { userId: userId(n) }))),
  always(user.map((n) => onRoles('AdministratorRemoved', { userId: userId(n) }))),
  always(
    fc
      .tuple(fc.constantFrom(...roleNames), permissions, patterns)
      .map(([name, granted, held]) => onRoles('RoleDefined', { name, permissions: granted, scopes: held })),
  ),
  always(fc.constantFrom(...roleNames).map((name) => onRoles('RoleRemoved', { name }))),
  always(fc.record({ enabled: fc.boolean(), requireRole: fc.boolean() }).map(policy)),
  always(
    fc.subarray(['run', 'stop'], { minLength: 1 }).map((actions) =>
      catalog([
        { application: 'jobs', actions },
        { application: 'streams', actions: ['read'] },
      ]),
    ),
  ),
);

const beginning: readonly Told[] = [
  installed,
  policy({}),
  catalog([
    { application: 'jobs', actions: ['run', 'stop'] },
    { application: 'streams', actions: ['read'] },
  ]),
  registered(1),
  { ...registered(2, ['ops']), type: 'UserInvited' } as Told,
  registered(3, ['jobber', 'guest']),
];

/** Any log that the rules of the log allow: keys are made once, and only what was made is spoken of. */
export const anyLog: fc.Arbitrary<readonly Told[]> = fc.array(step, { maxLength: 60 }).map((steps) => {
  const made = new Map<number, number>();
  const log = [...beginning];
  for (const next of steps) {
    const told = next(made);
    if (told === null) continue;
    log.push(told);
    if (told.type === 'ApiKeyCreated') {
      const n = Number.parseInt(told.data.keyId.slice(-12), 16);
      made.set(n, Number.parseInt(told.stream.slice(-12), 16));
    }
  }
  return log;
});

/** What may be asked: any hash, with any scopes, by any token, at any time. */
export const anyQuestion = fc.record({
  hash: fc.integer({ min: 1, max: keys + 1 }),
  scopes: fc.subarray([...scopes, 'gone:read']),
  applications: orNull(fc.subarray(['jobs', 'streams'])),
  now: fc.integer({ min: -1, max: 200_001 }).map((ms) => start + ms),
});
