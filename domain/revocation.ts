import type { ActivityEvent } from './activity.ts';
import type { AuditEvent } from './audit.ts';
import type { EmailClaimEvent } from './emailClaim.ts';
import type { InstallationEvent } from './installation.ts';
import type { Instant } from './instant.ts';
import type { PolicyEvent } from './keyPolicy.ts';
import type { KeyringEvent } from './keyring.ts';
import type { ReceiptsEvent } from './receipts.ts';
import type { RolesEvent } from './roles.ts';
import type { ServicesEvent } from './services.ts';
import type { UserEvent } from './user.ts';

export type RevocationKind = 'key' | 'owner' | 'all';

/** Why a receiver must forget; one for each way a right can end or change. */
export type MessageReason =
  | 'owner'
  | 'administrator'
  | 'incident'
  | 'leak'
  | 'expired'
  | 'rotated'
  | 'replaced'
  | 'unused'
  | 'scopes-changed'
  | 'expiry-changed'
  | 'roles-changed'
  | 'owner-deactivated'
  | 'owner-deleted'
  | 'role-defined'
  | 'role-removed'
  | 'policy-changed'
  | 'scope-catalog-changed'
  | 'epoch-opened';

/** What one event means to whoever remembers an answer, without its place in the feed. */
export type Revocation = {
  readonly kind: RevocationKind;
  /** `ended`: final. `recheck`: rights changed, ask again (always so for `all`). */
  readonly effect: 'ended' | 'recheck';
  readonly keyId?: string;
  readonly ownerId?: string;
  readonly reason: MessageReason;
  /** When it was decided. */
  readonly at: Instant;
  /** From when the right is gone: later than `at` only for a rotation with grace. */
  readonly effectiveAt: Instant;
};

/** A message of the feed, as its receivers get it. `previous`: position of the message before it, null for the first. */
export type RevocationMessage = {
  readonly position: string;
  readonly previous: string | null;
  readonly epoch: string;
  readonly id: string;
} & Revocation;

/** What the map looks at. Sealed events will do: nothing personal is used, so a message is the same before and after an erasure. */
export type FeedEvent = {
  readonly type: string;
  readonly stream: string;
  readonly data: object;
  readonly metadata: { readonly at: Instant };
};

/**
 * The message that an event makes, or null. It looks at this one event and nothing else, so that publishing again
 * gives the same bytes.
 *
 * @throws on a type that it does not know: the feed halts rather than skips
 */
export const revocationOf = (event: FeedEvent): Revocation | null => {
  if (!Object.hasOwn(messages, event.type)) throw new Error(`unknown event type ${event.type}`);
  const message = messages[event.type as keyof typeof messages] as Message<FeedEvent['data']> | null;
  return message?.(event.data, event.metadata.at, event.stream) ?? null;
};

type Message<Data> = (data: Data, at: Instant, stream: string) => Revocation;
type Messages<E extends { type: string; data: unknown }> = {
  readonly [T in E['type']]: Message<Extract<E, { type: T }>['data']> | null;
};

const keyMessage = (
  keyId: string,
  effect: Revocation['effect'],
  reason: MessageReason,
  at: Instant,
  effectiveAt = at,
) => ({ kind: 'key', effect, keyId, reason, at, effectiveAt }) as const;

const ownerMessage = (ownerId: string, effect: Revocation['effect'], reason: MessageReason, at: Instant) =>
  ({ kind: 'owner', effect, ownerId, reason, at, effectiveAt: at }) as const;

/** Of an event on the stream of a user, whose id stands nowhere else. */
const streamOwner =
  (effect: Revocation['effect'], reason: MessageReason): Message<unknown> =>
  (_, at, stream) =>
    ownerMessage(stream.slice(stream.indexOf('-') + 1), effect, reason, at);

const administrator: Message<{ userId: string }> = ({ userId }, at) =>
  ownerMessage(userId, 'recheck', 'roles-changed', at);

const everything =
  (reason: MessageReason): Message<unknown> =>
  (_, at) => ({ kind: 'all', effect: 'recheck', reason, at, effectiveAt: at });

/** Events that no file declares yet whose streams the log may hold. */
type EventWithoutUnion = {
  type: 'IncidentOpened' | 'IncidentCompleted' | 'CheckpointSigned';
  data: unknown;
};

const messages: Messages<
  | KeyringEvent
  | UserEvent
  | RolesEvent
  | PolicyEvent
  | InstallationEvent
  | ServicesEvent
  | EmailClaimEvent
  | ActivityEvent
  | AuditEvent
  | ReceiptsEvent
  | EventWithoutUnion
> = {
  ApiKeyRevoked: ({ keyId, reason }, at) => keyMessage(keyId, 'ended', reason, at),
  ApiKeyExpired: ({ keyId, expiresAt }, at) => keyMessage(keyId, 'ended', 'expired', at, expiresAt),
  ApiKeyRotated: ({ keyId, graceUntil }, at) => keyMessage(keyId, 'ended', 'rotated', at, graceUntil),
  ApiKeyScopesChanged: ({ keyId }, at) => keyMessage(keyId, 'recheck', 'scopes-changed', at),
  ApiKeyExpiryChanged: ({ keyId }, at) => keyMessage(keyId, 'recheck', 'expiry-changed', at),
  ApiKeyCreated: null,
  ApiKeyImported: null,
  ApiKeyRenamed: null,
  // The user's event has already said it to everybody.
  KeyringClosed: null,

  RolesAssigned: streamOwner('recheck', 'roles-changed'),
  // The keys of the epoch it ends never work again; reactivation revives none.
  UserDeactivated: streamOwner('ended', 'owner-deactivated'),
  UserDeleted: streamOwner('ended', 'owner-deleted'),
  UserErased: streamOwner('ended', 'owner-deleted'),
  UserRegistered: null,
  UserInvited: null,
  ProfileChanged: null,
  EmailChanged: null,
  AvatarChanged: null,
  AvatarRemoved: null,
  PasswordChanged: null,
  PasswordReset: null,
  PasswordRehashed: null,
  TwoFactorEnabled: null,
  TwoFactorDisabled: null,
  RecoveryCodeUsed: null,
  GroupsAssigned: null,
  OrganizationsAssigned: null,
  NotificationSettingsChanged: null,
  AllSessionsEnded: null,
  // Memory may only say yes, and of this owner it holds none.
  UserReactivated: null,

  AdministratorGranted: administrator,
  AdministratorRemoved: administrator,
  RoleDefined: everything('role-defined'),
  RoleRemoved: everything('role-removed'),

  KeyPolicyChanged: everything('policy-changed'),
  ScopeCatalogChanged: everything('scope-catalog-changed'),
  MailServerChanged: null,

  EpochOpened: everything('epoch-opened'),
  InstallationCreated: null,

  ServiceTokenCreated: null,
  ServiceTokenRotated: null,
  ServiceTokenRevoked: null,
  SubscriberRemoved: null,
  RevocationsAcknowledged: null,

  EmailClaimed: null,
  EmailReleased: null,

  SignedIn: null,
  SignInFailed: null,
  SignInBlocked: null,
  SignedOut: null,
  SessionEnded: null,
  ApiKeyRevealed: null,
  ApiKeyExpiryNoticed: null,
  NoticeSent: null,
  Unsubscribed: null,

  AuditExported: null,
  KeysExported: null,
  KeyIdentified: null,
  LeakReported: null,
  ProjectionSkipped: null,

  IncidentOpened: null,
  IncidentCompleted: null,
  CheckpointSigned: null,
};
