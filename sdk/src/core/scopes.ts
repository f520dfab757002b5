import type { ValidKey } from '../types.ts';

export const none: readonly string[] = [];

/** Those of the scopes asked for that a key lacks. */
export const missingOf = ({ scopes: held }: ValidKey, asked: readonly string[]): readonly string[] =>
  held === null ? none : asked.filter((scope) => !held.includes(scope));

/** Whether a key has all of them. Asked with every use: it makes nothing. */
export const holds = ({ scopes: held }: ValidKey, asked: readonly string[]): boolean => {
  if (held !== null) for (const scope of asked) if (!held.includes(scope)) return false;
  return true;
};
