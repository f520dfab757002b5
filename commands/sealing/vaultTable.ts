import type { Json } from '../../domain/json.ts';
import type { Expectation, Vault, VaultRow } from '../ports/vault.ts';
import type { Boxes } from './boxes.ts';

/** A row whose value was read. `person`, `ref`, `expiresAt`, `version`: as in the vault's port. */
export type Row<T> = Omit<VaultRow, 'kind' | 'value'> & { readonly value: T };

export type Put<T> =
  | { readonly put: true; readonly version: number }
  /** `current` is what stands there; null also where the person's key is destroyed, so nothing of theirs is kept. */
  | { readonly put: false; readonly current: Row<T> | null };

export type RowOptions = {
  readonly person?: string | null;
  readonly ref?: string | null;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | null;
};

/** The vault's rows of one kind, their values of one type. */
export type VaultTable<T extends Json> = {
  readonly get: (id: string) => Promise<Row<T> | null>;
  readonly put: (id: string, value: T, expect: Expectation, options?: RowOptions) => Promise<Put<T>>;
  readonly remove: (id: string, expect?: number) => Promise<boolean>;
  /** A page of rows in the order of their ids, after an id. `last`: pass it as `after` for the next page; null: this was the end. */
  readonly find: (
    by: { readonly person?: string; readonly ref?: string },
    page: { readonly after: string | null; readonly limit: number },
  ) => Promise<{ readonly rows: readonly Row<T>[]; readonly last: string | null }>;
};

/** Values as plain JSON: for what tells nothing to whoever reads the vault's file. */
export const vaultTable = <T extends Json>(vault: Vault, kind: string): VaultTable<T> =>
  table(vault, kind, {
    write: async (_id, value) => JSON.stringify(value),
    read: async (row) => JSON.parse(row.value) as T,
  });

/** The value of one plain row, for whoever may only look at the vault; null where there is none. */
export const readPlain = async <T extends Json>(
  vault: Pick<Vault, 'get'>,
  kind: string,
  id: string,
): Promise<T | null> => {
  const row = await vault.get(kind, id);
  return row && (JSON.parse(row.value) as T);
};

/**
 * Values sealed under the row's `person` where it has one, else under the master key, for this kind. What is sealed for
 * a person who was erased is as good as absent.
 */
export const sealedTable = <T extends Json>(vault: Vault, kind: string, boxes: Boxes): VaultTable<T> => {
  const aad = (id: string) => `${kind} ${id}`;
  return table<T>(vault, kind, {
    write: (id, value, person) =>
      boxes.seal(purpose(kind), person === null ? [] : [person], JSON.stringify(value), aad(id)),
    read: async (row) => {
      const text = await boxes.open(purpose(kind), row.value, aad(row.id));
      return text === null ? undefined : (JSON.parse(text) as T);
    },
  });
};

const purpose = (kind: string): string => `vault ${kind}`;

type Form<T> = {
  /** Null: must not be kept. */
  readonly write: (id: string, value: T, person: string | null) => Promise<string | null>;
  /** Undefined: can no longer be read. */
  readonly read: (row: VaultRow) => Promise<T | undefined>;
};

const table = <T extends Json>(vault: Vault, kind: string, form: Form<T>): VaultTable<T> => {
  const opened = async (row: VaultRow | null): Promise<Row<T> | null> => {
    const value = row ? await form.read(row) : undefined;
    if (!row || value === undefined) return null;
    return { id: row.id, version: row.version, person: row.person, ref: row.ref, expiresAt: row.expiresAt, value };
  };

  return {
    get: async (id) => opened(await vault.get(kind, id)),

    put: async (id, value, expect, { person = null, ref = null, expiresAt = null } = {}) => {
      const written = await form.write(id, value, person);
      if (written === null) return { put: false, current: null };
      const result = await vault.put({ kind, id, value: written, person, ref, expiresAt }, expect);
      return result.put ? result : { put: false, current: await opened(result.current) };
    },

    remove: (id, expect) => vault.remove(kind, id, expect),

    find: async (by, page) => {
      const found = await vault.find(kind, by, page);
      const rows = await Promise.all(found.map(opened));
      return {
        rows: rows.filter((row) => row !== null),
        last: found.length < page.limit ? null : (found.at(-1)?.id ?? null),
      };
    },
  };
};
