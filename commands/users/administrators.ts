import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { administratorRole, isAdministrator, type Roles, roles, rolesStream } from '../../domain/roles.ts';
import { type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Run } from '../command.ts';

/** Whoever is turned off or gone stops being administrator, so nobody becomes one in that state. */
export const mayBecomeAdministrator = ({ status }: Pick<User, 'status'>): boolean =>
  status === 'active' || status === 'invited';

/**
 * Last of a command's steps, so that a crash before it leaves less right, never more. Nothing happens to somebody who
 * was turned off meanwhile: what came before stands, and a refusal now would say that it does not.
 */
export const grantAdministrator = (run: Run, userId: UserId) =>
  run.step(roles, rolesStream, async (state) => {
    const { state: account } = await run.load(user, userStream(userId));
    if (account === null || !mayBecomeAdministrator(account)) return [];
    return roles.decide({ type: 'GrantAdministrator', userId }, state);
  });

/** @returns null: granted, or not asked for */
export const grantIfAsked = async (
  run: Run,
  userId: UserId,
  asked: readonly string[] | undefined,
): Promise<Rejection | null> => {
  if (!asked?.includes(administratorRole)) return null;
  const granted = await grantAdministrator(run, userId);
  return isRejection(granted) ? granted : null;
};

// An invitation that was never taken up, or an account that was turned off as it was being granted, administers nothing:
// as the only one left it would lock everybody out.
const anotherRemains = async (run: Pick<Run, 'load'>, userId: UserId, { administrators }: Roles): Promise<boolean> => {
  for (const id of administrators) {
    if (id === userId) continue;
    const { state } = await run.load(user, userStream(id));
    if (state?.status === 'active') return true;
  }
  return false;
};

/** `last-administrator` where nobody who can act would be left. */
export const wouldBeLast = async (run: Pick<Run, 'load'>, userId: UserId, state: Roles): Promise<Rejection | null> => {
  if (!isAdministrator(userId, state)) return null;
  return (await anotherRemains(run, userId, state)) ? null : reject('last-administrator');
};

/** @param allowed what else may refuse, asked before anything is appended and only where they are one */
export const removeAdministrator = (run: Run, userId: UserId, allowed: () => Promise<Rejection | null>) =>
  run.step(roles, rolesStream, async (state) =>
    isAdministrator(userId, state)
      ? ((await allowed()) ??
        (await wouldBeLast(run, userId, state)) ??
        roles.decide({ type: 'RemoveAdministrator', userId }, state))
      : [],
  );
