import type { Loaded } from '../commands/command.ts';
import { activity, activityStream } from '../domain/activity.ts';
import type { Fold } from '../domain/decider.ts';
import type { UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import { type KeyPolicy, policyStream } from '../domain/keyPolicy.ts';
import { type Keyring, keyringFold, keyringStream } from '../domain/keyring.ts';
import { keyView, type OwnerStanding, type PolicyStanding } from '../domain/keyView.ts';
import { effectiveRights, type Rights, roles, rolesOfUser, rolesStream } from '../domain/roles.ts';
import { policyStanding, settings } from '../domain/settings.ts';
import { userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import type { UserShape } from './schemas/user.ts';
import { type KeyCounts, userFacts, userShape } from './userShape.ts';

export type ReadUserContext = {
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly now: () => Instant;
};

/** Why somebody cannot make a key, whatever they ask for; the code that making one would be refused with. */
export type WhyNoKey = 'api-keys-disabled' | 'role-not-permitted' | 'api-key-limit-reached';

export type ReadUser = {
  readonly shape: UserShape;
  /** Of the user's own last event: their ETag. */
  readonly revision: number;
  readonly rights: Rights;
  readonly policy: KeyPolicy;
  /** Null: they can make one. */
  readonly whyNoKey: WhyNoKey | null;
};

const keyCounts = (ring: Keyring, owner: OwnerStanding, policy: PolicyStanding, at: Instant): KeyCounts => {
  const counts = { active: 0, expired: 0 };
  for (const key of ring.keys.values()) {
    if (key.revokedAt !== null) continue;
    const { status } = keyView(key, owner, policy, at);
    if (status !== 'revoked') counts[status] += 1;
  }
  return counts;
};

const whyNoKey = (ring: Keyring, owner: OwnerStanding, policy: KeyPolicy): WhyNoKey | null => {
  if (!policy.enabled) return 'api-keys-disabled';
  if (policy.requireRole && !owner.mayUseApi) return 'role-not-permitted';
  const taken = ring.epoch === owner.ownerEpoch ? ring.counted.size : 0;
  return policy.whenFull === 'refuse' && taken >= policy.maxKeysPerUser ? 'api-key-limit-reached' : null;
};

/** One user with all that is shown of them, each fact folded from its own stream to the end. Null: there is none. */
export const readUser = async ({ load, now }: ReadUserContext, userId: UserId): Promise<ReadUser | null> => {
  const [account, ring, done, rules, granted] = await Promise.all([
    load(user, userStream(userId)),
    load(keyringFold, keyringStream(userId)),
    load(activity, activityStream(userId)),
    load(settings, policyStream),
    load(roles, rolesStream),
  ]);
  if (account.state === null) return null;
  const { status, ownerEpoch, endedEpochs, revision } = account.state;
  const { policy } = rules.state;
  const held = rolesOfUser(userId, account.state.roles, granted.state);
  const rights = effectiveRights(held, granted.state);
  const owner = { status, ownerEpoch, endedEpochs, mayUseApi: rights.permissions.includes('api-keys:use') };
  const counts = keyCounts(ring.state, owner, policyStanding(rules.state), now());
  return {
    shape: userShape(userFacts(account.state, held, done.state.lastSignInAt), counts),
    revision,
    rights,
    policy,
    whyNoKey: whyNoKey(ring.state, owner, policy),
  };
};
