import type { Recorded } from '../../domain/event.ts';
import { type AnyEvent, type EventName, type EventNamed, isEventName } from '../../domain/events.ts';
import type { UserId } from '../../domain/ids.ts';
import { millis } from '../../domain/instant.ts';
import type { IndexState } from './state.ts';

type Handler<T extends EventName> = (
  state: IndexState,
  data: EventNamed<T>['data'],
  event: Recorded<EventNamed<T>>,
) => void;

/** The user whose stream it is. */
const subject = (event: { readonly stream: string }): UserId => event.stream.slice(event.stream.indexOf('-') + 1);

const user = (state: IndexState, event: { readonly stream: string }) => state.owners.named(subject(event));

const ignored = () => {};

const registers =
  (accepted: boolean) =>
  ({ owners }: IndexState, data: EventNamed<'UserRegistered' | 'UserInvited'>['data']) => {
    const owner = owners.named(data.userId);
    owners.setStatus(owner, accepted ? 'active' : 'invited');
    owners.setAccepted(owner, accepted);
    owners.setKind(owner, data.kind);
    owners.setMustChangePassword(owner, data.mustChangePassword);
    owners.setRoles(owner, data.roles);
    owners.setGroups(owner, data.groups);
    owners.setOrganizations(owner, data.organizations);
  };

/** Every key and session of the epoch that ended is void from here on. */
const ends =
  (status: 'deactivated' | 'deleted' | 'erased') =>
  (state: IndexState, { ownerEpoch }: { ownerEpoch: number }, event: { readonly stream: string }) => {
    const owner = user(state, event);
    state.owners.setStatus(owner, status);
    state.owners.setOwnerEpoch(owner, ownerEpoch + 1);
  };

// Every event there is, so that a new one cannot be forgotten here.
const handlers: { readonly [T in EventName]: Handler<T> } = {
  InstallationCreated: (state, { installationId, epoch }) => {
    state.installationId = installationId;
    state.epoch = epoch;
  },
  EpochOpened: (state, { epoch }) => {
    state.epoch = epoch;
  },

  UserRegistered: registers(true),
  UserInvited: registers(false),
  UserDeactivated: ends('deactivated'),
  UserDeleted: ends('deleted'),
  UserErased: ends('erased'),
  UserReactivated: (state, _, event) => {
    const owner = user(state, event);
    state.owners.setStatus(owner, state.owners.accepted(owner) ? 'active' : 'invited');
  },
  RolesAssigned: (state, { roles }, event) => state.owners.setRoles(user(state, event), roles),
  GroupsAssigned: (state, { groups }, event) => state.owners.setGroups(user(state, event), groups),
  OrganizationsAssigned: (state, { organizations }, event) =>
    state.owners.setOrganizations(user(state, event), organizations),
  AllSessionsEnded: (state, _, event) => state.owners.endSessions(user(state, event)),
  PasswordChanged: (state, { endedSessions }, event) => {
    const owner = user(state, event);
    state.owners.setMustChangePassword(owner, false);
    if (endedSessions) state.owners.endSessions(owner);
  },
  PasswordReset: (state, _, event) => {
    const owner = user(state, event);
    state.owners.setMustChangePassword(owner, false);
    state.owners.endSessions(owner);
    state.owners.setAccepted(owner, true);
    if (state.owners.status(owner) === 'invited') state.owners.setStatus(owner, 'active');
  },
  ProfileChanged: ignored,
  EmailChanged: ignored,
  AvatarChanged: ignored,
  AvatarRemoved: ignored,
  PasswordRehashed: ignored,
  TwoFactorEnabled: ignored,
  TwoFactorDisabled: ignored,
  RecoveryCodeUsed: ignored,
  NotificationSettingsChanged: ignored,

  ApiKeyCreated: (state, data, event) => state.keys.add(user(state, event), data),
  ApiKeyImported: (state, data, event) => state.keys.add(user(state, event), data),
  ApiKeyScopesChanged: ({ keys }, { keyId, scopes }) => keys.setScopes(keyId, scopes),
  ApiKeyExpiryChanged: ({ keys }, { keyId, expiresAt }) => keys.setExpiry(keyId, expiresAt),
  ApiKeyRotated: ({ keys }, { keyId, graceUntil }) => keys.setGrace(keyId, graceUntil),
  ApiKeyRevoked: ({ keys }, { keyId }) => keys.revoke(keyId),
  ApiKeyExpired: ({ keys }, { keyId }) => keys.expire(keyId),
  ApiKeyRenamed: ignored,
  // The owner's epoch ended these keys already.
  KeyringClosed: ignored,

  KeyPolicyChanged: (state, { policy }) => {
    state.policy = policy;
  },
  ScopeCatalogChanged: ({ roles }, { items }) => roles.setCatalog(items),
  MailServerChanged: ignored,

  RoleDefined: ({ roles }, { name, permissions, scopes }, { revision }) =>
    roles.define(name, { permissions, scopes, revision }),
  RoleRemoved: ({ roles }, { name }) => roles.remove(name),
  AdministratorGranted: ({ owners }, { userId }) => owners.setAdministrator(owners.named(userId), true),
  AdministratorRemoved: ({ owners }, { userId }) => owners.setAdministrator(owners.named(userId), false),

  ServiceTokenCreated: ({ tokens }, { mask: _, expiresAt, ...made }) =>
    tokens.create({ ...made, expiresAtMs: expiresAt === null ? null : millis(expiresAt) }),
  ServiceTokenRotated: ({ tokens }, { tokenId, secretHash }) => tokens.rotate(tokenId, secretHash),
  ServiceTokenRevoked: ({ tokens }, { tokenId }) => tokens.revoke(tokenId),
  SubscriberRemoved: ignored,
  RevocationsAcknowledged: ignored,

  EmailClaimed: ignored,
  EmailReleased: ignored,
  SignedIn: ignored,
  SignInFailed: ignored,
  SignInBlocked: ignored,
  SignedOut: ignored,
  SessionEnded: ignored,
  ApiKeyRevealed: ignored,
  ApiKeyExpiryNoticed: ignored,
  NoticeSent: ignored,
  Unsubscribed: ignored,
  AuditExported: ignored,
  KeysExported: ignored,
  KeyIdentified: ignored,
  LeakReported: ignored,
  ProjectionSkipped: ignored,
};

/**
 * Changes the state by one event, of its newest version.
 * @throws where it is of a type that a newer release wrote, or contradicts what the log said before
 */
export const fold = (state: IndexState, event: Recorded<{ readonly type: string; readonly data: object }>): void => {
  if (!isEventName(event.type)) throw new Error(`unknown event type ${event.type}`);
  const handler = handlers[event.type] as Handler<EventName>;
  handler(state, event.data as AnyEvent['data'], event as Recorded<AnyEvent>);
  state.foldedTo = { position: event.position, eventId: event.eventId };
};
