import type { EventName, EventNamed } from '../../../domain/events.ts';
import { emptyProfile, type Profile } from '../../../domain/profile.ts';
import type { Receipt } from '../../../domain/receipts.ts';

// What each field of a stored event may hold, said once more, by hand: a field that is renamed or retyped in domain/ no
// longer compiles here, and once this follows, the golden files of what is stored already fail against it.

type Is<T> = (value: unknown) => value is T;
type Shape<Data> = { readonly [F in keyof Data]-?: Is<Data[F]> };
export type Shapes = { readonly [T in EventName]: Shape<EventNamed<T>['data']> };

const text: Is<string> = (value): value is string => typeof value === 'string';
const count: Is<number> = (value): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;
const yesNo: Is<boolean> = (value): value is boolean => typeof value === 'boolean';
const instant: Is<string> = (value): value is string =>
  text(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
const sha256: Is<string> = (value): value is string => text(value) && /^[0-9a-f]{64}$/.test(value);
const oneOf =
  <const T extends readonly string[]>(...names: T): Is<T[number]> =>
  (value): value is T[number] =>
    names.includes(value as string);
const or =
  <T>(is: Is<T>): Is<T | null> =>
  (value): value is T | null =>
    value === null || is(value);
const list =
  <T>(is: Is<T>): Is<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.every(is);
const like =
  <T>(shape: Shape<T>): Is<T> =>
  (value): value is T =>
    typeof value === 'object' && value !== null && misfits(value, shape).length === 0;

/** Names of the fields that are missing, too many, or hold what they may not. */
export const misfits = (data: object, shape: object): readonly string[] => {
  const fields = new Set([...Object.keys(data), ...Object.keys(shape)]);
  const at = (object: object, field: string) => (object as { readonly [field: string]: unknown })[field];
  return [...fields].filter((field) => {
    const is = at(shape, field) as Is<unknown> | undefined;
    return !Object.hasOwn(data, field) || !Object.hasOwn(shape, field) || !is?.(at(data, field));
  });
};

const profile: Shape<Profile> = {
  firstName: or(text),
  lastName: or(text),
  fullName: or(text),
  phone: or(text),
  position: or(text),
  description: or(text),
  language: or(text),
  timeZone: or(text),
};

const partOfProfile: Is<Partial<Profile>> = (value): value is Partial<Profile> =>
  typeof value === 'object' && misfits({ ...emptyProfile, ...value }, profile).length === 0;

const registration: Shapes['UserRegistered'] = {
  userId: text,
  kind: oneOf('human', 'service'),
  email: or(text),
  claim: or(sha256),
  externalProvider: or(text),
  passwordHash: or(text),
  mustChangePassword: yesNo,
  profile: or(like(profile)),
  roles: list(text),
  groups: list(text),
  organizations: list(text),
};

const policy: Shape<EventNamed<'KeyPolicyChanged'>['data']['policy']> = {
  preset: oneOf('qalyptus', 'idmp', 'aip', 'helmut'),
  enabled: yesNo,
  requireRole: yesNo,
  nameRequired: yesNo,
  nameEditable: yesNo,
  uniqueNames: yesNo,
  maxKeysPerUser: count,
  whenFull: oneOf('refuse', 'replace'),
  expiry: oneOf('required', 'optional', 'none'),
  maxLifetimeDays: or(count),
  expiryEditable: oneOf('no', 'shorten', 'any'),
  secret: oneOf('once', 'recoverable'),
  form: oneOf('prefixed', 'dotted'),
  prefix: or(text),
  scoped: yesNo,
  rotation: yesNo,
  maxGraceSeconds: count,
  expiryNoticeDays: list(count),
  endUnusedAfterDays: or(count),
};

const mailServer: Shape<NonNullable<EventNamed<'MailServerChanged'>['data']['server']>> = {
  host: text,
  port: count,
  security: oneOf('none', 'starttls', 'tls'),
  username: or(text),
  from: text,
};

const application = { application: text, actions: list(text) };

type Committed = NonNullable<EventNamed<'EmailClaimed'>['data']['committed']>;
const committed: Is<Committed> = (value): value is Committed => {
  const { type, data } = value as Committed;
  return oneOf('UserRegistered', 'UserInvited', 'EmailChanged')(type) && misfits(data, shapes[type]).length === 0;
};

const json: Is<EventNamed<'AuditExported'>['data']['filter']> = (
  value,
): value is EventNamed<'AuditExported'>['data']['filter'] => value !== undefined;

export const shapes: Shapes = {
  InstallationCreated: { installationId: text, epoch: text, minReader: count },
  EpochOpened: { epoch: text, previousEpoch: text },

  UserRegistered: registration,
  UserInvited: registration,
  ProfileChanged: { changes: or(partOfProfile) },
  EmailChanged: { email: or(text), claim: sha256, previousClaim: or(sha256) },
  AvatarChanged: { avatarId: text },
  AvatarRemoved: {},
  PasswordChanged: { passwordHash: or(text), endedSessions: yesNo },
  PasswordReset: { passwordHash: or(text) },
  PasswordRehashed: { passwordHash: or(text) },
  TwoFactorEnabled: { secret: or(text), recoveryCodeHashes: or(list(text)) },
  TwoFactorDisabled: { by: oneOf('user', 'administrator') },
  RecoveryCodeUsed: { codeHash: or(text) },
  RolesAssigned: { roles: list(text) },
  GroupsAssigned: { groups: list(text) },
  OrganizationsAssigned: { organizations: list(text) },
  NotificationSettingsChanged: { email: or(text), enabled: yesNo, verified: yesNo },
  AllSessionsEnded: {},
  UserDeactivated: { ownerEpoch: count },
  UserReactivated: {},
  UserDeleted: { ownerEpoch: count },
  UserErased: { ownerEpoch: count },

  ApiKeyCreated: {
    keyId: text,
    ownerEpoch: count,
    name: or(text),
    description: or(text),
    secretHash: sha256,
    mask: text,
    scopes: or(list(text)),
    expiresAt: or(instant),
    recoverable: yesNo,
    replaces: or(text),
  },
  ApiKeyImported: {
    keyId: text,
    ownerEpoch: count,
    name: or(text),
    secretHash: sha256,
    mask: text,
    scopes: or(list(text)),
    createdAt: instant,
    expiresAt: or(instant),
  },
  ApiKeyRenamed: { keyId: text, name: or(text), description: or(text) },
  ApiKeyScopesChanged: { keyId: text, scopes: or(list(text)) },
  ApiKeyExpiryChanged: { keyId: text, expiresAt: or(instant) },
  ApiKeyRotated: { keyId: text, newKeyId: text, graceUntil: instant },
  ApiKeyRevoked: {
    keyId: text,
    reason: oneOf('owner', 'administrator', 'incident', 'leak', 'replaced', 'unused'),
    note: or(text),
  },
  ApiKeyExpired: { keyId: text, expiresAt: instant },
  KeyringClosed: { ownerEpoch: count, reason: oneOf('owner-deactivated', 'owner-deleted'), endedAt: instant },

  SignedIn: { sessionId: text, method: oneOf('password', 'oidc'), twoFactor: yesNo },
  SignInFailed: { failures: count },
  SignInBlocked: { failures: count },
  SignedOut: { sessionId: text },
  SessionEnded: { sessionId: text },
  ApiKeyRevealed: { keyId: text },
  ApiKeyExpiryNoticed: { keyId: text, days: count, expiresAt: instant },
  NoticeSent: { noticeId: text, category: text },
  Unsubscribed: {},

  KeyPolicyChanged: { policy: like(policy) },
  ScopeCatalogChanged: { items: list(like(application)) },
  MailServerChanged: { server: or(like(mailServer)) },

  RoleDefined: { name: text, permissions: list(text), scopes: list(text) },
  RoleRemoved: { name: text },
  AdministratorGranted: { userId: text },
  AdministratorRemoved: { userId: text },

  ServiceTokenCreated: {
    tokenId: text,
    name: text,
    secretHash: sha256,
    mask: text,
    permissions: list(text),
    applications: or(list(text)),
    expiresAt: or(instant),
  },
  ServiceTokenRotated: { tokenId: text, secretHash: sha256, mask: text },
  ServiceTokenRevoked: { tokenId: text },
  SubscriberRemoved: { name: text },
  RevocationsAcknowledged: {
    epoch: text,
    items: list(like<Receipt>({ subscriber: text, instance: or(text), position: text, at: instant })),
  },

  EmailClaimed: { userId: text, committedEventId: text, committed: or(committed) },
  EmailReleased: { userId: text },

  AuditExported: { filter: json },
  KeysExported: { filter: json, format: oneOf('csv', 'ndjson') },
  KeyIdentified: { keyId: text },
  LeakReported: { source: or(text), reported: count, revoked: count },
  ProjectionSkipped: { list: text, stream: text, fromRevision: count, toRevision: count },
};
