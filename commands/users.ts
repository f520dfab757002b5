import { isRejection, type Rejection, reject } from '../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../domain/emailClaim.ts';
import type { UserId } from '../domain/ids.ts';
import type { Profile } from '../domain/profile.ts';
import { administratorRole, isAdministrator, roles, rolesStream, unknownRoles } from '../domain/roles.ts';
import { isGone, type User, type UserEvent, type UserKind, userStream } from '../domain/user.ts';
import type { NewUserCommand, SignInAddress } from '../domain/userAccount.ts';
import { user } from '../domain/userDecider.ts';
import type { Command, Done, Run } from './command.ts';
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

/** Undefined leaves a field as it is. */
export type EditUserInput = {
  readonly userId: UserId;
  readonly profile?: Partial<Profile> | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly organizations?: readonly string[] | undefined;
};

const rolesExist = async (run: Run, names: readonly string[] | undefined): Promise<Rejection | null> => {
  if (names === undefined) return null;
  const { state } = await run.load(roles, rolesStream);
  const unknown = unknownRoles(names, state);
  return unknown.length === 0 ? null : reject('unknown-role', { unknown });
};

const notAnAddress = () =>
  reject('validation-failed', undefined, [{ field: '/email', detail: 'Not an e-mail address.' }]);

const grantAdministrator = (run: Run, userId: UserId) =>
  run.step(roles, rolesStream, (state) => roles.decide({ type: 'GrantAdministrator', userId }, state), {});

/** Last, so that a crash before it leaves less right, never more. */
const grantIfAsked = async (run: Run, userId: UserId, asked: readonly string[] | undefined) => {
  if (!asked?.includes(administratorRole)) return null;
  const granted = await grantAdministrator(run, userId);
  return isRejection(granted) ? granted : null;
};

/**
 * Claims the address for what the event says, which commits it, then gives the event to the user's stream. What a crash
 * leaves between the two, an effect that follows claims completes as well.
 */
const claimAndCommit = async (
  run: Run,
  userId: UserId,
  address: SignInAddress,
  decide: () => Promise<UserEvent | Rejection>,
): Promise<Rejection | null> => {
  const claimed = await run.step(
    emailClaim,
    emailClaimStream(address.claim),
    async (state) => {
      const committed = await decide();
      if (isRejection(committed)) return committed;
      const committedEventId = run.eventId(userStream(userId), 0);
      return emailClaim.decide({ type: 'ClaimEmail', userId, committedEventId, committed: committed as never }, state);
    },
    { newPerson: userId },
  );
  if (isRejection(claimed)) return claimed;
  const committed = claimed.state?.committed;
  // Claimed by an earlier command with the very same content: nothing is left to commit.
  if (!committed) return null;
  const done = await run.step(user, userStream(userId), (state) =>
    user.decide({ type: 'CompleteClaim', committed }, state),
  );
  return isRejection(done) ? done : null;
};

type Deps = { readonly addresses: EmailAddresses };

const firstEvent = (decision: ReturnType<typeof user.decide>): UserEvent | Rejection => {
  if (isRejection(decision)) return decision;
  const [event] = decision;
  if (event === undefined) throw new Error('nothing was decided on a new user');
  return event;
};

/** An address belongs to one user. Rejections: `email-taken`, `unknown-role`, `email-required`, `validation-failed`. */
const registerUser = ({ addresses }: Deps): Command<RegisterUserInput, UserAnswer> => ({
  name: 'RegisterUser',
  several: true,
  run: async (input, run): Promise<Done<UserAnswer> | Rejection> => {
    const { kind, profile, groups, organizations } = input;
    const userId = run.newId('user');
    const address = input.email === null ? null : addresses.signInAddress(input.email);
    if (input.email !== null && address === null) return notAnAddress();
    const { passwordHash, externalProvider, mustChangePassword } = input;
    const person = { userId, kind, address, profile, roles: input.roles, groups, organizations };
    const command: NewUserCommand = input.invite
      ? { type: 'InviteUser', ...person }
      : { type: 'RegisterUser', ...person, passwordHash, externalProvider, mustChangePassword };
    const decide = async () => (await rolesExist(run, input.roles)) ?? firstEvent(user.decide(command, null));
    if (address !== null) {
      const refused = await claimAndCommit(run, userId, address, decide);
      if (refused) return refused;
    } else {
      const decided = async () => {
        const event = await decide();
        return isRejection(event) ? event : [event];
      };
      const registered = await run.step(user, userStream(userId), decided, { newPerson: userId });
      if (isRejection(registered)) return registered;
    }
    return (await grantIfAsked(run, userId, input.roles)) ?? { result: { userId } };
  },
});

const ifMatchMoved = (run: Run, found: User): boolean => {
  const { ifMatch } = run.request;
  return ifMatch !== null && ifMatch !== String(found.revision);
};

/** What must hold before the first of several appends, because none is ever taken back. */
const editable = async (run: Run, userId: UserId): Promise<User | Rejection> => {
  const { state } = await run.load(user, userStream(userId));
  if (state === null) return reject('not-found');
  if (isGone(state)) return reject('already-ended', { status: state.status });
  return ifMatchMoved(run, state) ? reject('revision-mismatch') : state;
};

const removeAdministrator = (run: Run, userId: UserId, allowed: () => Promise<Rejection | null>) =>
  run.step(roles, rolesStream, async (state) =>
    isAdministrator(userId, state)
      ? ((await allowed()) ?? roles.decide({ type: 'RemoveAdministrator', userId }, state))
      : [],
  );

/** Everything of an edit that stands in the user's own stream, as one decision. */
const decideOwnStream = (input: EditUserInput, state: User | null) => {
  const { profile, groups, organizations } = input;
  const decisions = [
    profile && user.decide({ type: 'ChangeProfile', changes: profile }, state),
    input.roles && user.decide({ type: 'AssignRoles', roles: input.roles }, state),
    groups && user.decide({ type: 'AssignGroups', groups }, state),
    organizations && user.decide({ type: 'AssignOrganizations', organizations }, state),
  ].filter((decision) => decision !== undefined);
  return decisions.find(isRejection) ?? decisions.flatMap((decision) => (isRejection(decision) ? [] : decision));
};

const losesAdministration = ({ roles: asked }: EditUserInput) =>
  asked !== undefined && !asked.includes(administratorRole);

/** Everything that can refuse an edit, but the guard on the last administrator. */
const refusalOf = async (run: Run, input: EditUserInput): Promise<Rejection | null> => {
  const found = await editable(run, input.userId);
  if (isRejection(found)) return found;
  const decision = decideOwnStream(input, found);
  return (await rolesExist(run, input.roles)) ?? (isRejection(decision) ? decision : null);
};

/**
 * By an administrator. If-Match is the user's. Rejections: `not-found`, `already-ended`, `revision-mismatch`,
 * `email-taken`, `unknown-role`, `last-administrator`, `validation-failed`.
 */
const editUser: Command<EditUserInput, UserAnswer> = {
  name: 'EditUser',
  several: true,
  run: async (input, run) => {
    const { userId } = input;
    const allowed = () => refusalOf(run, input);
    if (losesAdministration(input)) {
      const removed = await removeAdministrator(run, userId, allowed);
      if (isRejection(removed)) return removed;
      if (removed.events.length > 0) {
        const step = await run.step(user, userStream(userId), (state) => decideOwnStream(input, state));
        return isRejection(step) ? step : { result: { userId } };
      }
    }
    const step = await run.step(
      user,
      userStream(userId),
      async (state) => (await allowed()) ?? decideOwnStream(input, state),
      {
        revisionOf: (state) => state?.revision ?? null,
      },
    );
    if (isRejection(step)) return step;
    return (await grantIfAsked(run, userId, input.roles)) ?? { result: { userId } };
  },
};

export type ChangeEmailInput = EditUserInput & { readonly email: string };

/**
 * Moves the claim: the new address is claimed first, the old one is released by the effect that follows users. The rest
 * of the input is what EditUser is to do next for the same call: what it would refuse is refused here, before anything
 * is appended.
 */
const changeEmail = ({ addresses }: Deps): Command<ChangeEmailInput, UserAnswer> => ({
  name: 'ChangeEmail',
  several: true,
  run: async ({ email, ...rest }, run) => {
    const { userId } = rest;
    const address = addresses.signInAddress(email);
    if (address === null) return notAnAddress();
    const before = await run.load(user, userStream(userId));
    if (before.state?.claim === address.claim) return { result: { userId } };
    const refused = await claimAndCommit(run, userId, address, async () => {
      const refusal = (await refusalOf(run, rest)) ?? (await wouldBeLast(run, rest));
      if (refusal) return refusal;
      const { state } = await run.load(user, userStream(userId));
      return firstEvent(user.decide({ type: 'ChangeEmail', address }, state));
    });
    return refused ?? { result: { userId } };
  },
});

const wouldBeLast = async (run: Run, input: EditUserInput): Promise<Rejection | null> => {
  if (!losesAdministration(input)) return null;
  const { state } = await run.load(roles, rolesStream);
  const decision = roles.decide({ type: 'RemoveAdministrator', userId: input.userId }, state);
  return isRejection(decision) ? decision : null;
};

type Ending = 'DeactivateUser' | 'DeleteUser' | 'EraseUser';

/**
 * Ends every key and session at once. An administrator stops being one first: who may, is decided where "at least one"
 * is guarded. Rejections: `not-found`, `already-ended`, `last-administrator`.
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
    const step = await run.step(user, userStream(userId), decide, { reason });
    return isRejection(step) ? step : { result: { userId } };
  },
});

const single = (name: 'ReactivateUser' | 'EndAllSessions'): Command<{ readonly userId: UserId }, UserAnswer> => ({
  name,
  several: false,
  run: async ({ userId }, run) => {
    const step = await run.step(user, userStream(userId), (state) => user.decide({ type: name }, state));
    return isRejection(step) ? step : { result: { userId } };
  },
});

export type RecoverAdministratorInput = { readonly userId: UserId; readonly passwordHash: string };

/** From the machine itself: they can sign in with this password and are administrator, whatever was before. */
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
      return isRejection(reset) ? reset : [...reactivated, ...reset];
    });
    if (isRejection(step)) return step;
    const granted = await grantAdministrator(run, userId);
    return isRejection(granted) ? granted : { result: { userId } };
  },
};

export const userCommands = (deps: Deps) => ({
  registerUser: registerUser(deps),
  editUser,
  changeEmail: changeEmail(deps),
  deactivateUser: ending('DeactivateUser'),
  deleteUser: ending('DeleteUser'),
  eraseUser: ending('EraseUser'),
  reactivateUser: single('ReactivateUser'),
  endAllSessions: single('EndAllSessions'),
  recoverAdministrator,
});

export type UserCommands = ReturnType<typeof userCommands>;
