/** What verification answers, worst news first: the first that applies is the answer. */
export type VerificationCode =
  | 'malformed'
  | 'not-found'
  | 'owner-inactive'
  | 'revoked'
  | 'expired'
  | 'api-keys-disabled'
  | 'role-not-permitted'
  | 'insufficient-scope'
  | 'valid';

/**
 * All that decides whether a key works. Flat and without instants, so that the index can refill one and the same object
 * at request speed. Of a key that is not known only `known` and `wellFormed` are looked at.
 */
export type VerificationFacts = {
  /** Some key has this hash, or had it. */
  readonly known: boolean;
  /** The text is dotted, or prefixed with a right checksum. A known key works whatever its form. */
  readonly wellFormed: boolean;
  /** The owner's status is `active`. */
  readonly ownerActive: boolean;
  /** The owner's epoch now. */
  readonly ownerEpoch: number;
  /** The owner's epoch that the key was made in. */
  readonly keyEpoch: number;
  readonly revoked: boolean;
  /** Milliseconds since 1970; Infinity: not rotated. */
  readonly graceUntil: number;
  /** Milliseconds since 1970; Infinity: never. */
  readonly expiresAt: number;
  /** The policy's `enabled`. */
  readonly enabled: boolean;
  /** The policy's `requireRole`. */
  readonly requireRole: boolean;
  /** The owner's roles hold the permission `api-keys:use`. */
  readonly mayUseApi: boolean;
  /** Every scope asked for is among the key's effective ones; none asked for: true. */
  readonly scopesHeld: boolean;
};

/**
 * THE rule. Everything that says whether a key works, to a service, its owner or an administrator, asks here.
 * A right ends at its end: at `expiresAt` and at `graceUntil` a key works no more.
 *
 * @param now milliseconds since 1970
 */
export const verificationCode = (facts: VerificationFacts, now: number): VerificationCode => {
  if (!facts.known) return facts.wellFormed ? 'not-found' : 'malformed';
  if (!facts.ownerActive || facts.keyEpoch !== facts.ownerEpoch) return 'owner-inactive';
  if (facts.revoked || now >= facts.graceUntil) return 'revoked';
  if (now >= facts.expiresAt) return 'expired';
  if (!facts.enabled) return 'api-keys-disabled';
  if (facts.requireRole && !facts.mayUseApi) return 'role-not-permitted';
  if (!facts.scopesHeld) return 'insufficient-scope';
  return 'valid';
};
