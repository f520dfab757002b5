import type { Request } from '../../../commands/command.ts';
import type { Identity } from '../../../commands/signIn/identity.ts';
import type { Rejection } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import { effectiveRights, roles, rolesStream } from '../../../domain/roles.ts';
import { type User, userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { requireHolding, rightsOfUser } from '../../holding.ts';
import type { Machine, Person } from '../../principal.ts';
import { type ReadUserContext, readUser } from '../../readUser.ts';
import { Refusal } from '../../refusal.ts';
import type { Answer } from '../../route.ts';

export const answerUser = async (
  context: ReadUserContext,
  userId: UserId,
  answer: Omit<Answer, 'body' | 'etag'>,
): Promise<Answer> => {
  const found = await readUser(context, userId);
  if (found === null) throw new Refusal('not-found');
  return { ...answer, etag: found.revision, body: found.shape };
};

/**
 * A user whom this caller may change, as their own streams say, not a list.
 * @param assigned names of roles that they are to get as well
 * @throws Refusal not-found, forbidden
 */
export const requireUser = async (
  { load }: Pick<ReadUserContext, 'load'>,
  caller: Person | Machine,
  userId: UserId,
  assigned: readonly string[] = [],
): Promise<User> => {
  const [{ state: found }, { state: granted }] = await Promise.all([
    load(user, userStream(userId)),
    load(roles, rolesStream),
  ]);
  if (found === null) throw new Refusal('not-found');
  requireHolding(caller, rightsOfUser(found, granted), effectiveRights(assigned, granted));
  return found;
};

/**
 * What takes a password of one's own account takes it by an administrator's call, too: a session alone may have been left
 * open, or stolen. Null: it was shown lately, or the account is another's.
 */
export const confirmOwn = async (
  { identity }: { readonly identity: Pick<Identity, 'confirm'> },
  caller: Person | Machine,
  userId: UserId,
  request: Request,
): Promise<Rejection | null> =>
  caller.kind === 'session' && caller.userId === userId ? identity.confirm(caller, undefined, request) : null;
