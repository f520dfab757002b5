import type { EventTypes, Recorded } from './event.ts';
import type { UserId } from './ids.ts';
import type { Instant } from './instant.ts';
import { emptyProfile, type Profile } from './profile.ts';
import { unknownEvent } from './unknownEvent.ts';

export const userStream = (userId: UserId) => `user-${userId}`;

export type UserKind = 'human' | 'service';
export type UserStatus = 'invited' | 'active' | 'deactivated' | 'deleted' | 'erased';

type Registration = {
  userId: UserId;
  kind: UserKind;
  email: string | null;
  /** Keyed hash of the address, as in the name of its claim's stream: it outlives the address. */
  claim: string | null;
  externalProvider: string | null;
  /** bcrypt over the keyed hash of the password; null: invited, or managed elsewhere. */
  passwordHash: string | null;
  mustChangePassword: boolean;
  profile: Profile | null;
  roles: readonly string[];
  groups: readonly string[];
  organizations: readonly string[];
};

// Stored shapes: add fields and events, never rename or reuse one.
export type UserEvent =
  | { type: 'UserRegistered'; data: Registration }
  | { type: 'UserInvited'; data: Registration }
  | { type: 'ProfileChanged'; data: { changes: Partial<Profile> | null } }
  | { type: 'EmailChanged'; data: { email: string | null; claim: string; previousClaim: string | null } }
  | { type: 'AvatarChanged'; data: { avatarId: string } }
  | { type: 'AvatarRemoved'; data: Record<never, never> }
  /** `endedSessions`: every other session ended with it; the session epoch rose by one. */
  | { type: 'PasswordChanged'; data: { passwordHash: string | null; endedSessions: boolean } }
  | { type: 'PasswordReset'; data: { passwordHash: string | null } }
  /** The same password under newer hash parameters. */
  | { type: 'PasswordRehashed'; data: { passwordHash: string | null } }
  | { type: 'TwoFactorEnabled'; data: { secret: string | null; recoveryCodeHashes: readonly string[] | null } }
  | { type: 'TwoFactorDisabled'; data: { by: 'user' | 'administrator' } }
  | { type: 'RecoveryCodeUsed'; data: { codeHash: string | null } }
  | { type: 'RolesAssigned'; data: { roles: readonly string[] } }
  | { type: 'GroupsAssigned'; data: { groups: readonly string[] } }
  | { type: 'OrganizationsAssigned'; data: { organizations: readonly string[] } }
  | { type: 'NotificationSettingsChanged'; data: { email: string | null; enabled: boolean; verified: boolean } }
  | { type: 'AllSessionsEnded'; data: Record<never, never> }
  /** `ownerEpoch`: the epoch that this event ends; the user's is one more from here on. */
  | { type: 'UserDeactivated'; data: { ownerEpoch: number } }
  | { type: 'UserReactivated'; data: Record<never, never> }
  | { type: 'UserDeleted'; data: { ownerEpoch: number } }
  | { type: 'UserErased'; data: { ownerEpoch: number } };

const registration = {
  version: 1,
  personal: ['email', 'externalProvider', 'passwordHash', 'profile'],
  person: 'stream',
  narrows: false,
} as const;
const plain = { version: 1, personal: [], person: 'stream', narrows: false } as const;
const narrowing = { ...plain, narrows: true } as const;

export const userEvents: EventTypes<UserEvent> = {
  UserRegistered: registration,
  UserInvited: registration,
  ProfileChanged: { ...plain, personal: ['changes'] },
  EmailChanged: { ...plain, personal: ['email'] },
  AvatarChanged: plain,
  AvatarRemoved: plain,
  PasswordChanged: { ...narrowing, personal: ['passwordHash'] },
  PasswordReset: { ...narrowing, personal: ['passwordHash'] },
  PasswordRehashed: { ...plain, personal: ['passwordHash'] },
  TwoFactorEnabled: { ...plain, personal: ['secret', 'recoveryCodeHashes'] },
  TwoFactorDisabled: plain,
  RecoveryCodeUsed: { ...narrowing, personal: ['codeHash'] },
  RolesAssigned: narrowing,
  GroupsAssigned: narrowing,
  OrganizationsAssigned: narrowing,
  NotificationSettingsChanged: { ...plain, personal: ['email'] },
  AllSessionsEnded: narrowing,
  UserDeactivated: narrowing,
  UserReactivated: plain,
  UserDeleted: narrowing,
  UserErased: narrowing,
};

/** What of a user's state others show beside their own facts. Times are of the event that ended the epoch. */
export type EndedEpoch = {
  readonly ownerEpoch: number;
  readonly at: Instant;
  readonly reason: 'owner-deactivated' | 'owner-deleted';
};

export type TwoFactor = { readonly secret: string | null; readonly recoveryCodeHashes: readonly string[] };

/** `email` null: no address. `verified`: its owner opened the link that was mailed to it, or signs in with it. */
export type NotificationSettings = {
  readonly email: string | null;
  readonly enabled: boolean;
  readonly verified: boolean;
};

/** A user, folded from their own stream; `admin` is never among `roles`: that is decided in `roles`. */
export type User = {
  userId: UserId;
  kind: UserKind;
  status: UserStatus;
  /** An invitation that was never taken up leaves it false, and reactivation leads back to `invited`. */
  accepted: boolean;
  email: string | null;
  claim: string | null;
  /** Ids of the events that gave this user an address: what a claim committed and this stream has taken. */
  addressEventIds: string[];
  externalProvider: string | null;
  passwordHash: string | null;
  mustChangePassword: boolean;
  twoFactor: TwoFactor | null;
  profile: Profile;
  avatarId: string | null;
  /** Null: never touched; notices go to the address that they sign in with. */
  notifications: NotificationSettings | null;
  roles: readonly string[];
  groups: readonly string[];
  organizations: readonly string[];
  /** Epochs ended so far; a key or session of another epoch is void. */
  ownerEpoch: number;
  /** How often all sessions, or all others, were ended. */
  sessionEpoch: number;
  endedEpochs: EndedEpoch[];
  createdAt: Instant;
  /** Revision of this stream's last event: the user's ETag. */
  revision: number;
};

/** Deleted or erased: nothing about them changes any more but their erasure. */
export const isGone = (user: User): boolean => user.status === 'deleted' || user.status === 'erased';

/** Where notices go and whether they do, settings never touched included. */
export const notificationsOf = (user: User): NotificationSettings =>
  user.notifications ?? { email: user.email, enabled: user.email !== null, verified: user.email !== null };

/** Null before the first event. */
export const evolveUser = (user: User | null, event: Recorded<UserEvent>): User | null => {
  if (event.type === 'UserRegistered' || event.type === 'UserInvited') return registered(event);
  if (user === null) throw new Error(`${event.stream} begins with ${event.type}`);
  user.revision = event.revision;
  apply(user, event);
  return user;
};

const registered = (event: Recorded<Extract<UserEvent, { type: 'UserRegistered' | 'UserInvited' }>>): User => {
  const accepted = event.type === 'UserRegistered';
  const { userId, kind, email, externalProvider, passwordHash, mustChangePassword, profile, ...data } = event.data;
  return {
    userId,
    kind,
    status: accepted ? 'active' : 'invited',
    accepted,
    email,
    claim: data.claim,
    addressEventIds: data.claim === null ? [] : [event.eventId],
    externalProvider,
    passwordHash,
    mustChangePassword,
    twoFactor: null,
    profile: { ...emptyProfile, ...profile },
    avatarId: null,
    notifications: null,
    roles: data.roles,
    groups: data.groups,
    organizations: data.organizations,
    ownerEpoch: 0,
    sessionEpoch: 0,
    endedEpochs: [],
    createdAt: event.metadata.at,
    revision: event.revision,
  };
};

type Later = Exclude<Recorded<UserEvent>, { type: 'UserRegistered' | 'UserInvited' }>;

const apply = (user: User, event: Later): void => {
  switch (event.type) {
    case 'ProfileChanged':
      user.profile = { ...user.profile, ...event.data.changes };
      return;
    case 'EmailChanged':
      moveAddress(user, event.data.email, event.data.claim);
      user.addressEventIds.push(event.eventId);
      return;
    case 'AvatarChanged':
      user.avatarId = event.data.avatarId;
      return;
    case 'AvatarRemoved':
      user.avatarId = null;
      return;
    case 'PasswordChanged':
      user.passwordHash = event.data.passwordHash;
      user.mustChangePassword = false;
      if (event.data.endedSessions) user.sessionEpoch += 1;
      return;
    case 'PasswordReset':
      user.passwordHash = event.data.passwordHash;
      user.mustChangePassword = false;
      user.sessionEpoch += 1;
      user.accepted = true;
      if (user.status === 'invited') user.status = 'active';
      return;
    case 'PasswordRehashed':
      user.passwordHash = event.data.passwordHash;
      return;
    case 'TwoFactorEnabled':
      user.twoFactor = { secret: event.data.secret, recoveryCodeHashes: event.data.recoveryCodeHashes ?? [] };
      return;
    case 'TwoFactorDisabled':
      user.twoFactor = null;
      return;
    case 'RecoveryCodeUsed':
      user.twoFactor = user.twoFactor && without(user.twoFactor, event.data.codeHash);
      return;
    case 'RolesAssigned':
      user.roles = event.data.roles;
      return;
    case 'GroupsAssigned':
      user.groups = event.data.groups;
      return;
    case 'OrganizationsAssigned':
      user.organizations = event.data.organizations;
      return;
    case 'NotificationSettingsChanged':
      user.notifications = event.data;
      return;
    case 'AllSessionsEnded':
      user.sessionEpoch += 1;
      return;
    case 'UserReactivated':
      user.status = user.accepted ? 'active' : 'invited';
      return;
    case 'UserDeactivated':
      endEpoch(user, event, 'owner-deactivated');
      user.status = 'deactivated';
      return;
    case 'UserDeleted':
      endEpoch(user, event, 'owner-deleted');
      user.status = 'deleted';
      return;
    case 'UserErased':
      endEpoch(user, event, 'owner-deleted');
      user.status = 'erased';
      forget(user);
      return;
    default:
      throw unknownEvent(event);
  }
};

const without = (twoFactor: TwoFactor, codeHash: string | null): TwoFactor => ({
  ...twoFactor,
  recoveryCodeHashes: twoFactor.recoveryCodeHashes.filter((hash) => hash !== codeHash),
});

/** Notices that went to the address they sign in with go on doing so; one that becomes it waits for no link any more. */
const moveAddress = (user: User, email: string | null, claim: string): void => {
  const { notifications } = user;
  if (notifications !== null && notifications.email !== null && notifications.email === user.email)
    user.notifications = { ...notifications, email };
  else if (notifications !== null && email !== null && notifications.email === email)
    user.notifications = { ...notifications, verified: true };
  user.email = email;
  user.claim = claim;
};

const endEpoch = (
  user: User,
  event: Recorded<{ data: { ownerEpoch: number } }>,
  reason: EndedEpoch['reason'],
): void => {
  const { ownerEpoch } = event.data;
  user.ownerEpoch = ownerEpoch + 1;
  user.endedEpochs.push({ ownerEpoch, at: event.metadata.at, reason });
};

/** What is theirs in the log is unreadable from now on; what was read before goes too. */
const forget = (user: User): void => {
  user.email = null;
  user.externalProvider = null;
  user.passwordHash = null;
  user.twoFactor = null;
  user.profile = emptyProfile;
  user.avatarId = null;
  user.notifications = null;
};
