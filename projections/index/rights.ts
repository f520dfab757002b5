import type { ScopeCatalog } from '../../domain/keyPolicy.ts';
import { administratorRole, effectiveRights, type Role } from '../../domain/roles.ts';
import { effectiveScopes, indexScopes } from '../../domain/scopes.ts';
import { sortedSet } from '../../domain/text.ts';

/** What a set of roles gives together. Everybody with equal roles shares one. */
export type Rights = {
  /** With `admin`, where they are an administrator. */
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** Scope patterns: concrete, `app:*`, `*:*`. */
  readonly scopes: readonly string[];
  readonly mayUseApi: boolean;
};

type Remembered = Rights & { readonly effective: Map<readonly string[] | null, Map<number, readonly string[] | null>> };

// A bound against questions of ever new combinations; reaching it costs working them out again.
const mostRemembered = 10_000;

/** Plain JSON. */
export type FrozenRoleBook = { readonly defined: { readonly [name: string]: Role }; readonly catalog: ScopeCatalog };

export type RoleBook = ReturnType<typeof createRoleBook>;

/** The roles and the catalog of scopes, and what follows from them, worked out once per change and set of roles. */
export const createRoleBook = (frozen: FrozenRoleBook = { defined: {}, catalog: [] }) => {
  const defined: { [name: string]: Role } = { ...frozen.defined };
  let { catalog } = frozen;
  let scopes = indexScopes(catalog);
  const remembered = new Map<number, Remembered>();

  const forget = () => remembered.clear();

  const workOut = (assigned: readonly string[], administrator: boolean): Remembered => {
    const others = assigned.filter((name) => name !== administratorRole);
    const names = sortedSet(administrator ? [...others, administratorRole] : others);
    const { permissions, scopes: patterns } = effectiveRights(names, { defined, administrators: [] });
    return {
      roles: names,
      permissions,
      scopes: patterns,
      mayUseApi: permissions.includes('api-keys:use'),
      effective: new Map(),
    };
  };

  /** @param set the number by which `assigned` is known */
  const rights = (set: number, assigned: readonly string[], administrator: boolean): Remembered => {
    const key = set * 2 + (administrator ? 1 : 0);
    const known = remembered.get(key);
    if (known !== undefined) return known;
    if (remembered.size >= mostRemembered) forget();
    const made = workOut(assigned, administrator);
    remembered.set(key, made);
    return made;
  };

  return {
    define: (name: string, role: Role) => {
      defined[name] = role;
      forget();
    },
    remove: (name: string) => {
      delete defined[name];
      forget();
    },
    setCatalog: (items: ScopeCatalog) => {
      catalog = items;
      scopes = indexScopes(items);
      forget();
    },
    catalog: () => catalog,
    freeze: (): FrozenRoleBook => ({ defined: { ...defined }, catalog }),
    rights: rights as (set: number, assigned: readonly string[], administrator: boolean) => Rights,

    /**
     * The concrete scopes of a key; null: any.
     * @param ownSet the number by which `own` is known, another for each list
     * @param applications those of the asking token; the same array for the same token
     */
    effective: (
      held: Rights,
      ownSet: number,
      own: readonly string[] | null,
      applications: readonly string[] | null,
    ): readonly string[] | null => {
      const { effective } = held as Remembered;
      let bySet = effective.get(applications);
      if (bySet === undefined) {
        if (effective.size >= mostRemembered) effective.clear();
        bySet = new Map();
        effective.set(applications, bySet);
      }
      const known = bySet.get(ownSet);
      if (known !== undefined) return known;
      if (bySet.size >= mostRemembered) bySet.clear();
      const made = effectiveScopes(own, held.scopes, scopes, applications);
      bySet.set(ownSet, made);
      return made;
    },
  };
};
