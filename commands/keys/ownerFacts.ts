import type { UserId } from '../../domain/ids.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { effectiveRights, roles, rolesOfUser, rolesStream } from '../../domain/roles.ts';
import { settings } from '../../domain/settings.ts';
import { type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Run } from '../command.ts';

/**
 * What a decision on somebody's keys takes from other streams, read now. Nothing in it is trusted afterwards: the epoch
 * is carried into the log and asked for again at verification.
 */
export const ownerFacts = async (run: Pick<Run, 'load' | 'request'>, ownerId: UserId) => {
  const [owner, rules, granted] = await Promise.all([
    run.load(user, userStream(ownerId)),
    run.load(settings, policyStream),
    run.load(roles, rolesStream),
  ]);
  const { policy, catalog, policyChanged } = rules.state;
  const rights = effectiveRights(rolesOfUser(ownerId, owner.state?.roles ?? [], granted.state), granted.state);
  return {
    owner: owner.state as User | null,
    policyRevision: policyChanged?.revision ?? null,
    facts: {
      at: run.request.at,
      ownerEpoch: owner.state?.ownerEpoch ?? 0,
      policy,
      catalog,
      ownerScopes: rights.scopes,
      mayUseApi: rights.permissions.includes('api-keys:use'),
    },
  };
};

export type OwnerFacts = Awaited<ReturnType<typeof ownerFacts>>;
