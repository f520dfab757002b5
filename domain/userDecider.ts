import { type Decider, type Decision, reject } from './decider.ts';
import { evolveUser, isGone, type User, type UserEvent } from './user.ts';
import {
  type AccountCommand,
  type CompleteClaim,
  decideAccount,
  decideCompletion,
  decideNewUser,
  type NewUserCommand,
} from './userAccount.ts';
import { type CredentialCommand, decideCredentials } from './userCredentials.ts';
import { type DetailCommand, decideDetails } from './userDetails.ts';
import { decideMemberships, type MembershipCommand } from './userMemberships.ts';

export type UserCommand =
  | NewUserCommand
  | CompleteClaim
  | AccountCommand
  | CredentialCommand
  | DetailCommand
  | MembershipCommand;

/** Beside what each decision refuses: `not-found` before registration, `already-ended` once deleted or erased. */
const decide = (command: UserCommand, user: User | null): Decision<UserEvent> => {
  switch (command.type) {
    case 'RegisterUser':
    case 'InviteUser':
      return decideNewUser(command, user);
    case 'CompleteClaim':
      return decideCompletion(command, user);
  }
  if (user === null) return reject('not-found');
  switch (command.type) {
    case 'DeactivateUser':
    case 'ReactivateUser':
    case 'DeleteUser':
    case 'EraseUser':
    case 'EndAllSessions':
      return decideAccount(command, user);
  }
  if (isGone(user)) return reject('already-ended');
  switch (command.type) {
    case 'AssignRoles':
    case 'AssignGroups':
    case 'AssignOrganizations':
      return decideMemberships(command, user);
    case 'ChangeProfile':
    case 'ChangeEmail':
    case 'ChangeAvatar':
    case 'RemoveAvatar':
    case 'ChangeNotifications':
    case 'ConfirmNotificationAddress':
      return decideDetails(command, user);
    default:
      return decideCredentials(command, user);
  }
};

/** One user: who they are, how they sign in, and whether they are still there. Null before the first event. */
export const user: Decider<User | null, UserCommand, UserEvent> = {
  name: 'user',
  foldVersion: 2,
  initialState: () => null,
  decide,
  evolve: evolveUser,
};
