import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, Scheduler } from '../../commands/environment.ts';
import type { PublicSigningKey } from '../../commands/sealing/signingKeys.ts';
import type { VaultTable } from '../../commands/sealing/vaultTable.ts';
import type { Acknowledgement } from '../../commands/services/receipts.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Permission } from '../../domain/permissions.ts';
import type { ServiceTokenFacts } from '../../projections/index/tokens.ts';
import type { ProvenIndex } from '../../projections/provenIndex.ts';
import type { VerificationIndex } from '../../projections/verificationIndex.ts';
import { answerError, isInternal } from '../answerError.ts';
import { credentialOf } from '../authenticate.ts';
import { crossSite, isCrossSite } from '../crossSite.ts';
import { Refusal } from '../refusal.ts';
import type { AnswerCounts } from './answerCounts.ts';
import type { KnownTokens } from './knownTokens.ts';

/** What the calls of services are made of. */
export type DataPlaneParts = {
  readonly reader: ProvenIndex;
  readonly sha256: (text: string) => Uint8Array;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly newRequestId: () => string;
  /** Scheme, host and port of the public URL; null where none is configured. */
  readonly publicOrigin: string | null;
  /** Whether a peer, as its socket names it, may ask by forward-auth. */
  readonly isProxy: (address: string | undefined) => boolean;
  /** A key was used. @param at milliseconds since 1970 */
  readonly markUse: (keyId: KeyId, ownerId: UserId, at: number, ip: string | null) => void;
  readonly acknowledgements: VaultTable<Acknowledgement>;
  /** What messages on the bus are signed with; as it stands in the vault. */
  readonly publicKeys: () => Promise<readonly PublicSigningKey[]>;
  readonly answers: AnswerCounts;
  /** Told of faults of this program, never of what callers did wrong. */
  readonly unexpected: (error: unknown, requestId: string) => void;
};

/** What the calls of services need. */
export type DataPlane = DataPlaneParts & { readonly knownTokens: KnownTokens };

/** One request on its way. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Told once, of what is answered: counted, no more. */
  readonly answered: (code: string) => void;
};

export const unavailable = () => new Refusal('unavailable');

/** The token that is asking, and what its permission was looked up in. */
export type Caller = {
  readonly token: ServiceTokenFacts;
  readonly index: VerificationIndex;
  /** SHA-256 of its text, to look it up again. */
  readonly hash: Uint8Array;
  /** The time at which it was looked up, milliseconds since 1970. */
  readonly now: number;
};

const refuseToken = (index: VerificationIndex, hash: Uint8Array, now: number): Refusal => {
  const { code } = index.identify({ hash, wellFormed: () => false }, now);
  return code === 'valid'
    ? new Refusal('key-not-allowed-here', { detail: 'This is for service tokens, not for API keys.' })
    : new Refusal('invalid-key', { detail: 'The token is not accepted.' });
};

/** The header that alone bears a credential; null: it is another, there is none, or there are two. */
const soleHeader = (headers: IncomingHttpHeaders): string | null =>
  headers['x-api-key'] === undefined ? (headers.authorization ?? null) : null;

/** @throws Refusal unauthenticated, cross-site, ambiguous-credentials, invalid-key */
const hashOfCredential = (plane: DataPlane, { method = '', headers }: IncomingMessage): Uint8Array => {
  const credential = credentialOf(headers);
  if (credential !== null) return plane.sha256(credential);
  throw isCrossSite(method, headers, plane.publicOrigin)
    ? crossSite()
    : new Refusal('unauthenticated', { detail: 'Send a service token.' });
};

/**
 * Who asks, as the index knows it now.
 * @throws Refusal unauthenticated, cross-site, ambiguous-credentials, unavailable, invalid-key, key-not-allowed-here,
 * forbidden
 */
export const callerOf = (plane: DataPlane, request: IncomingMessage, permission: Permission): Caller => {
  const { knownTokens } = plane;
  const header = soleHeader(request.headers);
  const known = header === null ? undefined : knownTokens.hashOf(header);
  const hash = known ?? hashOfCredential(plane, request);
  const index = plane.reader.proven();
  if (index === null) throw unavailable();
  const now = plane.clock.now();
  const token = index.token(hash, now);
  if (token === null) {
    if (known !== undefined) knownTokens.forget(header!);
    throw refuseToken(index, hash, now);
  }
  if (header !== null && known === undefined) knownTokens.remember(header, hash);
  if (!token.permissions.includes(permission)) throw new Refusal('forbidden', { params: { anyOf: [permission] } });
  return { token, index, hash, now };
};

/** Answers what went wrong; where an answer has begun already, ends the connection instead. */
export const fail = (plane: DataPlane, { response, requestId, answered }: Exchange, error: unknown): void => {
  if (isInternal(error)) plane.unexpected(error, requestId);
  if (response.headersSent) response.destroy();
  else answered(answerError(response, error, requestId));
};
