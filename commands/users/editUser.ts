import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../../domain/emailClaim.ts';
import type { UserId } from '../../domain/ids.ts';
import type { Profile } from '../../domain/profile.ts';
import { administratorRole, isAdministrator, roles, rolesStream, unknownRoles } from '../../domain/roles.ts';
import { isGone, type User, userStream } from '../../domain/user.ts';
import type { SignInAddress } from '../../domain/userAccount.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import { grantIfAsked, mayBecomeAdministrator, removeAdministrator, wouldBeLast } from './administrators.ts';
import { checkProfile, type IsPhoneNumber } from './checkProfile.ts';
import { claimAndCommit, notAnAddress } from './claimAddress.ts';
import type { EmailAddresses } from './emailAddresses.ts';

/** Undefined leaves a field as it is. */
export type EditUserInput = {
  readonly userId: UserId;
  readonly email?: string | undefined;
  readonly profile?: Partial<Profile> | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly organizations?: readonly string[] | undefined;
};

export const rolesExist = async (run: Run, names: readonly string[] | undefined): Promise<Rejection | null> => {
  if (names === undefined) return null;
  const { state } = await run.load(roles, rolesStream);
  const unknown = unknownRoles(names, state);
  return unknown.length === 0 ? null : reject('unknown-role', { unknown });
};

const ifMatchMoved = (run: Run, found: User): boolean => {
  const { ifMatch } = run.request;
  return ifMatch !== null && ifMatch !== '*' && ifMatch !== String(found.revision);
};

/** What must hold before the first of several appends, because none is ever taken back. */
const editable = async (run: Run, userId: UserId): Promise<User | Rejection> => {
  const { state } = await run.load(user, userStream(userId));
  if (state === null) return reject('not-found');
  if (ifMatchMoved(run, state)) return reject('revision-mismatch', { revision: String(state.revision) });
  return isGone(state) ? reject('already-ended', { status: state.status }) : state;
};

type Deps = { readonly addresses: EmailAddresses; readonly isPhoneNumber: IsPhoneNumber };

/** Everything of an edit that stands in the user's own stream beside their address, as one decision. */
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

const administrationRefused = async (run: Run, input: EditUserInput, found: User): Promise<Rejection | null> => {
  if (input.roles === undefined) return null;
  const { state } = await run.load(roles, rolesStream);
  if (losesAdministration(input)) return wouldBeLast(run, input.userId, state);
  if (isAdministrator(input.userId, state) || mayBecomeAdministrator(found)) return null;
  return reject('conflict', { status: found.status });
};

/** Everything that can refuse an edit. */
const refusalOf = async ({ isPhoneNumber }: Deps, run: Run, input: EditUserInput): Promise<Rejection | null> => {
  const found = await editable(run, input.userId);
  if (isRejection(found)) return found;
  const wrong = checkProfile(input.profile ?? {}, isPhoneNumber);
  if (wrong) return wrong;
  const decision = decideOwnStream(input, found);
  if (isRejection(decision)) return decision;
  return (await rolesExist(run, input.roles)) ?? administrationRefused(run, input, found);
};

/** The address that an edit moves to. Null: it gives none, or the one they have had before this command began. */
const addressMovedTo = async (
  { addresses }: Deps,
  run: Run,
  { userId, email }: EditUserInput,
  committedEventId: string,
): Promise<SignInAddress | null | Rejection> => {
  if (email === undefined) return null;
  const address = addresses.signInAddress(email);
  if (address === null) return notAnAddress();
  const { state } = await run.load(user, userStream(userId));
  if (state?.claim !== address.claim) return address;
  // Theirs by an earlier run of this very command, whose If-Match was looked at then.
  const held = await run.load(emailClaim, emailClaimStream(address.claim));
  return held.state?.committedEventId === committedEventId ? address : null;
};

const moveAddress = async (
  deps: Deps,
  run: Run,
  input: EditUserInput,
  address: SignInAddress,
  committedEventId: string,
): Promise<boolean | Rejection> => {
  const { userId } = input;
  return claimAndCommit(run, { userId, address, committedEventId }, async () => {
    const refusal = await refusalOf(deps, run, input);
    if (refusal) return refusal;
    const { state } = await run.load(user, userStream(userId));
    const decision = user.decide({ type: 'ChangeEmail', address }, state);
    return isRejection(decision) ? decision : (decision[0] ?? null);
  });
};

/** Null: done. @param checked whether If-Match was looked at, so that this command itself has moved the user since */
const editOwnStream = async (
  deps: Deps,
  run: Run,
  input: EditUserInput,
  checked: boolean,
): Promise<Rejection | null> => {
  const { userId } = input;
  const stream = userStream(userId);
  const allowed = async () => (checked ? null : refusalOf(deps, run, input));
  let decided = checked;
  if (losesAdministration(input)) {
    const removed = await removeAdministrator(run, userId, allowed);
    if (isRejection(removed)) return removed;
    decided ||= removed.events.length > 0;
  }
  const step = await run.step(
    user,
    stream,
    async (state) => (decided ? null : await allowed()) ?? decideOwnStream(input, state),
    decided ? {} : { revisionOf: (state) => state?.revision ?? null },
  );
  return isRejection(step) ? step : null;
};

/**
 * By an administrator. If-Match is the user's. The address first, because its claim can be refused; then, where they
 * stop being administrator, that; then the rest in one append; becoming administrator last. Rejections: `not-found`,
 * `already-ended`, `revision-mismatch`, `email-taken`, `unknown-role`, `last-administrator`, `validation-failed`,
 * `conflict` (whoever is turned off becomes no administrator; the address was changed otherwise at this moment).
 */
export const editUser = (deps: Deps): Command<EditUserInput, { readonly userId: UserId }> => ({
  name: 'EditUser',
  several: true,
  run: async (input, run) => {
    const { userId } = input;
    const committedEventId = run.newId('change of address');
    const address = await addressMovedTo(deps, run, input, committedEventId);
    if (isRejection(address)) return address;
    const moved = address === null ? false : await moveAddress(deps, run, input, address, committedEventId);
    if (isRejection(moved)) {
      // Claimed in time, and overtaken on the way to the user: whoever asked for one state to be changed is told so.
      const overtaken = moved.rejected === 'conflict' && run.request.ifMatch !== null;
      return overtaken ? reject('revision-mismatch') : moved;
    }
    const refused = (await editOwnStream(deps, run, input, moved)) ?? (await grantIfAsked(run, userId, input.roles));
    return refused ?? { result: { userId } };
  },
});
