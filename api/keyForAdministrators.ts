import type { Folds } from '../commands/handling/folds.ts';
import type { UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import { policyStream } from '../domain/keyPolicy.ts';
import { displayName } from '../domain/profile.ts';
import { effectiveRights, type Roles, roles, rolesStream } from '../domain/roles.ts';
import { policyStanding, type Settings, settings } from '../domain/settings.ts';
import { type User, userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import type { ListedKey } from '../projections/lists/listedKey.ts';
import { keyShape } from './keyShape.ts';
import { Refusal } from './refusal.ts';
import type { KeyForAdministrators } from './schemas/key.ts';

/** What the standing of every key follows from beside itself and its owner. */
export type Rules = { readonly settings: Settings; readonly roles: Roles };

export const readRules = async (folds: Pick<Folds, 'read'>): Promise<Rules> => {
  const [settingsNow, rolesNow] = await Promise.all([
    folds.read(settings, policyStream, ({ state }) => state),
    folds.read(roles, rolesStream, ({ state }) => ({ ...state, defined: { ...state.defined } })),
  ]);
  return { settings: settingsNow, roles: rolesNow };
};

/** A key of the list of all keys, as administrators see it. */
export const listedKeyShape = (listed: ListedKey, rules: Rules, at: Instant): KeyForAdministrators => {
  const { owner, ownerId, lastUsedAt, lastUsedIp } = listed;
  const mayUseApi = effectiveRights(owner.roles, rules.roles).permissions.includes('api-keys:use');
  const lastUse = lastUsedAt === null ? null : { at: lastUsedAt, ip: lastUsedIp };
  return {
    ...keyShape(listed, { ...owner.standing, mayUseApi }, policyStanding(rules.settings), lastUse, at),
    owner: { id: ownerId, email: owner.email, displayName: owner.displayName, status: owner.standing.status },
  };
};

/** What is shown of a key's owner beside it. */
export const ownerShape = ({ userId, email, profile, status }: User): KeyForAdministrators['owner'] => ({
  id: userId,
  email,
  displayName: displayName(profile, email, userId),
  status,
});

/** @throws Refusal not-found */
export const readOwner = async (
  folds: Pick<Folds, 'read'>,
  ownerId: UserId,
): Promise<KeyForAdministrators['owner']> => {
  const owner = await folds.read(user, userStream(ownerId), ({ state }) => state && ownerShape(state));
  if (owner === null) throw new Refusal('not-found');
  return owner;
};
