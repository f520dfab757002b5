import * as assert from 'uvu/assert';
import type { VerificationCode } from '../../domain/verification.ts';
import { createVerificationIndex, type Question } from '../../projections/verificationIndex.ts';
import { suite } from '../support/suite.ts';
import {
  catalog,
  created,
  hashBytes,
  installed,
  keyId,
  logOf,
  onKey,
  onRoles,
  onServices,
  onUser,
  policy,
  positionAt,
  registered,
  start,
  type Told,
  token,
  tokenId,
  userId,
} from './logs.ts';

const index = suite('verification index');

const now = start + 1_000_000;

const folded = (...told: readonly Told[]) => {
  const made = createVerificationIndex();
  for (const event of logOf([installed, policy({}), ...told])) made.apply(event);
  return made;
};

const ask = (n: number, options: Partial<Question> = {}): Question => ({
  hash: hashBytes(n),
  wellFormed: () => true,
  scopes: [],
  applications: null,
  ...options,
});

const codeOf = (told: readonly Told[], at = now, question = ask(1)): VerificationCode =>
  folded(...told).verify(question, at).code;

index('answers everything a service needs of a key that works', () => {
  const answer = folded(registered(1), created(1, 1, { expiresAt: now + 5000 })).verify(ask(1), now);
  assert.equal(answer, {
    valid: true,
    code: 'valid',
    keyId: keyId(1),
    ownerId: userId(1),
    owner: { id: userId(1), kind: 'human', roles: ['member'], groups: ['ops'], organizations: [] },
    permissions: ['api-keys:use'],
    scopes: null,
    expiresAt: new Date(now + 5000).toISOString(),
  });
});

index('names what it does not know by its form', () => {
  assert.is(codeOf([registered(1)]), 'not-found');
  assert.is(codeOf([registered(1)], now, ask(1, { wellFormed: () => false })), 'malformed');
});

index('a known key works whatever its form', () => {
  assert.is(codeOf([registered(1), created(1, 1)], now, ask(1, { wellFormed: () => false })), 'valid');
});

index('says the worst first', () => {
  const worse = [
    registered(1, []),
    catalog([{ application: 'streams', actions: ['read', 'write'] }]),
    created(1, 1, { expiresAt: now - 1, scopes: ['streams:read'] }),
    onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }),
    policy({ enabled: false, requireRole: true }),
    onUser(1, 'UserDeactivated', { ownerEpoch: 0 }),
  ];
  const question = ask(1, { scopes: ['streams:write'] });
  const without = (...indexes: number[]) => worse.filter((_, i) => !indexes.includes(i));
  assert.is(codeOf(worse, now, question), 'owner-inactive');
  assert.is(codeOf(without(5), now, question), 'revoked');
  assert.is(codeOf(without(5, 3), now, question), 'expired');
  assert.is(codeOf(without(5, 3), now - 2, question), 'api-keys-disabled');
  assert.is(codeOf([...without(5, 3, 4), policy({ requireRole: true })], now - 2, question), 'role-not-permitted');
  assert.is(codeOf(without(5, 3, 4), now - 2, question), 'insufficient-scope');
  assert.is(codeOf(without(5, 3, 4), now - 2), 'valid');
});

index('a key of an epoch that ended stays dead when its owner comes back', () => {
  const off = [registered(1), created(1, 1), onUser(1, 'UserDeactivated', { ownerEpoch: 0 })];
  const back = [...off, onUser(1, 'UserReactivated')];
  assert.is(codeOf(off), 'owner-inactive');
  assert.is(codeOf(back), 'owner-inactive');
  // Made while its owner was being deactivated: it carries the epoch that ended.
  assert.is(codeOf([...back, created(2, 1, { ownerEpoch: 0 })], now, ask(2)), 'owner-inactive');
  assert.is(codeOf([...back, created(2, 1, { ownerEpoch: 1 })], now, ask(2)), 'valid');
});

index('closing a keyring changes nothing here', () => {
  const told = [
    registered(1),
    created(1, 1),
    onKey(1, 'KeyringClosed', { ownerEpoch: 0, reason: 'owner-deactivated', endedAt: '2027-01-01T00:00:00.000Z' }),
  ];
  assert.is(codeOf(told), 'valid');
});

index('grace ends by the clock, and is the end that is told', () => {
  const graceUntil = new Date(now + 1000).toISOString();
  const told = [
    registered(1),
    created(1, 1, { expiresAt: now + 9000 }),
    created(2, 1),
    onKey(1, 'ApiKeyRotated', { keyId: keyId(1), newKeyId: keyId(2), graceUntil }),
  ];
  assert.is(codeOf(told, now + 999), 'valid');
  assert.is(codeOf(told, now + 1000), 'revoked');
  const answer = folded(...told).verify(ask(1), now);
  assert.is(answer.valid && answer.expiresAt, graceUntil);
  assert.is(codeOf(told, now + 1000, ask(2)), 'valid');
});

index('expiry ends by the clock; once recorded no clock revives it', () => {
  const told = [registered(1), created(1, 1, { expiresAt: now })];
  assert.is(codeOf(told, now - 1), 'valid');
  assert.is(codeOf(told, now), 'expired');
  const recorded = [...told, onKey(1, 'ApiKeyExpired', { keyId: keyId(1), expiresAt: new Date(now).toISOString() })];
  assert.is(codeOf(recorded, now - 1), 'expired');
  const later = onKey(1, 'ApiKeyExpiryChanged', { keyId: keyId(1), expiresAt: null });
  assert.is(codeOf([...told, later], now), 'valid');
});

index('a hash belongs to the first key that had it, also after its end', () => {
  const twice = [registered(1), created(1, 1), created(2, 1, { hash: 1 })];
  const answer = folded(...twice).verify(ask(1), now);
  assert.is(answer.valid && answer.keyId, keyId(1));
  const ended = [...twice, onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null })];
  assert.is(codeOf(ended), 'revoked');
  assert.is(folded(...ended).codeOf(keyId(2), now), 'not-found');
  const later = onKey(1, 'ApiKeyRevoked', { keyId: keyId(2), reason: 'owner', note: null });
  assert.is(codeOf([...twice, later]), 'valid');
});

index('scopes are the key’s, cut to its owner’s roles, the catalog and the token’s applications', () => {
  const scopes = ['jobs:run', 'streams:read', 'streams:write'];
  const told = [
    catalog([
      { application: 'jobs', actions: ['run'] },
      { application: 'streams', actions: ['read', 'write'] },
    ]),
    onRoles('RoleDefined', { name: 'ops', permissions: [], scopes: ['jobs:*', 'streams:read'] }),
    registered(1, ['ops']),
    created(1, 1, { scopes: ['jobs:run', 'streams:read', 'streams:write', 'gone:read'] }),
    created(2, 1),
    registered(2),
    created(3, 2),
  ];
  const made = folded(...told);
  const granted = (n: number, applications: readonly string[] | null = null) => {
    const answer = made.verify(ask(n, { applications }), now);
    return answer.valid ? answer.scopes : answer.code;
  };
  assert.equal(granted(1), ['jobs:run', 'streams:read']);
  assert.equal(granted(2), ['jobs:run', 'streams:read']);
  assert.is(granted(3), null);
  assert.equal(granted(3, ['streams']), ['streams:read', 'streams:write']);
  assert.equal(granted(1, ['jobs']), ['jobs:run']);
  assert.equal(made.verify(ask(1, { scopes, applications: ['jobs'] }), now), {
    valid: false,
    code: 'insufficient-scope',
    missing: ['streams:read', 'streams:write'],
  });
  assert.is(made.verify(ask(3, { scopes: ['any:thing'] }), now).code, 'valid');
});

index('a change of roles, of a role or of the catalog holds at once', () => {
  const made = createVerificationIndex();
  const told: Told[] = [
    installed,
    policy({ requireRole: true }),
    catalog([{ application: 'jobs', actions: ['run'] }]),
    onRoles('RoleDefined', { name: 'ops', permissions: ['api-keys:use'], scopes: ['jobs:*'] }),
    registered(1, ['ops']),
    created(1, 1, { scopes: ['jobs:run'] }),
  ];
  const steps: readonly (readonly [Told, VerificationCode])[] = [
    [onRoles('RoleDefined', { name: 'ops', permissions: [], scopes: ['jobs:*'] }), 'role-not-permitted'],
    [onRoles('RoleDefined', { name: 'ops', permissions: ['api-keys:use'], scopes: [] }), 'insufficient-scope'],
    [onRoles('RoleDefined', { name: 'ops', permissions: ['api-keys:use'], scopes: ['*:*'] }), 'valid'],
    [catalog([]), 'insufficient-scope'],
    [catalog([{ application: 'jobs', actions: ['run'] }]), 'valid'],
    [onUser(1, 'RolesAssigned', { roles: [] }), 'role-not-permitted'],
    [onRoles('AdministratorGranted', { userId: userId(1) }), 'valid'],
    [onRoles('AdministratorRemoved', { userId: userId(1) }), 'role-not-permitted'],
    [onUser(1, 'RolesAssigned', { roles: ['ops'] }), 'valid'],
    [onRoles('RoleRemoved', { name: 'ops' }), 'role-not-permitted'],
  ];
  const log = logOf([...told, ...steps.map(([step]) => step)]);
  for (const event of log.slice(0, told.length)) made.apply(event);
  const question = ask(1, { scopes: ['jobs:run'] });
  assert.is(made.verify(question, now).code, 'valid');
  steps.forEach(([step, expected], i) => {
    made.apply(log[told.length + i]!);
    assert.is(made.verify(question, now).code, expected, `after ${step.type} (${i})`);
  });
});

index('an owner’s epochs count what ended', () => {
  const made = folded(
    registered(1),
    onUser(1, 'AllSessionsEnded'),
    onUser(1, 'PasswordChanged', { passwordHash: null, endedSessions: false }),
    onUser(1, 'PasswordChanged', { passwordHash: null, endedSessions: true }),
    onUser(1, 'PasswordReset', { passwordHash: null }),
    onUser(1, 'UserDeactivated', { ownerEpoch: 0 }),
    onUser(1, 'UserReactivated'),
    onUser(1, 'UserDeleted', { ownerEpoch: 1 }),
  );
  const owner = made.owner(userId(1));
  assert.is(owner?.sessionEpoch, 3);
  assert.is(owner?.ownerEpoch, 2);
  assert.is(owner?.status, 'deleted');
  assert.is(made.owner(userId(9)), null);
  assert.is(made.owner('nobody at all'), null);
});

index('an invitation becomes active with its first password, and only then', () => {
  const invited: Told = { ...registered(1), type: 'UserInvited' } as Told;
  const status = (...told: readonly Told[]) => folded(invited, ...told).owner(userId(1))?.status;
  assert.is(status(), 'invited');
  const off = [onUser(1, 'UserDeactivated', { ownerEpoch: 0 }), onUser(1, 'UserReactivated')];
  assert.is(status(...off), 'invited');
  assert.is(status(onUser(1, 'PasswordReset', { passwordHash: null })), 'active');
  assert.is(status(onUser(1, 'PasswordReset', { passwordHash: null }), ...off), 'active');
});

index('a service token opens with its newest secret, until its end', () => {
  const secret = (n: number) => hashBytes(10_000 + n);
  const made = folded(token(1, { applications: ['jobs'], expiresAt: now + 1000 }), token(2));
  assert.is(made.token(secret(1), now)?.name, 'service-1');
  assert.equal(made.token(secret(1), now)?.applications, ['jobs']);
  assert.is(made.token(secret(1), now + 1000), null);
  assert.is(made.token(secret(3), now), null);
  const rotated = folded(
    token(1),
    onServices('ServiceTokenRotated', {
      tokenId: tokenId(1),
      secretHash: Buffer.from(secret(7)).toString('hex'),
      mask: '',
    }),
  );
  assert.is(rotated.token(secret(1), now), null);
  assert.is(rotated.token(secret(7), now)?.tokenId, tokenId(1));
  const revoked = folded(token(1), onServices('ServiceTokenRevoked', { tokenId: tokenId(1) }));
  assert.is(revoked.token(secret(1), now), null);
});

index('tells what a policy would break', () => {
  const made = folded(
    registered(1),
    created(1, 1),
    created(2, 1),
    registered(2, []),
    created(3, 2),
    created(4, 2, { expiresAt: now }),
  );
  const impactOf = (policy: { enabled: boolean; requireRole: boolean }, sample: number) =>
    made.impactOf(policy, now, sample).next().value;
  assert.equal(impactOf({ enabled: true, requireRole: true }, 10), {
    keysAffected: 1,
    usersAffected: 1,
    sample: [{ keyId: keyId(3), ownerId: userId(2), code: 'role-not-permitted' }],
  });
  assert.equal(impactOf({ enabled: false, requireRole: false }, 2), {
    keysAffected: 3,
    usersAffected: 2,
    sample: [
      { keyId: keyId(1), ownerId: userId(1), code: 'api-keys-disabled' },
      { keyId: keyId(2), ownerId: userId(1), code: 'api-keys-disabled' },
    ],
  });
});

index('tells a key by its id and an owner’s keys, newest first', () => {
  const made = folded(registered(1), registered(2), created(1, 1), created(2, 2), created(3, 1, { scopes: ['a:b'] }));
  assert.equal(
    made.keysOf(userId(1)).map((key) => key.keyId),
    [keyId(3), keyId(1)],
  );
  assert.equal(made.key(keyId(3)), {
    keyId: keyId(3),
    ownerId: userId(1),
    ownerEpoch: 0,
    scopes: ['a:b'],
    expiresAt: null,
    graceUntil: null,
    revoked: false,
  });
  assert.is(made.key(keyId(9)), null);
  assert.equal(made.identify(ask(2), now), { code: 'valid', keyId: keyId(2), ownerId: userId(2) });
  assert.equal(made.counts(), { keys: 3, owners: 2 });
});

index('stops at what it does not know or cannot be', () => {
  const fails = (told: Told, why: RegExp) => assert.throws(() => folded(registered(1), created(1, 1), told), why);
  fails({ stream: 'x', type: 'SomethingNew', data: {} } as unknown as Told, /unknown event type SomethingNew/);
  fails({ stream: 'x', type: 'toString', data: {} } as unknown as Told, /unknown event type/);
  fails(onKey(1, 'ApiKeyRevoked', { keyId: keyId(5), reason: 'owner', note: null }), /never created/);
  fails(created(1, 1, { hash: 5 }), /created before/);
  fails(onServices('ServiceTokenRevoked', { tokenId: tokenId(1) }), /never created/);
});

index('knows where it stands', () => {
  const made = folded(registered(1));
  assert.equal(made.foldedTo()?.position, positionAt(3));
  assert.ok(made.epoch());
});

index.run();
