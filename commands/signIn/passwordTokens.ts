import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis, plusSeconds } from '../../domain/instant.ts';
import type { User } from '../../domain/user.ts';
import type { Cryptography } from '../environment.ts';
import type { Outbox } from '../mail/outbox.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { fromBase64, toBase64Url, toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import { sealedTable } from '../sealing/vaultTable.ts';

export type TokenKind = 'password-reset' | 'invitation';

/** What a token says of itself. It is no token before `holds` says so. */
export type ReadToken = { readonly userId: UserId; readonly tokenHash: string };

/**
 * Mailed tokens that set a password once. Each user has at most one, the newest; it ends with its time, with a change of
 * their password or address, and with their being turned off. Kept is its hash.
 */
export type PasswordTokens = {
  /**
   * A new one takes the place of the one before and is mailed. Again with the same secret it is the same.
   * @param secret 32 random bytes @param id of the mail's: the same mail is sent once
   * @param late it may come long after `at`: nothing where a newer one was made since
   * @returns false where the person is erased
   */
  readonly issue: (
    kind: TokenKind,
    user: User,
    made: { readonly secret: Uint8Array; readonly id: string; readonly at: Instant; readonly late?: true },
  ) => Promise<boolean>;
  readonly read: (token: string) => ReadToken | null;
  /** Whether it is good for the user as they are. */
  readonly holds: (token: ReadToken, user: User | null, at: Instant) => Promise<boolean>;
  /** The same of its text, for the mail that carries it. */
  readonly isGood: (token: string, user: User, at: Instant) => Promise<boolean>;
  /** Tidying: one that was used is good for nothing. */
  readonly forget: (token: ReadToken) => Promise<void>;
};

/** How long a token works. */
const tokenSeconds: { readonly [kind in TokenKind]: number } = {
  'password-reset': 3600,
  invitation: 7 * 24 * 3600,
};

const passwordTokenKind = 'password-token';

// Stored shape, sealed under the person's key, by the user's id.
type Stored = {
  readonly tokenHash: string;
  readonly at: Instant;
  readonly until: Instant;
  /** Of what the token was made for: it is another once any of that has changed. */
  readonly standing: string;
};

const idLength = 16;

const uuidOf = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');

export const createPasswordTokens = (deps: {
  readonly vault: Vault;
  readonly boxes: Boxes;
  readonly crypto: Cryptography;
  readonly purposeKeys: PurposeKeys;
  readonly outbox: Outbox;
}): PasswordTokens => {
  const { crypto, outbox } = deps;
  const table = sealedTable<Stored>(deps.vault, passwordTokenKind, deps.boxes);
  const standingKey = deps.purposeKeys('password tokens');

  const standingOf = ({ claim, ownerEpoch, passwordHash, status }: User): string =>
    toHex(crypto.hmacSha256(standingKey, JSON.stringify([claim, ownerEpoch, passwordHash, status])));

  const hashOf = (token: string): string => toHex(crypto.sha256(token));

  const read: PasswordTokens['read'] = (token) => {
    if (!/^[A-Za-z0-9_-]{64}$/.test(token)) return null;
    const id = toHex(fromBase64(token).subarray(0, idLength));
    return { userId: uuidOf(id), tokenHash: hashOf(token) };
  };

  const holds: PasswordTokens['holds'] = async ({ userId, tokenHash }, user, at) => {
    if (user === null) return false;
    const standing = standingOf(user);
    const row = await table.get(userId);
    if (row === null || row.value.until <= at || row.value.standing !== standing) return false;
    return crypto.equal(Buffer.from(row.value.tokenHash), Buffer.from(tokenHash));
  };

  return {
    issue: async (kind, { userId, ...user }, { secret, id, at, late }) => {
      const token = toBase64Url(Buffer.concat([Buffer.from(userId.replaceAll('-', ''), 'hex'), secret]));
      const until = plusSeconds(at, tokenSeconds[kind]);
      const value = { tokenHash: hashOf(token), at, until, standing: standingOf({ userId, ...user }) };
      for (let tried = 0; ; tried += 1) {
        const row = await table.get(userId);
        if (late && row !== null && row.value.at > at) return true;
        const options = { person: userId, expiresAt: millis(until) };
        const put = await table.put(userId, value, row?.version ?? 'absent', options);
        if (put.put) break;
        // Erased, or its row just went.
        if (put.current === null && tried > 0) return false;
      }
      return outbox.put({ id: `${kind}:${id}`, userId, template: kind, params: { token, until }, until });
    },

    read,
    holds,

    isGood: async (token, user, at) => {
      const known = read(token);
      return known !== null && holds(known, user, at);
    },

    forget: async ({ userId, tokenHash }) => {
      const row = await table.get(userId);
      if (row?.value.tokenHash === tokenHash) await table.remove(userId, row.version);
    },
  };
};
