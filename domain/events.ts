import { type ActivityEvent, activityEvents } from './activity.ts';
import { type AuditEvent, auditEvents } from './audit.ts';
import { type EmailClaimEvent, emailClaimEvents } from './emailClaim.ts';
import type { EventType, EventTypes } from './event.ts';
import type { KeyId } from './ids.ts';
import { type InstallationEvent, installationEvents } from './installation.ts';
import { type PolicyEvent, policyEvents } from './keyPolicy.ts';
import { type KeyringEvent, keyringEvents } from './keyring.ts';
import { type ReceiptsEvent, receiptsEvents } from './receipts.ts';
import { type RolesEvent, rolesEvents } from './roles.ts';
import { type ServicesEvent, servicesEvents } from './services.ts';
import { unknownEvent } from './unknownEvent.ts';
import { type UserEvent, userEvents } from './user.ts';

/** Everything that can stand in the log. */
export type AnyEvent =
  | InstallationEvent
  | UserEvent
  | KeyringEvent
  | ActivityEvent
  | PolicyEvent
  | RolesEvent
  | ServicesEvent
  | ReceiptsEvent
  | EmailClaimEvent
  | AuditEvent;

export type EventName = AnyEvent['type'];
export type EventNamed<T extends EventName> = Extract<AnyEvent, { type: T }>;

/** A declaration of which only the data's field names are known. */
export type AnyEventType = EventType<{ [field: string]: unknown }>;

export const eventTypes: EventTypes<AnyEvent> = {
  ...installationEvents,
  ...userEvents,
  ...keyringEvents,
  ...activityEvents,
  ...policyEvents,
  ...rolesEvents,
  ...servicesEvents,
  ...receiptsEvents,
  ...emailClaimEvents,
  ...auditEvents,
};

export const isEventName = (name: string): name is EventName => Object.hasOwn(eventTypes, name);

/** Null: nothing here can say what such an event means; whoever must not skip it stops. */
export const eventTypeOf = (name: string): AnyEventType | null => (isEventName(name) ? eventTypes[name] : null);

/** It ends or narrows a right: the vault's mark is raised before its command is answered. */
export const narrows = (event: { readonly type: EventName }): boolean => eventTypes[event.type].narrows;

export type SubjectKind =
  | 'installation'
  | 'user'
  | 'key'
  | 'policy'
  | 'scopes'
  | 'mail-server'
  | 'role'
  | 'service'
  | 'subscriber'
  | 'feed'
  | 'audit'
  | 'leak'
  | 'list';

/** What an event is about. A thing of which an installation has one goes by the name of its kind. */
export type Subject = { readonly kind: SubjectKind; readonly id: string };

/** @param event with its stream, whose name ends with the id of whoever it belongs to */
export const subjectOf = (event: AnyEvent & { readonly stream: string }): Subject => {
  switch (event.type) {
    case 'InstallationCreated':
    case 'EpochOpened':
      return { kind: 'installation', id: 'installation' };
    case 'KeyPolicyChanged':
      return { kind: 'policy', id: 'policy' };
    case 'ScopeCatalogChanged':
      return { kind: 'scopes', id: 'scopes' };
    case 'MailServerChanged':
      return { kind: 'mail-server', id: 'mail-server' };
    case 'RoleDefined':
    case 'RoleRemoved':
      return { kind: 'role', id: event.data.name };
    case 'ServiceTokenCreated':
    case 'ServiceTokenRotated':
    case 'ServiceTokenRevoked':
      return { kind: 'service', id: event.data.tokenId };
    case 'SubscriberRemoved':
      return { kind: 'subscriber', id: event.data.name };
    case 'RevocationsAcknowledged':
      return { kind: 'feed', id: 'feed' };
    case 'AuditExported':
    case 'KeysExported':
      return { kind: 'audit', id: 'audit' };
    case 'LeakReported':
      return { kind: 'leak', id: 'leak' };
    case 'ProjectionSkipped':
      return { kind: 'list', id: event.data.list };
    case 'AdministratorGranted':
    case 'AdministratorRemoved':
    case 'EmailClaimed':
    case 'EmailReleased':
      return { kind: 'user', id: event.data.userId };
    case 'ApiKeyCreated':
    case 'ApiKeyImported':
    case 'ApiKeyRenamed':
    case 'ApiKeyScopesChanged':
    case 'ApiKeyExpiryChanged':
    case 'ApiKeyRotated':
    case 'ApiKeyRevoked':
    case 'ApiKeyExpired':
    case 'ApiKeyRevealed':
    case 'ApiKeyExpiryNoticed':
    case 'KeyIdentified':
      return { kind: 'key', id: event.data.keyId };
    case 'KeyringClosed':
    case 'SignedIn':
    case 'SignInFailed':
    case 'SignInBlocked':
    case 'SignedOut':
    case 'SessionEnded':
    case 'NoticeSent':
    case 'Unsubscribed':
    case 'UserRegistered':
    case 'UserInvited':
    case 'ProfileChanged':
    case 'EmailChanged':
    case 'AvatarChanged':
    case 'AvatarRemoved':
    case 'PasswordChanged':
    case 'PasswordReset':
    case 'PasswordRehashed':
    case 'TwoFactorEnabled':
    case 'TwoFactorDisabled':
    case 'RecoveryCodeUsed':
    case 'RolesAssigned':
    case 'GroupsAssigned':
    case 'OrganizationsAssigned':
    case 'NotificationSettingsChanged':
    case 'AllSessionsEnded':
    case 'UserDeactivated':
    case 'UserReactivated':
    case 'UserDeleted':
    case 'UserErased':
      return { kind: 'user', id: idInStream(event.stream) };
    default:
      throw unknownEvent(event);
  }
};

/** `user-<id>` → the id, which may hold dashes itself. */
export const idInStream = (stream: string): string => stream.slice(stream.indexOf('-') + 1);

/**
 * The keys whose history an event belongs to by itself: a rotation to both of its keys. A KeyringClosed and a user's
 * end belong to every key of the epoch that they end, which only the keyring knows: none are named here.
 */
export const keyIdsOf = ({ data }: AnyEvent): readonly KeyId[] => {
  if (!('keyId' in data)) return [];
  return 'newKeyId' in data ? [data.keyId, data.newKeyId] : [data.keyId];
};
