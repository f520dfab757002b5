import type { Recorded } from '../domain/event.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import { type Instant, instant } from '../domain/instant.ts';
import type { KeyPolicy, ScopeCatalog } from '../domain/keyPolicy.ts';
import { missingScopes } from '../domain/scopes.ts';
import type { UserKind } from '../domain/user.ts';
import { type VerificationCode, type VerificationFacts, verificationCode } from '../domain/verification.ts';
import { fold } from './index/fold.ts';
import type { OwnerStatus } from './index/owners.ts';
import type { Rights } from './index/rights.ts';
import { emptyState, type FoldedTo, type IndexState } from './index/state.ts';
import type { ServiceTokenFacts } from './index/tokens.ts';

export type Question = {
  /** SHA-256 of the key's text. */
  readonly hash: Uint8Array;
  /** Asked only where the hash is unknown: whether the text can be a key of ours at all. */
  readonly wellFormed: () => boolean;
  /** Scopes that the key must have; none: only whether it works. */
  readonly scopes: readonly string[];
  /** Those that the asking service token is limited to; null: not limited. */
  readonly applications: readonly string[] | null;
};

/** The parts of POST /v1/verify's answer that follow from the key; the caller adds position and epoch. */
export type Answer =
  | {
      readonly valid: true;
      readonly code: 'valid';
      readonly keyId: KeyId;
      readonly ownerId: UserId;
      readonly owner: {
        readonly id: UserId;
        readonly kind: UserKind;
        readonly roles: readonly string[];
        readonly groups: readonly string[];
        readonly organizations: readonly string[];
      };
      readonly permissions: readonly string[];
      /** Concrete; null: any scope. */
      readonly scopes: readonly string[] | null;
      /** The effective end: the earlier of expiry and end of grace. */
      readonly expiresAt: Instant | null;
    }
  | { readonly valid: false; readonly code: Exclude<VerificationCode, 'valid'>; readonly missing?: readonly string[] };

/** What is known of a key without its owner's personal data. */
export type KeyFacts = {
  readonly keyId: KeyId;
  readonly ownerId: UserId;
  readonly ownerEpoch: number;
  readonly scopes: readonly string[] | null;
  readonly expiresAt: Instant | null;
  readonly graceUntil: Instant | null;
  /** By a decision on the key itself. */
  readonly revoked: boolean;
};

/** A user's rights of this moment: what sessions and permissions are checked against. */
export type OwnerFacts = {
  readonly userId: UserId;
  readonly kind: UserKind;
  /** `unknown`: the log names them and has no event of theirs yet. */
  readonly status: OwnerStatus;
  readonly ownerEpoch: number;
  readonly sessionEpoch: number;
  readonly mustChangePassword: boolean;
  /** With `admin`, where they are an administrator. */
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly organizations: readonly string[];
  readonly permissions: readonly string[];
  /** Patterns. */
  readonly scopes: readonly string[];
};

/**
 * What a policy would break: keys that work now and would not under it, and the users whose keys these are. `sample`: the
 * first of them, oldest first, each with what verification would answer then.
 */
export type PolicyImpact = {
  readonly keysAffected: number;
  readonly usersAffected: number;
  readonly sample: readonly { readonly keyId: KeyId; readonly ownerId: UserId; readonly code: VerificationCode }[];
};

/**
 * Who may do what with which key, folded from the log into memory. Reads no clock and no store; it knows nothing of how
 * fresh it is: only its reader does, and only through the reader may it be asked.
 */
export type VerificationIndex = {
  /** Folds the next event of the log. @throws where it is unknown or contradicts the log: nobody may ask from then on */
  readonly apply: (event: Recorded<{ readonly type: string; readonly data: object }>) => void;
  readonly foldedTo: () => FoldedTo | null;
  readonly epoch: () => string | null;
  readonly installationId: () => string | null;
  readonly state: IndexState;

  /** @param now milliseconds since 1970, like every `now` here */
  readonly verify: (question: Question, now: number) => Answer;
  /** Why a text works or does not, and which key it is; for its owner and for administrators. */
  readonly identify: (
    question: Pick<Question, 'hash' | 'wellFormed'>,
    now: number,
  ) => { readonly code: VerificationCode; readonly keyId: KeyId | null; readonly ownerId: UserId | null };
  readonly key: (keyId: KeyId) => KeyFacts | null;
  /** What verification answers for the key to a call without scopes; null: no such key. */
  readonly codeOf: (keyId: KeyId, now: number) => VerificationCode | null;
  /** Newest first. */
  readonly keysOf: (userId: UserId) => readonly KeyFacts[];
  readonly owner: (userId: UserId) => OwnerFacts | null;
  /** @param hash SHA-256 of the token's text. @returns null where it opens nothing: unknown, rotated, revoked, past its end */
  readonly token: (hash: Uint8Array, now: number) => ServiceTokenFacts | null;
  readonly policy: () => KeyPolicy;
  readonly catalog: () => ScopeCatalog;
  readonly counts: () => { readonly keys: number; readonly owners: number };
  /**
   * What works now and would not under another policy, of which nothing else applies to keys that are there. Walks over
   * all keys, some milliseconds at a time: whoever draws from it lets others have their turn between.
   */
  readonly impactOf: (
    policy: Pick<KeyPolicy, 'enabled' | 'requireRole'>,
    now: number,
    sample: number,
  ) => Generator<void, PolicyImpact, void>;
};

type MutableFacts = { -readonly [F in keyof VerificationFacts]: VerificationFacts[F] };

const noFacts: VerificationFacts = {
  known: false,
  wellFormed: false,
  ownerActive: false,
  ownerEpoch: 0,
  keyEpoch: 0,
  revoked: false,
  graceUntil: Number.POSITIVE_INFINITY,
  expiresAt: Number.POSITIVE_INFINITY,
  enabled: false,
  requireRole: false,
  mayUseApi: false,
  scopesHeld: false,
};

/** How many keys are walked over before others get their turn. */
const keysAtOnce = 10_000;

const noScopes: readonly string[] = [];

export const createVerificationIndex = (state: IndexState = emptyState()): VerificationIndex => {
  const { keys, owners, roles, tokens } = state;
  // Refilled by every question: nothing else is allocated for a refusal.
  const facts: MutableFacts = { ...noFacts };

  const rightsOf = (owner: number): Rights =>
    roles.rights(owners.roleSet(owner), owners.roles(owner), owners.isAdministrator(owner));

  const fill = (key: number, rights: Rights) => {
    const owner = keys.owner(key);
    facts.known = true;
    facts.ownerActive = owners.status(owner) === 'active';
    facts.ownerEpoch = owners.ownerEpoch(owner);
    facts.keyEpoch = keys.ownerEpoch(key);
    facts.revoked = keys.isRevoked(key);
    facts.graceUntil = keys.graceUntilMs(key);
    // Once recorded, an expiry is final, whatever a clock says.
    facts.expiresAt = keys.isExpired(key) ? Number.NEGATIVE_INFINITY : keys.expiresAtMs(key);
    facts.enabled = state.policy.enabled;
    facts.requireRole = state.policy.requireRole;
    facts.mayUseApi = rights.mayUseApi;
    facts.scopesHeld = true;
  };

  const unknown = (wellFormed: () => boolean): Exclude<VerificationCode, 'valid'> => {
    facts.known = false;
    facts.wellFormed = wellFormed();
    return verificationCode(facts, 0) as Exclude<VerificationCode, 'valid'>;
  };

  const verify = (question: Question, now: number): Answer => {
    const key = keys.findByHash(question.hash);
    if (key < 0) return { valid: false, code: unknown(question.wellFormed) };
    const owner = keys.owner(key);
    const rights = rightsOf(owner);
    const scopes = roles.effective(rights, keys.scopeSet(key), keys.scopes(key), question.applications);
    const missing = question.scopes.length === 0 ? noScopes : missingScopes(scopes, question.scopes);
    fill(key, rights);
    facts.scopesHeld = missing.length === 0;
    const code = verificationCode(facts, now);
    if (code === 'insufficient-scope') return { valid: false, code, missing };
    if (code !== 'valid') return { valid: false, code };
    const ownerId = owners.userId(owner);
    const end = Math.min(keys.expiresAtMs(key), keys.graceUntilMs(key));
    return {
      valid: true,
      code,
      keyId: keys.keyId(key),
      ownerId,
      owner: {
        id: ownerId,
        kind: owners.kind(owner),
        roles: rights.roles,
        groups: owners.groups(owner),
        organizations: owners.organizations(owner),
      },
      permissions: rights.permissions,
      scopes,
      expiresAt: end === Number.POSITIVE_INFINITY ? null : instant(end),
    };
  };

  const codeOfRow = (key: number, now: number) => {
    fill(key, rightsOf(keys.owner(key)));
    return verificationCode(facts, now);
  };

  const factsOf = (key: number): KeyFacts => ({
    keyId: keys.keyId(key),
    ownerId: owners.userId(keys.owner(key)),
    ownerEpoch: keys.ownerEpoch(key),
    scopes: keys.scopes(key),
    expiresAt: keys.expiresAt(key),
    graceUntil: keys.graceUntil(key),
    revoked: keys.isRevoked(key),
  });

  return {
    apply: (event) => fold(state, event),
    foldedTo: () => state.foldedTo,
    epoch: () => state.epoch,
    installationId: () => state.installationId,
    state,

    verify,
    identify: ({ hash, wellFormed }, now) => {
      const key = keys.findByHash(hash);
      if (key < 0) return { code: unknown(wellFormed), keyId: null, ownerId: null };
      return { code: codeOfRow(key, now), keyId: keys.keyId(key), ownerId: owners.userId(keys.owner(key)) };
    },
    key: (keyId) => {
      const key = keys.find(keyId);
      return key < 0 ? null : factsOf(key);
    },
    codeOf: (keyId, now) => {
      const key = keys.find(keyId);
      if (key < 0) return null;
      return keys.ownsHash(key) ? codeOfRow(key, now) : 'not-found';
    },
    keysOf: (userId) => {
      const owner = owners.find(userId);
      return owner < 0 ? [] : [...keys.ofOwner(owner)].map(factsOf);
    },
    owner: (userId) => {
      const owner = owners.find(userId);
      if (owner < 0) return null;
      const rights = rightsOf(owner);
      return {
        userId,
        kind: owners.kind(owner),
        status: owners.status(owner),
        ownerEpoch: owners.ownerEpoch(owner),
        sessionEpoch: owners.sessionEpoch(owner),
        mustChangePassword: owners.mustChangePassword(owner),
        roles: rights.roles,
        groups: owners.groups(owner),
        organizations: owners.organizations(owner),
        permissions: rights.permissions,
        scopes: rights.scopes,
      };
    },
    token: (hash, now) => tokens.findByHash(hash, now),
    policy: () => state.policy,
    catalog: () => roles.catalog(),
    counts: () => ({ keys: keys.size(), owners: owners.size() }),
    *impactOf(policy, now, sample) {
      const affected = new Set<number>();
      const sampled: PolicyImpact['sample'][number][] = [];
      let keysAffected = 0;
      const asksMore = !policy.enabled || (policy.requireRole && !state.policy.requireRole);
      for (let key = 0; asksMore && key < keys.size(); key++) {
        if (key % keysAtOnce === keysAtOnce - 1) yield;
        // A hash that an older key had is that key's: this one never worked.
        if (!keys.ownsHash(key) || codeOfRow(key, now) !== 'valid') continue;
        facts.enabled = policy.enabled;
        facts.requireRole = policy.requireRole;
        const code = verificationCode(facts, now);
        if (code === 'valid') continue;
        const owner = keys.owner(key);
        keysAffected += 1;
        affected.add(owner);
        if (sampled.length < sample) sampled.push({ keyId: keys.keyId(key), ownerId: owners.userId(owner), code });
      }
      return { keysAffected, usersAffected: affected.size, sample: sampled };
    },
  };
};
