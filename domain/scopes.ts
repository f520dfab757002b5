import type { FieldError } from './decider.ts';
import type { ScopeCatalog } from './keyPolicy.ts';

/** The name of an application or an action. A colon would end it early, a star is for roles. */
export const scopePartPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What a role that holds every scope has. */
export const everyScope = '*:*';

/** `application:action` in its two parts, or null where the text is no concrete scope. */
export const parseScope = (scope: string): { readonly application: string; readonly action: string } | null => {
  const parts = scope.split(':');
  const [application, action] = parts;
  if (parts.length !== 2 || application === undefined || action === undefined) return null;
  return scopePartPattern.test(application) && scopePartPattern.test(action) ? { application, action } : null;
};

/** What a role may hold: a concrete scope, all of an application (`app:*`), or all there are. */
export const isScopePattern = (text: string): boolean =>
  text === everyScope || parseScope(text) !== null || (text.endsWith(':*') && scopePartPattern.test(text.slice(0, -2)));

/**
 * Of all scopes of a catalog together, in characters, each with quotes and a comma: a key or a role may hold every one of
 * them, and what it holds is one event.
 */
export const longestCatalog = 250_000;

/** Of one application: a scope brings along no more lower actions than these. */
export const mostActions = 200;

const lengthOfScopes = (items: ScopeCatalog): number =>
  items.reduce(
    (sum, { application, actions }) =>
      actions.reduce((length, action) => length + application.length + action.length + 4, sum),
    0,
  );

/** What is wrong with a catalog, as JSON pointers into its `items`. Empty: nothing. */
export const catalogErrors = (items: ScopeCatalog): readonly FieldError[] => {
  const errors: FieldError[] = [];
  const check = (name: string, seen: Set<string>, field: string) => {
    if (!scopePartPattern.test(name))
      errors.push({ field, detail: 'Must be 1 to 64 letters, digits, dots, dashes or underscores.' });
    else if (seen.has(name)) errors.push({ field, detail: 'Stands here twice.' });
    seen.add(name);
  };
  const applications = new Set<string>();
  items.forEach(({ application, actions }, i) => {
    check(application, applications, `/items/${i}/application`);
    const seen = new Set<string>();
    actions.forEach((action, j) => {
      check(action, seen, `/items/${i}/actions/${j}`);
    });
    if (actions.length === 0) errors.push({ field: `/items/${i}/actions`, detail: 'Must name at least one action.' });
    if (actions.length > mostActions)
      errors.push({ field: `/items/${i}/actions`, detail: `At most ${mostActions} of them.` });
  });
  if (lengthOfScopes(items) > longestCatalog)
    errors.push({ field: '/items', detail: `All scopes together are at most ${longestCatalog} characters long.` });
  return errors;
};

/** A catalog prepared for questions: made once per change of the catalog, asked at request speed. */
export type ScopeIndex = {
  /** Every scope, sorted. */
  readonly all: readonly string[];
  /** For every scope: itself and the lower actions that it brings. */
  readonly brings: ReadonlyMap<string, readonly string[]>;
};

export const indexScopes = (catalog: ScopeCatalog): ScopeIndex => {
  const brings = new Map<string, readonly string[]>();
  for (const { application, actions } of catalog) {
    const scopes = actions.map((action) => `${application}:${action}`);
    scopes.forEach((scope, rank) => {
      brings.set(scope, scopes.slice(0, rank + 1));
    });
  }
  return { all: [...brings.keys()].sort(), brings };
};

/** Sorted, each once, with the lower actions of every scope of the catalog. Patterns and unknown scopes stay as they are. */
export const expandScopes = (scopes: readonly string[], index: ScopeIndex): readonly string[] =>
  [...new Set(scopes.flatMap((scope) => index.brings.get(scope) ?? [scope]))].sort();

/** @param patterns what the roles of an owner hold together */
export const holds = (patterns: readonly string[], scope: string): boolean =>
  patterns.includes(everyScope) ||
  patterns.includes(scope) ||
  patterns.includes(`${scope.slice(0, scope.indexOf(':'))}:*`);

/**
 * The concrete scopes a key has now: its own, cut to its owner's roles and the catalog. Null, any scope, only for an
 * unscoped key of an owner who holds every scope, asked for by somebody who is not limited to applications.
 * Whoever checks tests membership in the answer and nothing else.
 *
 * @param own the key's stored scopes; null: all its owner may
 * @param patterns what the owner's roles hold together
 * @param applications those that a service token is limited to; null: not limited
 */
export const effectiveScopes = (
  own: readonly string[] | null,
  patterns: readonly string[],
  index: ScopeIndex,
  applications: readonly string[] | null,
): readonly string[] | null => {
  if (own === null && applications === null && patterns.includes(everyScope)) return null;
  return (own ?? index.all).filter(
    (scope) =>
      index.brings.has(scope) &&
      holds(patterns, scope) &&
      (applications === null || applications.includes(scope.slice(0, scope.indexOf(':')))),
  );
};

/** The scopes asked for that are not among the effective ones, each once. */
export const missingScopes = (effective: readonly string[] | null, asked: readonly string[]): readonly string[] => {
  if (effective === null) return [];
  const missing = asked.filter((scope) => !effective.includes(scope));
  return missing.length < 2 ? missing : [...new Set(missing)];
};
