import type { UserId } from '../../domain/ids.ts';
import { type Instant, instant, millis } from '../../domain/instant.ts';
import { userStream } from '../../domain/user.ts';
import type { Clock, Cryptography, Randomness } from '../environment.ts';
import { uuid7 } from '../handling/eventIds.ts';
import type { EventStore } from '../ports/eventStore.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { toBase64Url, toHex } from '../sealing/encoding.ts';
import { type Row, sealedTable } from '../sealing/vaultTable.ts';

/** Somebody who signed in, in one browser. Valid only where the user's epochs are still these: whoever asks compares. */
export type Session = {
  /** Public; the token is known to the browser alone. */
  readonly id: string;
  readonly userId: UserId;
  readonly ownerEpoch: number;
  readonly sessionEpoch: number;
  readonly createdAt: Instant;
  readonly lastSeenAt: Instant;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly method: 'password' | 'oidc';
  readonly twoFactor: boolean;
  /** When its owner last showed again that it is them. */
  readonly reauthenticatedAt: Instant | null;
  /** The password it began with is too short to stand alone: nothing goes here before it is changed. Absent: no. */
  readonly mustChangePassword?: boolean;
};

export type NewSession = Pick<
  Session,
  'userId' | 'ownerEpoch' | 'sessionEpoch' | 'ip' | 'userAgent' | 'method' | 'twoFactor' | 'mustChangePassword'
>;

/** The event that is about to end a user's other sessions, and the epoch that begins with it. */
export type Survival = { readonly sessionEpoch: number; readonly revision: number; readonly eventId: string };

export type Epochs = { readonly ownerEpoch: number; readonly sessionEpoch: number };

export type Sessions = {
  /** @returns null where the person is erased. `token`: 43 characters, never kept */
  readonly open: (session: NewSession) => Promise<{ readonly token: string; readonly session: Session } | null>;
  /** Looks up and touches; null where there is none, or it was idle too long or is past its end. */
  readonly find: (token: string) => Promise<Session | null>;
  /** One of a user's, by its public id. */
  readonly get: (userId: UserId, sessionId: string) => Promise<Session | null>;
  /** A user's sessions of these epochs, newest first. */
  readonly list: (userId: UserId, epochs: Epochs) => Promise<readonly Session[]>;
  /** @returns whether it was there */
  readonly end: (userId: UserId, sessionId: string) => Promise<boolean>;
  /** Tidying after their epoch ended. @param but the one that goes on */
  readonly endAll: (userId: UserId, but?: string) => Promise<void>;
  /**
   * Before an event that ends all others: the session goes on in the new epoch if, and only if, that very event comes to
   * stand in the user's stream. So neither a crash in between nor another event there loses or revives it.
   */
  readonly surviveThrough: (userId: UserId, sessionId: string, event: Survival) => Promise<void>;
  readonly reauthenticated: (userId: UserId, sessionId: string, at: Instant) => Promise<void>;
  /** The password was changed from it: no need to any more. */
  readonly passwordChanged: (userId: UserId, sessionId: string) => Promise<void>;
};

export const idleMs = 12 * 3_600_000;
export const absoluteMs = 7 * 24 * 3_600_000;
const touchMs = 60_000;
const pageSize = 200;

export const sessionKind = 'session';

// Stored shape, sealed under the person's key.
type Stored = Session & { readonly survival: Survival | null };

export const idleEnd = (session: Pick<Session, 'createdAt' | 'lastSeenAt'>): Instant =>
  instant(Math.min(millis(session.lastSeenAt) + idleMs, millis(absoluteEnd(session))));

export const absoluteEnd = ({ createdAt }: Pick<Session, 'createdAt'>): Instant =>
  instant(millis(createdAt) + absoluteMs);

export const createSessions = (deps: {
  vault: Vault;
  boxes: Boxes;
  crypto: Cryptography;
  clock: Clock;
  randomness: Randomness;
  store: Pick<EventStore, 'readStream'>;
}): Sessions => {
  const { crypto, clock, randomness, store } = deps;
  const table = sealedTable<Stored>(deps.vault, sessionKind, deps.boxes);
  const idOf = (token: string) => toHex(crypto.sha256(token));

  const put = (id: string, value: Stored, expect: number | 'absent') =>
    table.put(id, value, expect, { person: value.userId, ref: value.id, expiresAt: millis(idleEnd(value)) });

  // The vault's clock may be another machine's.
  const isLive = (value: Stored) => clock.now() < millis(idleEnd(value));

  const settled = async (value: Stored): Promise<Stored> => {
    if (value.survival === null) return value;
    const { revision, eventId, sessionEpoch } = value.survival;
    const { events } = await store.readStream(userStream(value.userId), revision, 1);
    if (events[0] === undefined) return value;
    return { ...value, survival: null, ...(events[0].id === eventId && { sessionEpoch }) };
  };

  const published = ({ survival: _, ...session }: Stored): Session => session;

  const rowsOf = async (by: { person: string; ref?: string }): Promise<readonly Row<Stored>[]> => {
    const rows: Row<Stored>[] = [];
    for (let after: string | null = null; ; ) {
      const page = await table.find(by, { after, limit: pageSize });
      rows.push(...page.rows);
      if (page.last === null) return rows;
      after = page.last;
    }
  };

  const rowOf = async (userId: UserId, sessionId: string): Promise<Row<Stored> | null> =>
    (await rowsOf({ person: userId, ref: sessionId })).find(({ value }) => isLive(value)) ?? null;

  /** Again on what another request wrote meanwhile; nothing where the session is gone, which nobody brings back. */
  const change = async (userId: UserId, sessionId: string, to: (value: Stored) => Stored): Promise<void> => {
    for (;;) {
      const row = await rowOf(userId, sessionId);
      if (row === null || (await put(row.id, to(await settled(row.value)), row.version)).put) return;
    }
  };

  return {
    open: async (given) => {
      const at = instant(clock.now());
      const token = toBase64Url(randomness.bytes(32));
      const session: Session = {
        ...given,
        id: uuid7(at, randomness.bytes(10)),
        createdAt: at,
        lastSeenAt: at,
        reauthenticatedAt: null,
      };
      const result = await put(idOf(token), { ...session, survival: null }, 'absent');
      return result.put ? { token, session } : null;
    },

    find: async (token) => {
      const id = idOf(token);
      const row = await table.get(id);
      if (row === null || !isLive(row.value)) return null;
      const value = await settled(row.value);
      const idle = clock.now() - millis(value.lastSeenAt) >= touchMs;
      if (!idle && value === row.value) return published(value);
      const touched = idle ? { ...value, lastSeenAt: instant(clock.now()) } : value;
      const result = await put(id, touched, row.version);
      // Another request wrote it at the same moment, which is as good; or it was ended, and that stands.
      return result.put || result.current !== null ? published(touched) : null;
    },

    get: async (userId, sessionId) => {
      const row = await rowOf(userId, sessionId);
      return row && published(await settled(row.value));
    },

    list: async (userId, { ownerEpoch, sessionEpoch }) => {
      const rows = await rowsOf({ person: userId });
      const all = await Promise.all(rows.filter(({ value }) => isLive(value)).map(({ value }) => settled(value)));
      return all
        .filter((session) => session.ownerEpoch === ownerEpoch && session.sessionEpoch === sessionEpoch)
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .map(published);
    },

    end: async (userId, sessionId) => {
      const row = await rowOf(userId, sessionId);
      return row !== null && (await table.remove(row.id));
    },

    endAll: async (userId, but) => {
      for (const { id, value } of await rowsOf({ person: userId })) if (value.id !== but) await table.remove(id);
    },

    surviveThrough: (userId, sessionId, survival) =>
      change(userId, sessionId, (value) =>
        // Only what is valid now goes on: one that ended with an epoch before stays ended.
        value.sessionEpoch === survival.sessionEpoch - 1 ? { ...value, survival } : value,
      ),

    reauthenticated: (userId, sessionId, at) =>
      change(userId, sessionId, (value) => ({ ...value, reauthenticatedAt: at })),

    passwordChanged: async (userId, sessionId) => {
      const row = await rowOf(userId, sessionId);
      if (row?.value.mustChangePassword)
        await change(userId, sessionId, (value) => ({ ...value, mustChangePassword: false }));
    },
  };
};
