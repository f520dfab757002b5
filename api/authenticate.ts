import type { IncomingHttpHeaders } from 'node:http';
import type { UserId } from '../domain/ids.ts';
import type { Permission } from '../domain/permissions.ts';
import { type KeyHolder, type Machine, nobody, type Person, type Principal } from './principal.ts';
import { Refusal } from './refusal.ts';

/** What the verification index says of somebody who signed in, now. */
export type OwnerRights = {
  readonly active: boolean;
  readonly ownerEpoch: number;
  readonly sessionEpoch: number;
  readonly permissions: ReadonlySet<Permission>;
  readonly scopes: readonly string[];
  readonly mustChangePassword: boolean;
};

/** A session as the vault keeps it, while neither idle nor past its absolute end. */
export type LiveSession = {
  readonly id: string;
  readonly userId: UserId;
  readonly ownerEpoch: number;
  readonly sessionEpoch: number;
  readonly mustChangePassword?: boolean;
};

export type Credentials = {
  /** @throws Failure where the index is not proven within its bound: nobody is let in on old knowledge */
  readonly requireProven: () => void;
  readonly owner: (userId: UserId) => OwnerRights | null;
  /** Reads the log to its end once more. */
  readonly catchUp: () => Promise<void>;
  /** Looks up and touches. */
  readonly session: (token: string) => Promise<LiveSession | null>;
  /** By the key's text; null where verification says anything but valid. @param ip of the caller, for its last use */
  readonly key: (text: string, ip: string | null) => Omit<KeyHolder, 'kind'> | null;
  readonly serviceToken: (text: string) => Omit<Machine, 'kind'> | null;
  /** `keyledger`, or `__Host-keyledger` where the public URL is https. */
  readonly cookieName: string;
};

export const unauthenticated = () => new Refusal('unauthenticated', { detail: 'Sign in, or send a key.' });

const invalidKey = () => new Refusal('invalid-key', { detail: 'The key is not accepted.' });

const bearerToken = (authorization: string): string | null => /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null;

/** @throws Refusal invalid-key where there is an Authorization header that bears no token */
const bearerOf = (authorization: string | undefined): string | null => {
  if (authorization === undefined) return null;
  const token = bearerToken(authorization);
  if (token === null) throw invalidKey();
  return token;
};

/** @throws Refusal ambiguous-credentials, invalid-key */
export const credentialOf = (headers: IncomingHttpHeaders): string | null => {
  const header = headers['x-api-key'];
  const apiKey = Array.isArray(header) ? header.join(',') : (header ?? null);
  // Looked at before the scheme: two that differ are refused as such whatever each of them is.
  if (apiKey !== null && headers.authorization !== undefined && bearerToken(headers.authorization) !== apiKey)
    throw new Refusal('ambiguous-credentials', { detail: 'Authorization and X-API-KEY differ: send one' });
  return apiKey ?? bearerOf(headers.authorization);
};

export const cookieOf = (headers: IncomingHttpHeaders, name: string): string | null => {
  for (const part of (headers.cookie ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return null;
};

/** The session is of a time that this process has not read of yet: another one has just begun it, or carried it on. */
const isAhead = (session: LiveSession, owner: OwnerRights | null): boolean =>
  owner === null || session.ownerEpoch > owner.ownerEpoch || session.sessionEpoch > owner.sessionEpoch;

const bySession = async (token: string, from: Credentials): Promise<Person | null> => {
  const session = await from.session(token);
  if (session === null) return null;
  from.requireProven();
  if (isAhead(session, from.owner(session.userId))) {
    await from.catchUp();
    from.requireProven();
  }
  const owner = from.owner(session.userId);
  if (owner === null || !owner.active) return null;
  if (owner.ownerEpoch !== session.ownerEpoch || owner.sessionEpoch !== session.sessionEpoch) return null;
  const { permissions, scopes } = owner;
  const mustChangePassword = owner.mustChangePassword || session.mustChangePassword === true;
  const { userId, id: sessionId, ownerEpoch } = session;
  return { kind: 'session', userId, sessionId, ownerEpoch, permissions, scopes, mustChangePassword };
};

/**
 * Who is calling. A credential in a header beats a cookie; one that is not accepted is refused, never passed over in
 * favour of the cookie.
 * @throws Refusal ambiguous-credentials, invalid-key; Failure where it cannot tell
 */
export const authenticate = async (
  headers: IncomingHttpHeaders,
  ip: string | null,
  from: Credentials,
): Promise<Principal> => {
  const credential = credentialOf(headers);
  if (credential !== null) {
    from.requireProven();
    if (credential.startsWith('svc_')) {
      const machine = from.serviceToken(credential);
      if (machine === null) throw invalidKey();
      return { kind: 'service', ...machine };
    }
    const holder = from.key(credential, ip);
    if (holder === null) throw invalidKey();
    return { kind: 'key', ...holder };
  }
  const token = cookieOf(headers, from.cookieName);
  return (token === null ? null : await bySession(token, from)) ?? nobody;
};
