import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import type { ModelKey } from './keyringModel.ts';

// What is told of a key, written from the contract's prose: by verification, to its owner, and with a refusal.

/** All that what a key is now follows from, beside the key itself. Times in milliseconds. */
export type Standing = {
  readonly now: number;
  /** The owner's epoch now, and when each one before it was ended. */
  readonly epoch: number;
  readonly offAt: readonly number[];
  readonly policy: KeyPolicy;
  readonly mayUseApi: boolean;
  /** By a decision on the key. */
  readonly revokedAt: number | null;
  readonly revokedNote: string | null;
  /** Its text is there to be copied. */
  readonly kept: boolean;
};

/** In the contract's order of codes; nothing of it asks for scopes. */
export const codeOf = (
  key: ModelKey,
  { now, epoch, policy, mayUseApi }: Pick<Standing, 'now' | 'epoch' | 'policy' | 'mayUseApi'>,
): string => {
  if (key.epoch !== epoch) return 'owner-inactive';
  if (key.revoked !== null || (key.graceEnd !== null && key.graceEnd <= now)) return 'revoked';
  if (key.endRecorded || (key.end !== null && key.end <= now)) return 'expired';
  if (!policy.enabled) return 'api-keys-disabled';
  return policy.requireRole && !mayUseApi ? 'role-not-permitted' : 'valid';
};

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** Of several ends the first counts. */
const endOf = (key: ModelKey, { now, offAt, revokedAt, revokedNote }: Standing) => {
  const ends: { at: number; reason: string; note: string | null }[] = [];
  if (key.revoked !== null && revokedAt !== null) ends.push({ at: revokedAt, reason: key.revoked, note: revokedNote });
  if (key.graceEnd !== null && key.graceEnd <= now) ends.push({ at: key.graceEnd, reason: 'rotated', note: null });
  const off = offAt[key.epoch];
  if (off !== undefined) ends.push({ at: off, reason: 'owner-deactivated', note: null });
  let first = ends[0];
  for (const end of ends) if (first && end.at < first.at) first = end;
  return first ?? null;
};

/** A key as its owner sees it, but for who made it. */
export const shownOf = (key: ModelKey, standing: Standing) => {
  const { now, kept } = standing;
  const end = endOf(key, standing);
  const over = key.endRecorded || (key.end !== null && key.end <= now);
  const status = end ? 'revoked' : over ? 'expired' : 'active';
  const code = codeOf(key, standing);
  return {
    id: key.id,
    name: key.name,
    description: key.description,
    status,
    usable: code === 'valid',
    unusableBecause: code === 'valid' ? null : code,
    scopes: key.scopes,
    recoverable: kept && status === 'active' && key.graceEnd === null,
    createdAt: time(key.made),
    expiresAt: time(key.end),
    graceUntil: time(key.graceEnd),
    revokedAt: time(end?.at ?? null),
    revokedReason: end?.reason ?? null,
    revokedNote: end?.note ?? null,
    replaces: key.replaces,
    replacedBy: key.replacedBy,
  };
};

/** Of a new text: `dotted`: 8, a dot, 32; `prefixed`: the prefix and 36 characters. */
export const formOf = ({ form, prefix }: KeyPolicy): RegExp =>
  form === 'dotted' ? /^[0-9A-Za-z]{8}\.[0-9A-Za-z]{32}$/ : new RegExp(`^${prefix}_[0-9A-Za-z]{36}$`);

/** First and last four of what comes after the prefix. */
export const maskedAs = (text: string): string => {
  const [prefix, rest] = text.includes('_') ? [`${text.split('_')[0]}_`, text.split('_')[1]!] : ['', text];
  return `${prefix}${rest.slice(0, 4)}…${rest.slice(-4)}`;
};

/** What a refusal says beside its code. `madeAt`: when the key's life begins, or began. */
export const paramsOf = (refused: string, policy: KeyPolicy, madeAt: number): object | undefined => {
  if (refused === 'api-key-limit-reached') return { limit: policy.maxKeysPerUser };
  if (refused === 'grace-not-allowed') return { maxGraceSeconds: policy.maxGraceSeconds };
  if (refused !== 'expiry-beyond-policy') return undefined;
  return { latest: time(madeAt + (policy.maxLifetimeDays ?? 0) * 24 * 3_600_000) };
};
