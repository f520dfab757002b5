import fc from 'fast-check';
import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import { contradictions } from '../../domain/policyErrors.ts';

/** Any policy whose values are in range, consistent or not. Small numbers, so that limits are met in a short test. */
export const looseKeyPolicy: fc.Arbitrary<KeyPolicy> = fc.record({
  preset: fc.constantFrom('qalyptus', 'idmp', 'aip', 'helmut'),
  enabled: fc.boolean(),
  requireRole: fc.boolean(),
  nameRequired: fc.boolean(),
  nameEditable: fc.boolean(),
  uniqueNames: fc.boolean(),
  maxKeysPerUser: fc.constantFrom(1, 2, 3, 1000),
  whenFull: fc.constantFrom('refuse', 'replace'),
  expiry: fc.constantFrom('required', 'optional', 'none'),
  maxLifetimeDays: fc.constantFrom(null, 1, 10, 365),
  expiryEditable: fc.constantFrom('no', 'shorten', 'any'),
  secret: fc.constantFrom('once', 'recoverable'),
  form: fc.constantFrom('prefixed', 'dotted'),
  prefix: fc.constantFrom(null, 'api', 'k2'),
  scoped: fc.boolean(),
  rotation: fc.boolean(),
  maxGraceSeconds: fc.constantFrom(0, 60, 86_400),
  expiryNoticeDays: fc.constantFrom([], [30, 7, 1]),
  endUnusedAfterDays: fc.constantFrom(null, 90),
});

/** Any consistent policy. */
export const keyPolicy: fc.Arbitrary<KeyPolicy> = looseKeyPolicy
  .map(mended)
  .filter((policy) => contradictions(policy).length === 0);

// Most random policies contradict themselves somewhere: without this the filter would throw nearly all away.
function mended(policy: KeyPolicy): KeyPolicy {
  const maxLifetimeDays =
    policy.expiry === 'none'
      ? null
      : policy.expiry === 'required'
        ? (policy.maxLifetimeDays ?? 10)
        : policy.maxLifetimeDays;
  return {
    ...policy,
    maxLifetimeDays,
    expiryEditable: policy.expiry === 'none' ? 'no' : policy.expiryEditable,
    prefix: policy.form === 'dotted' ? null : (policy.prefix ?? 'api'),
    maxGraceSeconds: policy.rotation && policy.maxKeysPerUser > 1 ? policy.maxGraceSeconds : 0,
    whenFull: policy.maxKeysPerUser === 1 ? policy.whenFull : 'refuse',
  };
}
