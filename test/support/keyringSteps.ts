import fc from 'fast-check';
import { instant, millis } from '../../domain/instant.ts';
import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import type { Keyring } from '../../domain/keyring.ts';
import type { KeyringCommand } from '../../domain/keyringDecisions.ts';
import type { Model, ModelKey } from './keyringModel.ts';
import { catalog } from './keyrings.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** When the first step is taken. */
export const start = millis('2027-01-01T00:00:00.000Z');

/** Mostly the first, now and then the second: a run in which nearly everything is refused gets nowhere. */
const mostly = <A, B>(weight: number, often: fc.Arbitrary<A>, rarely: fc.Arbitrary<B>) =>
  fc.oneof({ weight, arbitrary: often }, { weight: 1, arbitrary: rarely });
const chance = (weight: number) => mostly(weight, fc.constant(true), fc.constant(false));

const any = {
  name: fc.constantFrom(undefined, null, '', 'ci', ' ci ', 'CI', 'cafe\u0301', 'caf\u00e9', 'cd'),
  expiry: fc.constantFrom(
    undefined,
    null,
    'as it is',
    // The longest that the policy allows, counted from now, and from when the key was made.
    'longest' as const,
    'longest of its life' as const,
    -day,
    0,
    1,
    hour,
    day,
    5 * day,
    10 * day,
    10 * day + 1,
    400 * day,
  ),
  scopes: fc.constantFrom(
    undefined,
    null,
    'as it is' as const,
    [],
    ['reports:read'],
    ['streams:write'],
    ['streams:read', 'streams:write'],
    ['streams:admin', 'reports:read'],
    ['streams:read', 'other:read'],
  ),
};
/** One step: how much later it is, whose turn it is, and what is asked. Times are counted from the step's own. */
export const keyringStep = fc.record({
  // Now and then somebody sets the clock back.
  passes: fc.constantFrom(0, 0, 1, 30_000, hour, day, 3 * day, -1, -hour),
  does: fc.oneof(
    { weight: 5, arbitrary: fc.constant('create' as const) },
    { weight: 6, arbitrary: fc.constant('edit' as const) },
    { weight: 4, arbitrary: fc.constant('rotate' as const) },
    { weight: 2, arbitrary: fc.constant('revoke' as const) },
    { weight: 2, arbitrary: fc.constantFrom('import' as const, 'expire' as const, 'close' as const) },
    { weight: 1, arbitrary: fc.constant('off and on' as const) },
  ),
  key: mostly(20, fc.nat(5), fc.constant(null)),
  /** Which of the policies there are: mostly the first. */
  policy: mostly(4, fc.constant(0), fc.nat(2)),
  stale: chance(20).map((current) => !current),
  mayUseApi: chance(8),
  ownerScopes: mostly(4, fc.constant(['*:*']), fc.constantFrom(['streams:*'], ['streams:read', 'reports:read'], [])),
  catalog: mostly(6, fc.constant(catalog), fc.constant(catalog.slice(1))),
  graceSeconds: fc.constantFrom(0, 0, 0, 60, 61, 86_400),
  made: fc.constantFrom(undefined, null, -300 * day, -day, day),
  // What fits is worked out from the policy.
  name: mostly(3, fc.constant('fitting' as const), any.name),
  expiry: mostly(3, fc.constant('fitting' as const), any.expiry),
  scopes: mostly(3, fc.constant('fitting' as const), any.scopes),
  description: fc.constantFrom(undefined, null, 'text', ' text ', 'more'),
});
export type KeyringStep = typeof keyringStep extends fc.Arbitrary<infer S> ? S : never;

const reasons = ['owner', 'administrator', 'incident', 'leak', 'unused'] as const;

/** A wish that the policy has nothing against, as far as it does not depend on the other keys. */
const fitting = (i: number, policy: KeyPolicy, target: ModelKey | undefined) => ({
  // An edit that leaves a field out, or gives it back, is as frequent as one that changes it.
  name: target && (i % 2 === 0 || !policy.nameEditable) ? target.name : ['ci', 'cd', 'ce', 'cf'][i % 4],
  expiry:
    target && (i % 3 === 0 || policy.expiryEditable === 'no')
      ? undefined
      : policy.expiry === 'none'
        ? null
        : i % 4 === 0 && policy.expiry === 'optional'
          ? null
          : ((i % 5) + 1) * (policy.maxLifetimeDays === 1 ? 4 * hour : day),
  scopes: target && i % 2 === 1 ? undefined : policy.scoped ? [['reports:read'], ['streams:write']][i % 2] : null,
});

const askedEnd = (
  expiry: KeyringStep['expiry'] | number | undefined | null,
  now: number,
  { maxLifetimeDays }: KeyPolicy,
  target: ModelKey | undefined,
): number | null | undefined => {
  const longest = (maxLifetimeDays ?? 400) * day;
  if (expiry === 'as it is') return target?.end ?? null;
  if (expiry === 'longest') return now + longest;
  if (expiry === 'longest of its life') return (target?.made ?? now) + longest;
  return typeof expiry === 'number' ? now + expiry : (expiry as null | undefined);
};

/** What a step asks of the keyring as it stands, at a time and in the owner's epoch of that time. */
export const commandOf = (
  s: KeyringStep,
  i: number,
  now: number,
  epoch: number,
  policy: KeyPolicy,
  model: Model,
): KeyringCommand => {
  const at = instant(now);
  const ownerEpoch = s.stale ? epoch - 1 : epoch;
  // The newest are the ones that can still be acted upon.
  const target = s.key === null ? undefined : model.keys.at(-1 - (s.key % Math.max(1, model.keys.length)));
  const keyId = target?.id ?? 'nobody';
  const { mayUseApi, ownerScopes, description } = s;
  const facts = { at, ownerEpoch, policy, catalog: s.catalog, ownerScopes };
  const fit = fitting(i, policy, s.does === 'edit' || s.does === 'rotate' ? target : undefined);
  const expiry = s.expiry === 'fitting' ? fit.expiry : s.expiry;
  const asked = askedEnd(expiry, now, policy, target);
  const wish = {
    name: s.name === 'fitting' ? fit.name : s.name,
    expiresAt: typeof asked === 'number' ? instant(asked) : asked,
    scopes: s.scopes === 'fitting' ? fit.scopes : s.scopes === 'as it is' ? (target?.scopes ?? null) : s.scopes,
  };
  const secret = { secretHash: `hash ${i}`, mask: `mask ${i}` };
  switch (s.does) {
    case 'create':
      return { type: 'CreateApiKey', ...facts, mayUseApi, ...secret, keyId: `k${i}`, description, ...wish };
    case 'import': {
      const createdAt = typeof s.made === 'number' ? instant(now + s.made) : s.made;
      return { type: 'ImportKey', ...facts, ...secret, keyId: `k${i}`, ...wish, createdAt };
    }
    case 'edit':
      return { type: 'EditKey', ...facts, mayUseApi, keyId, description, ...wish };
    case 'rotate': {
      const { expiresAt } = wish;
      return {
        type: 'RotateKey',
        ...facts,
        mayUseApi,
        ...secret,
        keyId,
        newKeyId: `k${i}`,
        graceSeconds: s.graceSeconds,
        expiresAt,
      };
    }
    case 'revoke':
      return {
        type: 'RevokeKey',
        at,
        ownerEpoch,
        keyId,
        reason: reasons[i % reasons.length]!,
        note: description ?? null,
      };
    case 'expire':
      return { type: 'ExpireKeys', at };
    // The closer may come any time later than the owner's event, or twice.
    default:
      return {
        type: 'CloseKeyring',
        ownerEpoch: Math.max(0, epoch - 1 - ((s.key ?? 0) % 2)),
        reason: 'owner-deactivated',
        endedAt: at,
      };
  }
};

/** A keyring as the model has it. */
export const seenAsModel = (state: Pick<Keyring, 'epoch' | 'closings' | 'keys'>) => ({
  epoch: state.epoch,
  closed: Math.max(-1, ...state.closings.map((closing) => closing.ownerEpoch)),
  keys: [...state.keys.values()].map(
    (key): ModelKey => ({
      id: key.keyId,
      epoch: key.ownerEpoch,
      name: key.name,
      description: key.description,
      scopes: key.scopes,
      made: millis(key.createdAt),
      end: key.expiresAt === null ? null : millis(key.expiresAt),
      endRecorded: key.expiredAt !== null,
      graceEnd: key.graceUntil === null ? null : millis(key.graceUntil),
      revoked: key.revokedReason,
      copyable: key.recoverable,
      replaces: key.replaces,
      replacedBy: key.replacedBy,
    }),
  ),
});
