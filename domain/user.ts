import type { EventTypes } from './event.ts';
import type { UserId } from './ids.ts';
import type { Instant } from './instant.ts';
import type { Profile } from './profile.ts';

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
