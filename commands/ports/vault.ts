/**
 * One row of what cannot be derived from the log. `version` rises with every write. `person`: whose it is, to be purged
 * with them; `ref`: one more thing to find it by (a key's id). `expiresAt`: milliseconds; an expired row is as good as absent.
 */
export type VaultRow = {
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly value: string;
  readonly person: string | null;
  readonly ref: string | null;
  readonly expiresAt: number | null;
};

export type VaultWrite = Omit<VaultRow, 'version'>;

/** What must stand there for a write to happen: no row, any or none, or the row of this version. */
export type Expectation = 'absent' | 'any' | number;

export type PutResult =
  | { readonly put: true; readonly version: number }
  /** Nothing was written; `current` is what stands there. */
  | { readonly put: false; readonly current: VaultRow | null };

/** Conditional writes of single rows, durable before they resolve. Every call rejects with code `store-unavailable` when the store cannot answer. */
export type Vault = {
  readonly get: (kind: string, id: string) => Promise<VaultRow | null>;
  readonly put: (row: VaultWrite, expect: Expectation) => Promise<PutResult>;
  /** Many unconditional puts, for what may be lost one by one but is written together (last use, marks). */
  readonly putAll: (rows: readonly VaultWrite[]) => Promise<void>;
  /** @returns whether a row was there (and of that version, where one is given) and is gone */
  readonly remove: (kind: string, id: string, expect?: number) => Promise<boolean>;
  /** Rows of a kind in the order of their ids, after an id, exclusive. Without `person` and `ref`: all. */
  readonly find: (
    kind: string,
    by: { readonly person?: string; readonly ref?: string },
    page: { readonly after: string | null; readonly limit: number },
  ) => Promise<readonly VaultRow[]>;
  /** Every row of a person, of every kind. @returns how many */
  readonly purgePerson: (person: string) => Promise<number>;
  /** Tidying: what expired is gone from disk. @returns how many, at most `limit` */
  readonly removeExpired: (limit: number) => Promise<number>;
  /**
   * The exclusive right to an effect for `ttlMs`, by the store's clock; again by the same holder renews it. `fence` rises
   * with each new holder, so that what a deposed one still writes can be told apart. Null: another holds it.
   */
  readonly lease: (name: string, holder: string, ttlMs: number) => Promise<{ readonly fence: number } | null>;
  readonly releaseLease: (name: string, holder: string) => Promise<void>;
  readonly close: () => Promise<void>;
};
