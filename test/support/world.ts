import fc from 'fast-check';
import type { Core } from '../../commands/core.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Actor } from '../../domain/event.ts';
import type { EventName, EventNamed } from '../../domain/events.ts';
import { earliest, instant } from '../../domain/instant.ts';
import { emptyProfile } from '../../domain/profile.ts';

/** Small numbers that `worldOf` makes a history from, so that any of them makes sense and shrinks well. */
export type Choice = { readonly what: number; readonly who: number; readonly which: number; readonly how: number };

const choice = fc.record({ what: fc.nat(99), who: fc.nat(3), which: fc.nat(5), how: fc.nat(9) });

export const choices = (maxLength: number): fc.Arbitrary<readonly Choice[]> =>
  fc.array(choice, { minLength: 1, maxLength, size: 'max' });

export type WorldEvent = {
  readonly stream: string;
  readonly type: EventName;
  readonly data: object;
  readonly at: string;
  readonly actor: Actor;
};

type World = {
  readonly users: Map<string, { epoch: number; gone: boolean; erased: boolean }>;
  readonly keys: Map<string, { owner: string; ended: boolean; expiresAt: string | null }>;
};

const start = Date.UTC(2027, 0, 1);
const hour = 3_600_000;
const later = (index: number, hours: number) => instant(start + (index + hours) * hour);

/** A history that deciders could have written: users who come and go, their keys and roles, one event an hour. */
export const worldOf = (chosen: readonly Choice[]): readonly WorldEvent[] => {
  const world: World = { users: new Map(), keys: new Map() };
  return chosen.flatMap((choice, index) => {
    const made = eventFor(world, choice, index);
    return made.map((event) => ({ at: instant(start + index * hour), actor: actorFor(world, choice), ...event }));
  });
};

const actorFor = (world: World, { who, how }: Choice): Actor => {
  const users = [...world.users].filter(([, user]) => !user.erased).map(([id]) => id);
  const id = users[(who + how) % Math.max(1, users.length)];
  return how % 4 === 0 || id === undefined ? { kind: 'worker', id: null } : { kind: how % 2 ? 'user' : 'admin', id };
};

type Made = { readonly stream: string; readonly type: EventName; readonly data: object };
const event = <T extends EventName>(stream: string, type: T, data: EventNamed<T>['data']): Made => ({
  stream,
  type,
  data,
});

const eventFor = (world: World, { what, who, which, how }: Choice, index: number): readonly Made[] => {
  const id = `u${who}`;
  const user = world.users.get(id);
  if (user === undefined) {
    world.users.set(id, { epoch: 0, gone: false, erased: false });
    return [
      event(`user-${id}`, how % 3 === 0 ? 'UserInvited' : 'UserRegistered', {
        userId: id,
        kind: 'human',
        email: `${id}@example.com`,
        claim: `claim-${id}`,
        externalProvider: null,
        passwordHash: 'hash',
        mustChangePassword: how % 2 === 0,
        profile: { ...emptyProfile, firstName: how % 2 ? `First ${who}` : null },
        roles: ['member'],
        groups: [`g${how % 3}`],
        organizations: [],
      }),
    ];
  }
  if (what < 50 && !user.gone) return keyEvent(world, id, user.epoch, { what, who, which, how }, index);
  return userEvent(user, id, what, how, index);
};

const userEvent = (
  user: { epoch: number; gone: boolean; erased: boolean },
  id: string,
  what: number,
  how: number,
  index: number,
): readonly Made[] => {
  const stream = `user-${id}`;
  const ends = (type: 'UserDeactivated' | 'UserDeleted' | 'UserErased') => {
    const ownerEpoch = user.epoch;
    user.epoch += 1;
    user.gone ||= type !== 'UserDeactivated';
    user.erased ||= type === 'UserErased';
    return [event(stream, type, { ownerEpoch })];
  };
  if (user.erased) return [];
  if (user.gone) return how === 9 ? ends('UserErased') : [];
  switch (what % 13) {
    case 0:
      return [
        event(stream, 'ProfileChanged', { changes: { firstName: `N${index}`, lastName: how % 2 ? `L${how}` : null } }),
      ];
    case 1:
      return [
        event(stream, 'EmailChanged', { email: `${id}.${index}@example.com`, claim: `c${index}`, previousClaim: null }),
      ];
    case 2:
      return [event(stream, 'RolesAssigned', { roles: how % 2 ? ['member', 'ops'] : [] })];
    case 3:
      return [event(stream, 'GroupsAssigned', { groups: [`g${how % 3}`] })];
    case 4:
      return [event(stream, 'OrganizationsAssigned', { organizations: [`o${how % 3}`] })];
    case 5:
      return [event(stream, 'PasswordReset', { passwordHash: 'other' })];
    case 6:
      return ends('UserDeactivated');
    case 7:
    case 8:
      return [event(stream, 'UserReactivated', {})];
    case 9:
      return [event('roles', how % 2 ? 'AdministratorGranted' : 'AdministratorRemoved', { userId: id })];
    case 10:
      return [event(`activity-${id}`, 'SignedIn', { sessionId: `s${index}`, method: 'password', twoFactor: false })];
    case 11:
      return how === 9
        ? ends('UserErased')
        : [event(stream, 'ProfileChanged', { changes: { fullName: `Full ${how}` } })];
    default:
      return how === 8 ? ends('UserDeleted') : [event(stream, 'TwoFactorDisabled', { by: 'user' })];
  }
};

const keyEvent = (world: World, owner: string, epoch: number, choice: Choice, index: number): readonly Made[] => {
  const { what, which, how } = choice;
  const stream = `keyring-${owner}`;
  const mine = [...world.keys].filter(([, key]) => key.owner === owner && !key.ended).map(([id]) => id);
  const keyId = mine[which % Math.max(1, mine.length)];
  const create = (replaces: string | null) => {
    const made = `k${index}`;
    const expiresAt = how % 2 ? later(index, 1 + which * 7) : null;
    world.keys.set(made, { owner, ended: false, expiresAt });
    // Sometimes the owner as read a moment before they were turned off.
    const ownerEpoch = how === 7 && epoch > 0 ? epoch - 1 : epoch;
    return event(stream, 'ApiKeyCreated', {
      keyId: made,
      ownerEpoch,
      name: `key ${index}`,
      description: null,
      secretHash: index.toString(16).padStart(64, '0'),
      mask: `api_${index}`,
      scopes: how % 3 === 0 ? ['app:read'] : null,
      expiresAt,
      recoverable: false,
      replaces,
    });
  };
  if (keyId === undefined || what < 18) return [create(null)];
  const ended = () => {
    world.keys.get(keyId)!.ended = true;
  };
  switch (what % 8) {
    case 0:
      return [event(stream, 'ApiKeyRenamed', { keyId, name: `renamed ${index}`, description: `about ${how}` })];
    case 1:
      return [event(stream, 'ApiKeyScopesChanged', { keyId, scopes: ['app:read', 'app:write'] })];
    case 2: {
      const expiresAt = how % 4 ? later(index, how * 3) : null;
      world.keys.get(keyId)!.expiresAt = expiresAt;
      return [event(stream, 'ApiKeyExpiryChanged', { keyId, expiresAt })];
    }
    case 3: {
      ended();
      const next = create(keyId);
      const { keyId: newKeyId } = next.data as { keyId: string };
      const graceUntil = earliest(world.keys.get(keyId)!.expiresAt, later(index, how))!;
      return [event(stream, 'ApiKeyRotated', { keyId, newKeyId, graceUntil }), next];
    }
    case 4:
      ended();
      return [event(stream, 'ApiKeyRevoked', { keyId, reason: 'owner', note: how % 2 ? 'lost it' : null })];
    case 5:
      return epoch === 0
        ? []
        : [
            event(stream, 'KeyringClosed', {
              ownerEpoch: epoch - 1,
              reason: 'owner-deactivated',
              endedAt: later(index, 0),
            }),
          ];
    default:
      return [create(null)];
  }
};

/**
 * Appends a history as commands would: sealed, each event by itself. `erase`: the keys of the erased are destroyed
 * at once, as the eraser would, before anybody reads on.
 */
export const writeWorld = async (
  core: Pick<Core, 'codec' | 'keys'>,
  store: EventStore,
  events: readonly WorldEvent[],
  options: { readonly erase: boolean } = { erase: true },
): Promise<void> => {
  const revisions = new Map<string, number>();
  for (const [index, { stream, type, data, at, actor }] of events.entries()) {
    const id = `00000000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
    const person = /^(user|keyring|activity)-(.*)$/.exec(stream)?.[2];
    if (person) await core.keys.ensure(person);
    const [sealed] = await core.codec.seal(stream, [{ id, type, data: data as { [field: string]: never } }], {
      at,
      correlationId: `c${index}`,
      causationId: null,
      actor,
      ip: '192.0.2.7',
      userAgent: 'test',
      requestId: null,
      policyRevision: null,
      reason: null,
    });
    const revision = revisions.get(stream) ?? -1;
    await store.append(stream, revision < 0 ? 'no-stream' : revision, [sealed!.toAppend]);
    revisions.set(stream, revision + 1);
    if (type === 'UserErased' && options.erase) await core.keys.destroy(person!, at);
  }
};

/** The same history each time, of about so many events. */
export const someWorld = (length: number, seed = 7): readonly WorldEvent[] =>
  worldOf(fc.sample(fc.array(choice, { minLength: length, maxLength: length, size: 'max' }), { seed, numRuns: 1 })[0]!);
