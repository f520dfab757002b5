import { type Decision, reject } from './decider.ts';
import { emailNormalForm } from './emailAddress.ts';
import { changedFields, type Profile, readProfile } from './profile.ts';
import { type NotificationSettings, notificationsOf, type User, type UserEvent } from './user.ts';
import { addressError, type SignInAddress } from './userAccount.ts';

export type DetailCommand =
  /** Absent: unchanged; null or blank: cleared. */
  | { readonly type: 'ChangeProfile'; readonly changes: Partial<Profile> }
  /** Decides what a claim of the address is to commit. */
  | { readonly type: 'ChangeEmail'; readonly address: SignInAddress }
  | { readonly type: 'ChangeAvatar'; readonly avatarId: string }
  | { readonly type: 'RemoveAvatar' }
  | { readonly type: 'ChangeNotifications'; readonly email: string | null; readonly enabled: boolean }
  /** By the link that was mailed to the address. */
  | { readonly type: 'ConfirmNotificationAddress'; readonly email: string };

/** Rejections: `validation-failed`; `email-required`; `conflict`: the confirmed address is no longer the one set. */
export const decideDetails = (command: DetailCommand, user: User): Decision<UserEvent> => {
  switch (command.type) {
    case 'ChangeProfile': {
      const { fields, errors } = readProfile(command.changes);
      if (errors.length > 0) return reject('validation-failed', undefined, errors);
      const changes = changedFields(user.profile, fields);
      return Object.keys(changes).length === 0 ? [] : [{ type: 'ProfileChanged', data: { changes } }];
    }
    case 'ChangeEmail': {
      const { email, claim } = command.address;
      const error = addressError(command.address);
      if (error) return reject('validation-failed', undefined, [error]);
      if (user.claim === claim) return [];
      return [{ type: 'EmailChanged', data: { email, claim, previousClaim: user.claim } }];
    }
    case 'ChangeAvatar': {
      const { avatarId } = command;
      return user.avatarId === avatarId ? [] : [{ type: 'AvatarChanged', data: { avatarId } }];
    }
    case 'RemoveAvatar':
      return user.avatarId === null ? [] : [{ type: 'AvatarRemoved', data: {} }];
    case 'ChangeNotifications':
      return changeNotifications(command.email, command.enabled, user);
    case 'ConfirmNotificationAddress': {
      const now = notificationsOf(user);
      if (now.email === null || now.email !== emailNormalForm(command.email)) return reject('conflict');
      return settle({ ...now, verified: true }, now);
    }
  }
};

const changeNotifications = (given: string | null, enabled: boolean, user: User): Decision<UserEvent> => {
  if (given === null && enabled) return reject('email-required');
  const email = given === null ? null : emailNormalForm(given);
  if (given !== null && email === null)
    return reject('validation-failed', undefined, [{ field: '/email', detail: 'Not an e-mail address.' }]);
  const now = notificationsOf(user);
  // Who signs in with an address has shown that it is theirs.
  const verified = email !== null && (email === user.email || (email === now.email && now.verified));
  return settle({ email, enabled, verified }, now);
};

const settle = (wanted: NotificationSettings, now: NotificationSettings): Decision<UserEvent> =>
  wanted.email === now.email && wanted.enabled === now.enabled && wanted.verified === now.verified
    ? []
    : [{ type: 'NotificationSettingsChanged', data: wanted }];
