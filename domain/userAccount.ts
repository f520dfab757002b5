import { type Decision, type FieldError, reject } from './decider.ts';
import { emailNormalForm } from './emailAddress.ts';
import type { CommittedUserEvent } from './emailClaim.ts';
import type { UserId } from './ids.ts';
import { emptyProfile, type Profile, readProfile } from './profile.ts';
import { textError, tidy } from './text.ts';
import { isGone, type User, type UserEvent, type UserKind } from './user.ts';
import { readGroups, readOrganizations, readRoles } from './userMemberships.ts';

/** An address in normal form, and the keyed hash that its claim's stream is named for. */
export type SignInAddress = { readonly email: string; readonly claim: string };

type NewUser = {
  readonly userId: UserId;
  readonly kind: UserKind;
  /** Null only for services. */
  readonly address: SignInAddress | null;
  readonly profile: Partial<Profile>;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly organizations: readonly string[];
};

export type NewUserCommand =
  | (NewUser & {
      readonly type: 'RegisterUser';
      /** Null where another provider signs them in, or nobody signs in at all (a service). */
      readonly passwordHash: string | null;
      readonly externalProvider: string | null;
      readonly mustChangePassword: boolean;
    })
  | (NewUser & { readonly type: 'InviteUser' });

/** What a claim committed, given to its user: the event itself, unless they have it or can no longer take it. */
export type CompleteClaim = { readonly type: 'CompleteClaim'; readonly committed: CommittedUserEvent };

/** Rejections: `conflict` (the id is taken), `email-required`, `externally-managed` (a password, too), `validation-failed`. */
export const decideNewUser = (command: NewUserCommand, user: User | null): Decision<UserEvent> => {
  if (user !== null) return reject('conflict');
  const { userId, kind, address } = command;
  const isInvitation = command.type === 'InviteUser';
  if (address === null && (kind === 'human' || isInvitation)) return reject('email-required');
  const externalProvider = isInvitation ? null : tidy(command.externalProvider);
  const passwordHash = isInvitation ? null : command.passwordHash;
  if (externalProvider !== null && passwordHash !== null) return reject('externally-managed');

  const profile = readProfile(command.profile);
  const [roles, groups, organizations] = [
    readRoles(command.roles),
    readGroups(command.groups),
    readOrganizations(command.organizations),
  ];
  const errors = [
    addressError(address),
    textError('/externalProvider', externalProvider, 200),
    !isInvitation && kind === 'human' && externalProvider === null && passwordHash === null
      ? { field: '/password', detail: 'A password or a provider; without either, invite them.' }
      : null,
    ...profile.errors,
    ...roles.errors,
    ...groups.errors,
    ...organizations.errors,
  ].filter((error): error is FieldError => error !== null);
  if (errors.length > 0) return reject('validation-failed', undefined, errors);

  const data = {
    userId,
    kind,
    email: address?.email ?? null,
    claim: address?.claim ?? null,
    externalProvider,
    passwordHash,
    mustChangePassword: !isInvitation && passwordHash !== null && command.mustChangePassword,
    profile: { ...emptyProfile, ...profile.fields },
    roles: roles.names,
    groups: groups.names,
    organizations: organizations.names,
  };
  return [{ type: isInvitation ? 'UserInvited' : 'UserRegistered', data }];
};

/** The field error of an address that is not in normal form. */
export const addressError = (address: SignInAddress | null): FieldError | null =>
  address === null || emailNormalForm(address.email) === address.email
    ? null
    : { field: '/email', detail: 'Not an e-mail address.' };

/**
 * Rejections, each of which means that the claim is to be released: `not-found`, `already-ended` (they are deleted),
 * `conflict` (their address changed otherwise since the change was decided).
 */
export const decideCompletion = ({ committed }: CompleteClaim, user: User | null): Decision<UserEvent> => {
  // A claim is decided with an event made here, and its personal part comes back whole or not at all.
  const event = committed as UserEvent;
  if (event.type !== 'EmailChanged') return user === null ? [event] : [];
  if (user === null) return reject('not-found');
  if (user.claim === event.data.claim) return [];
  if (isGone(user)) return reject('already-ended');
  if (user.claim !== event.data.previousClaim) return reject('conflict');
  return [event];
};

export type AccountCommand =
  | { readonly type: 'DeactivateUser' }
  | { readonly type: 'ReactivateUser' }
  | { readonly type: 'DeleteUser' }
  | { readonly type: 'EraseUser' }
  /** Every session of the user, the one that asks too; keys stay. */
  | { readonly type: 'EndAllSessions' };

/** Each end carries the epoch that it ends, and no state is ended twice. Rejection: `already-ended`. */
export const decideAccount = (command: AccountCommand, user: User): Decision<UserEvent> => {
  const { status, ownerEpoch } = user;
  switch (command.type) {
    case 'DeactivateUser':
      if (isGone(user)) return reject('already-ended');
      return status === 'deactivated' ? [] : [{ type: 'UserDeactivated', data: { ownerEpoch } }];
    case 'ReactivateUser':
      if (isGone(user)) return reject('already-ended');
      return status === 'deactivated' ? [{ type: 'UserReactivated', data: {} }] : [];
    case 'DeleteUser':
      return isGone(user) ? [] : [{ type: 'UserDeleted', data: { ownerEpoch } }];
    case 'EraseUser':
      return status === 'erased' ? [] : [{ type: 'UserErased', data: { ownerEpoch } }];
    case 'EndAllSessions':
      // Whoever is not active has none: their epoch ended with them.
      return status === 'active' ? [{ type: 'AllSessionsEnded', data: {} }] : [];
  }
};
