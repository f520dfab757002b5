import { uuid7 } from '../../commands/handling/eventIds.ts';
import { activityStream } from '../../domain/activity.ts';
import type { Actor } from '../../domain/event.ts';
import type { AnyEvent } from '../../domain/events.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import { instant, plusDays } from '../../domain/instant.ts';
import { type KeyringEvent, keyringStream } from '../../domain/keyring.ts';
import { type UserEvent, userStream } from '../../domain/user.ts';
import { clock, type Installation, randomness } from './installation.ts';
import { created, registration } from './people.ts';

type Member = {
  readonly userId: UserId;
  readonly actor: Actor;
  /** Those that work, oldest first. */
  readonly keys: KeyId[];
  made: number;
};

/** As commands make them: in the order of time, so that new documents come at the end of their list. */
const newId = () => uuid7(instant(clock.now()), randomness.bytes(10));

const appendsAtOnce = 256;
const rounds = 12;

/**
 * Fills the log with what an installation of a few years has in it: members who sign in and out, make keys, name and
 * shorten and rotate and revoke them, change their profiles. Their events lie between each other's as time brings them.
 * @returns how many events
 */
export const writeHistory = async ({ core, write }: Installation, atLeast: number): Promise<number> => {
  const members = Array.from({ length: Math.ceil(atLeast / eventsPerMember) }, (): Member => {
    const userId = newId();
    return { userId, actor: { kind: 'user', id: userId }, keys: [], made: 0 };
  });
  let events = 0;
  const append = async (stream: string, what: readonly AnyEvent[], actor?: Actor) => {
    await write(stream, what, actor ? { actor } : {});
    events += what.length;
  };

  await eachOf(members, async ({ userId }) => {
    await core.keys.ensure(userId);
    await append(userStream(userId), [registration(userId)]);
  });
  for (let round = 0; round < rounds; round++) {
    await eachOf(members, async (member) => {
      const { userId, actor } = member;
      await append(activityStream(userId), signIn(), actor);
      await append(keyringStream(userId), keyringEvents(member, round), actor);
      if (round % 4 === 3) await append(userStream(userId), profileEvents(round), actor);
    });
  }
  return events;
};

const eachOf = async (members: readonly Member[], work: (member: Member) => Promise<void>) => {
  for (let from = 0; from < members.length; from += appendsAtOnce) {
    await Promise.all(members.slice(from, from + appendsAtOnce).map(work));
  }
};

const signIn = (): readonly AnyEvent[] => {
  const sessionId = newId();
  return [
    { type: 'SignedIn', data: { sessionId, method: 'password', twoFactor: false } },
    { type: 'SignedOut', data: { sessionId } },
  ];
};

const profileEvents = (round: number): readonly UserEvent[] => [
  {
    type: 'ProfileChanged',
    data: { changes: { position: `Position ${round}`, phone: `+33 1 99 00 00 ${round + 10}` } },
  },
  { type: 'GroupsAssigned', data: { groups: [`group ${round}`, 'group of all'] } },
];

const made = (member: Member, replaces: KeyId | null): KeyringEvent => {
  const keyId = newId();
  member.keys.push(keyId);
  member.made += 1;
  return created(keyId, { name: `Key ${member.made}`, description: 'Reads the figures of last night', replaces });
};

const keyringEvents = (member: Member, round: number): readonly KeyringEvent[] => {
  const oldest = member.keys[0];
  if (oldest === undefined || round % 3 === 0) return [made(member, null), made(member, null)];
  const now = instant(clock.now());
  switch (round % 6) {
    case 1:
      return [
        { type: 'ApiKeyRenamed', data: { keyId: oldest, name: `Renamed ${round}`, description: null } },
        { type: 'ApiKeyExpiryChanged', data: { keyId: oldest, expiresAt: plusDays(now, 30) } },
      ];
    case 2: {
      member.keys.shift();
      const next = made(member, oldest);
      const newKeyId = member.keys.at(-1)!;
      return [{ type: 'ApiKeyRotated', data: { keyId: oldest, newKeyId, graceUntil: plusDays(now, 1) } }, next];
    }
    case 4:
      member.keys.shift();
      return [{ type: 'ApiKeyRevoked', data: { keyId: oldest, reason: 'owner', note: 'No longer needed' } }];
    default:
      member.keys.shift();
      return [{ type: 'ApiKeyExpired', data: { keyId: oldest, expiresAt: now } }];
  }
};

const eventsPerMember = 1 + rounds * 2 + 20 + (rounds / 4) * 2;
