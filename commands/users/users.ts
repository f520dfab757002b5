import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import type { Profile } from '../../domain/profile.ts';
import { isAdministrator, roles, rolesStream } from '../../domain/roles.ts';
import { type User, type UserEvent, type UserKind, userStream } from '../../domain/user.ts';
import type { NewUserCommand } from '../../domain/userAccount.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Done, Run } from '../command.ts';
import type { PasswordTokens } from '../signIn/passwordTokens.ts';
import { grantAdministrator, grantIfAsked, removeAdministrator } from './administrators.ts';
import { checkProfile, type IsPhoneNumber } from './checkProfile.ts';
import { claimAndCommit, notAnAddress } from './claimAddress.ts';
import { editUser, rolesExist } from './editUser.ts';
import type { EmailAddresses } from './emailAddresses.ts';

export type UserAnswer = { readonly userId: UserId };

export type RegisterUserInput = {
  readonly kind: UserKind;
  readonly email: string | null;
  /** Hashed before the command: no password is ever in an intent. Null: invited, a service, or signed in elsewhere. */
  readonly passwordHash: string | null;
  readonly externalProvider: string | null;
  readonly mustChangePassword: boolean;
  /** Without a password or provider: they set one by the mailed link. */
  readonly invite: boolean;
  readonly profile: Partial<Profile>;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly organizations: readonly string[];
};

type Deps = {
  readonly addresses: EmailAddresses;
  readonly tokens: Pick<PasswordTokens, 'issue'>;
  readonly isPhoneNumber: IsPhoneNumber;
};

const newUserCommand = (input: RegisterUserInput, who: Pick<NewUserCommand, 'userId' | 'address'>): NewUserCommand => {
  const { kind, profile, roles: assigned, groups, organizations } = input;
  const person = { ...who, kind, profile, roles: assigned, groups, organizations };
  if (input.invite) return { type: 'InviteUser', ...person };
  const { passwordHash, externalProvider, mustChangePassword } = input;
  return { type: 'RegisterUser', ...person, passwordHash, externalProvider, mustChangePassword };
};

const firstEvent = (decision: ReturnType<typeof user.decide>): UserEvent | Rejection => {
  if (isRejection(decision)) return decision;
  const [event] = decision;
  if (event === undefined) throw new Error('nothing was decided on a new user');
  return event;
};

const mailInvitation = async (tokens: Deps['tokens'], userId: UserId, run: Run) => {
  const { state } = await run.load(user, userStream(userId));
  // Taken up, turned off or gone before a crashed run of this was finished.
  if (state?.status !== 'invited') return;
  const made = {
    secret: run.secretBytes('password token', 32),
    id: run.commandId,
    at: run.request.at,
    late: true,
  } as const;
  await tokens.issue('invitation', state, made);
};

/**
 * An address belongs to one user. Whoever is invited gets a mail, once they are there: a crash before it is made good by
 * whoever finishes the command. Rejections: `email-taken`, `unknown-role`, `email-required`, `validation-failed`.
 */
const registerUser = ({ addresses, tokens, isPhoneNumber }: Deps): Command<RegisterUserInput, UserAnswer> => ({
  name: 'RegisterUser',
  several: true,
  run: async (input, run): Promise<Done<UserAnswer> | Rejection> => {
    const userId = run.newId('user');
    const stream = userStream(userId);
    const address = input.email === null ? null : addresses.signInAddress(input.email);
    if (input.email !== null && address === null) return notAnAddress();
    const command = newUserCommand(input, { userId, address });
    const decide = async () => {
      const unknown = await rolesExist(run, input.roles);
      const event = unknown ?? firstEvent(user.decide(command, null));
      return isRejection(event) ? event : (checkProfile(input.profile, isPhoneNumber) ?? event);
    };
    if (address !== null) {
      const committed = await claimAndCommit(
        run,
        { userId, address, committedEventId: run.eventId(stream, 0) },
        decide,
      );
      if (isRejection(committed)) return committed;
    } else {
      const decided = async () => {
        const event = await decide();
        return isRejection(event) ? event : [event];
      };
      const registered = await run.step(user, stream, decided, { newPerson: userId });
      if (isRejection(registered)) return registered;
    }
    const refused = await grantIfAsked(run, userId, input.roles);
    if (refused !== null) return refused;
    if (input.invite) await mailInvitation(tokens, userId, run);
    return { result: { userId } };
  },
});

type Ending = 'DeactivateUser' | 'DeleteUser' | 'EraseUser';

const wasGrantedMeanwhile = async (run: Run, userId: UserId): Promise<boolean> =>
  isAdministrator(userId, (await run.load(roles, rolesStream)).state);

/**
 * Ends every key and session at once. An administrator stops being one first: who may, is decided where "at least one"
 * is guarded. Rejections: `not-found`, `already-ended`, `last-administrator`, `conflict` (they were made administrator
 * at this very moment).
 */
const ending = (name: Ending): Command<{ readonly userId: UserId; readonly reason: string | null }, UserAnswer> => ({
  name,
  several: true,
  run: async ({ userId, reason }, run) => {
    const decide = (state: User | null) => user.decide({ type: name }, state);
    const removed = await removeAdministrator(run, userId, async () => {
      const decision = decide((await run.load(user, userStream(userId))).state);
      return isRejection(decision) ? decision : null;
    });
    if (isRejection(removed)) return removed;
    const step = await run.step(
      user,
      userStream(userId),
      async (state) => {
        const decision = decide(state);
        if (isRejection(decision) || decision.length === 0) return decision;
        return (await wasGrantedMeanwhile(run, userId)) ? reject('conflict') : decision;
      },
      { reason },
    );
    return isRejection(step) ? step : { result: { userId } };
  },
});

/**
 * They come back without administration, also where it was granted at the very moment in which they were turned off: the
 * two streams know nothing of each other. Only where nobody else has it, it stays. Rejections: `not-found`, `already-ended`.
 */
const reactivateUser: Command<{ readonly userId: UserId }, UserAnswer> = {
  name: 'ReactivateUser',
  several: true,
  run: async ({ userId }, run) => {
    const left = await run.step(roles, rolesStream, async (state) => {
      if (!isAdministrator(userId, state)) return [];
      const { state: account } = await run.load(user, userStream(userId));
      if (account?.status !== 'deactivated') return [];
      const removed = roles.decide({ type: 'RemoveAdministrator', userId }, state);
      return isRejection(removed) ? [] : removed;
    });
    if (isRejection(left)) return left;
    const step = await run.step(user, userStream(userId), (state) => user.decide({ type: 'ReactivateUser' }, state));
    return isRejection(step) ? step : { result: { userId } };
  },
};

/** Rejection: `not-found`. */
const endAllSessions: Command<{ readonly userId: UserId }, UserAnswer> = {
  name: 'EndAllSessions',
  several: false,
  run: async ({ userId }, run) => {
    const step = await run.step(user, userStream(userId), (state) => user.decide({ type: 'EndAllSessions' }, state));
    return isRejection(step) ? step : { result: { userId } };
  },
};

export type RecoverAdministratorInput = { readonly userId: UserId; readonly passwordHash: string };

/**
 * From the machine itself: they can sign in with this password alone and are administrator, whatever was before.
 * Rejections: `not-found`, `already-ended`, `externally-managed`.
 */
const recoverAdministrator: Command<RecoverAdministratorInput, UserAnswer> = {
  name: 'RecoverAdministrator',
  several: true,
  run: async ({ userId, passwordHash }, run) => {
    const step = await run.step(user, userStream(userId), (state) => {
      const reactivated = state?.status === 'deactivated' ? user.decide({ type: 'ReactivateUser' }, state) : [];
      if (isRejection(reactivated)) return reactivated;
      // Decided on the state that reactivation leads to: a deactivated account takes no password.
      const standing = state && reactivated.length > 0 ? { ...state, status: 'active' as const } : state;
      const reset = user.decide({ type: 'ResetPassword', passwordHash }, standing);
      if (isRejection(reset)) return reset;
      // A lost second factor locks out as well as a lost password.
      const disabled = user.decide({ type: 'DisableTwoFactor', by: 'administrator' }, standing);
      return isRejection(disabled) ? disabled : [...reactivated, ...reset, ...disabled];
    });
    if (isRejection(step)) return step;
    const granted = await grantAdministrator(run, userId);
    return isRejection(granted) ? granted : { result: { userId } };
  },
};

export const userCommands = (deps: Deps) => ({
  registerUser: registerUser(deps),
  editUser: editUser(deps),
  deactivateUser: ending('DeactivateUser'),
  deleteUser: ending('DeleteUser'),
  eraseUser: ending('EraseUser'),
  reactivateUser,
  endAllSessions,
  recoverAdministrator,
});

export type UserCommands = ReturnType<typeof userCommands>;
