import { defaultLanguage, defaultTimeZone, displayName } from '../domain/profile.ts';
import type { User } from '../domain/user.ts';
import type { ListedUser } from '../projections/lists/users.ts';
import type { UserShape } from './schemas/user.ts';

export type KeyCounts = { readonly active: number; readonly expired: number };

/** The facts of a folded user as the list of users has them, so that both look the same. @param roles `admin` included */
export const userFacts = (user: User, roles: readonly string[], lastSignInAt: string | null): ListedUser => ({
  ...user.profile,
  id: user.userId,
  kind: user.kind,
  email: user.email,
  externalProvider: user.externalProvider,
  displayName: displayName(user.profile, user.email, user.userId),
  roles,
  groups: user.groups,
  organizations: user.organizations,
  status: user.status,
  twoFactor: user.twoFactor !== null,
  mustChangePassword: user.mustChangePassword,
  createdAt: user.createdAt,
  lastSignInAt,
});

/** A user in the contract's shape, from their fold or from a list. */
export const userShape = (facts: ListedUser, keyCounts: KeyCounts): UserShape => ({
  id: facts.id,
  kind: facts.kind,
  email: facts.email,
  externalProvider: facts.externalProvider,
  firstName: facts.firstName,
  lastName: facts.lastName,
  fullName: facts.fullName,
  displayName: facts.displayName,
  phone: facts.phone,
  position: facts.position,
  description: facts.description,
  language: facts.language ?? defaultLanguage,
  timeZone: facts.timeZone ?? defaultTimeZone,
  roles: [...facts.roles].sort(),
  groups: [...facts.groups],
  organizations: [...facts.organizations],
  status: facts.status,
  twoFactor: facts.twoFactor,
  mustChangePassword: facts.mustChangePassword,
  keyCounts: { active: keyCounts.active, expired: keyCounts.expired },
  createdAt: facts.createdAt,
  lastSignInAt: facts.lastSignInAt,
});
