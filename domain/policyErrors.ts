import type { FieldError } from './decider.ts';
import type { KeyPolicy } from './keyPolicy.ts';

const prefixPattern = /^[a-z][a-z0-9]{1,11}$/;

/** Service tokens have the form of a key under this prefix, so no key may have it. */
export const serviceTokenPrefix = 'svc';

/** The fields whose values no policy can have. Empty: none. */
export const rangeErrors = (policy: KeyPolicy): readonly FieldError[] => broken(ranges, policy);

/** The fields that contradict others, of a policy whose values are in range. Empty: it is consistent. */
export const contradictions = (policy: KeyPolicy): readonly FieldError[] => broken(consistency, policy);

const broken = (rules: readonly Rule[], policy: KeyPolicy): readonly FieldError[] =>
  rules.filter(([, isBroken]) => isBroken(policy)).map(([field, , detail]) => ({ field: `/${field}`, detail }));

type Rule = readonly [field: keyof KeyPolicy, isBroken: (policy: KeyPolicy) => boolean, detail: string];

const outside = (value: number, least: number, most: number) =>
  !(Number.isInteger(value) && value >= least && value <= most);

const ranges: readonly Rule[] = [
  ['maxKeysPerUser', (p) => outside(p.maxKeysPerUser, 1, 1000), 'Must be a whole number from 1 to 1000.'],
  [
    'maxLifetimeDays',
    (p) => p.maxLifetimeDays !== null && outside(p.maxLifetimeDays, 1, 365),
    'Must be a whole number from 1 to 365, or null.',
  ],
  [
    'prefix',
    (p) => p.prefix !== null && !prefixPattern.test(p.prefix),
    'Must be a lower-case letter and 1 to 11 lower-case letters or digits.',
  ],
  ['maxGraceSeconds', (p) => outside(p.maxGraceSeconds, 0, 86_400), 'Must be a whole number from 0 to 86400.'],
  [
    'expiryNoticeDays',
    (p) => p.expiryNoticeDays.some((days) => outside(days, 1, 365)),
    'Must be whole numbers from 1 to 365.',
  ],
  [
    'endUnusedAfterDays',
    (p) => p.endUnusedAfterDays !== null && outside(p.endUnusedAfterDays, 1, 365),
    'Must be a whole number from 1 to 365, or null.',
  ],
];

const consistency: readonly Rule[] = [
  [
    'maxLifetimeDays',
    (p) => p.expiry === 'required' && p.maxLifetimeDays === null,
    'A required expiry needs a maximum lifetime.',
  ],
  [
    'maxLifetimeDays',
    (p) => p.expiry === 'none' && p.maxLifetimeDays !== null,
    'Keys without expiry have no maximum lifetime.',
  ],
  [
    'expiryEditable',
    (p) => p.expiry === 'none' && p.expiryEditable !== 'no',
    'Keys without expiry have none to be edited.',
  ],
  ['prefix', (p) => p.form === 'dotted' && p.prefix !== null, 'The dotted form has no prefix.'],
  ['prefix', (p) => p.form === 'prefixed' && p.prefix === null, 'The prefixed form needs a prefix.'],
  ['prefix', (p) => p.prefix === serviceTokenPrefix, 'This prefix belongs to service tokens.'],
  ['maxGraceSeconds', (p) => p.maxGraceSeconds > 0 && !p.rotation, 'A grace needs rotation.'],
  [
    'maxGraceSeconds',
    (p) => p.maxGraceSeconds > 0 && p.maxKeysPerUser === 1,
    'With one key per user the old key cannot go on beside the new one.',
  ],
  [
    'whenFull',
    (p) => p.whenFull === 'replace' && p.maxKeysPerUser !== 1,
    'A new key can replace the old one only where a user has one key.',
  ],
];
