import type { KeyPolicy, PresetName } from './keyPolicy.ts';

/** All values of the four systems that an installation can stand in for. */
export const presets: { readonly [P in PresetName]: KeyPolicy } = {
  qalyptus: {
    preset: 'qalyptus',
    enabled: false,
    requireRole: true,
    nameRequired: true,
    nameEditable: true,
    uniqueNames: false,
    maxKeysPerUser: 1000,
    whenFull: 'refuse',
    expiry: 'required',
    maxLifetimeDays: 180,
    expiryEditable: 'shorten',
    secret: 'once',
    form: 'prefixed',
    prefix: 'api',
    scoped: false,
    rotation: false,
    maxGraceSeconds: 0,
    expiryNoticeDays: [30, 7, 1],
    endUnusedAfterDays: null,
  },
  idmp: {
    preset: 'idmp',
    enabled: true,
    requireRole: false,
    nameRequired: true,
    nameEditable: false,
    uniqueNames: true,
    maxKeysPerUser: 1000,
    whenFull: 'refuse',
    expiry: 'optional',
    maxLifetimeDays: null,
    expiryEditable: 'any',
    secret: 'recoverable',
    form: 'prefixed',
    prefix: 'api',
    scoped: false,
    rotation: false,
    maxGraceSeconds: 0,
    expiryNoticeDays: [30, 7, 1],
    endUnusedAfterDays: null,
  },
  aip: {
    preset: 'aip',
    enabled: true,
    requireRole: false,
    nameRequired: false,
    nameEditable: true,
    uniqueNames: false,
    maxKeysPerUser: 1,
    whenFull: 'replace',
    expiry: 'none',
    maxLifetimeDays: null,
    expiryEditable: 'no',
    secret: 'once',
    form: 'dotted',
    prefix: null,
    scoped: false,
    rotation: true,
    maxGraceSeconds: 0,
    expiryNoticeDays: [],
    endUnusedAfterDays: null,
  },
  helmut: {
    preset: 'helmut',
    enabled: true,
    requireRole: false,
    nameRequired: true,
    nameEditable: true,
    uniqueNames: false,
    maxKeysPerUser: 1000,
    whenFull: 'refuse',
    expiry: 'optional',
    maxLifetimeDays: null,
    expiryEditable: 'any',
    secret: 'once',
    form: 'prefixed',
    prefix: 'api',
    scoped: true,
    rotation: true,
    maxGraceSeconds: 86_400,
    expiryNoticeDays: [30, 7, 1],
    endUnusedAfterDays: null,
  },
};

/** The fields of a policy that somebody gives; an absent one is left to the preset, or to the policy as it is. */
export type PolicyChange = { readonly [F in keyof KeyPolicy]?: KeyPolicy[F] | undefined };

/**
 * The policy that a change asks for: the values of its preset with the given fields over them; without a preset, those
 * of the current policy. It may be inconsistent. Days of notice are put in order, latest notice last, so that equal
 * policies are equal.
 */
export const appliedPolicy = (current: KeyPolicy, change: PolicyChange): KeyPolicy => {
  const base = change.preset === undefined ? current : presets[change.preset];
  const given = fields.filter((field) => change[field] !== undefined).map((field) => [field, change[field]]);
  const policy: KeyPolicy = { ...base, ...Object.fromEntries(given) };
  return { ...policy, expiryNoticeDays: [...new Set(policy.expiryNoticeDays)].sort((a, b) => b - a) };
};

export const samePolicy = (a: KeyPolicy, b: KeyPolicy): boolean =>
  fields.every((field) => JSON.stringify(a[field]) === JSON.stringify(b[field]));

/** It differs from the preset that it bears the name of. */
export const isCustomized = (policy: KeyPolicy): boolean => !samePolicy(policy, presets[policy.preset]);

const fields = Object.keys(presets.qalyptus) as readonly (keyof KeyPolicy)[];
