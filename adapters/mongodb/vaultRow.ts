import type { VaultRow, VaultWrite } from '../../commands/ports/vault.ts';

// On disk: add fields, never rename.
export type RowDocument = {
  /** Kind and id. A kind holds no slash, so the first one parts them. */
  readonly _id: string;
  readonly kind: string;
  readonly id: string;
  readonly version: number;
  readonly value: string;
  readonly person: string | null;
  readonly ref: string | null;
  readonly expiresAt: number | null;
  /** `expiresAt` as the server's own expiry and one range of an index want it: always there. */
  readonly until: Date;
};

/** As late as a date can be. */
const never = 8.64e15;

/** @throws where a kind holds a slash. A template is a text, whatever came in. */
export const rowId = (kind: string, id: string): string => {
  if (`${kind}`.includes('/')) throw new TypeError('a kind of the vault holds no slash');
  return `${kind}/${id}`;
};

/** All ids of a kind, or those that come after one. The order of texts in MongoDB is that of their UTF-8 bytes. */
export const rangeOfKind = (kind: string, after: string | null) => ({
  ...(after === null ? { $gte: rowId(kind, '') } : { $gt: rowId(kind, after) }),
  // What follows the slash in the order of characters.
  $lt: `${kind}0`,
});

export const fresh = (now: number) => ({ until: { $gt: new Date(now) } });
export const expired = (now: number) => ({ until: { $lte: new Date(now) } });

export const toDocument = (row: VaultWrite, version: number): RowDocument => ({
  _id: rowId(row.kind, row.id),
  kind: row.kind,
  id: row.id,
  version,
  value: row.value,
  person: row.person,
  ref: row.ref,
  expiresAt: row.expiresAt,
  until: new Date(Math.min(row.expiresAt ?? never, never)),
});

export const toRow = ({ kind, id, version, value, person, ref, expiresAt }: RowDocument): VaultRow => ({
  kind,
  id,
  version,
  value,
  person,
  ref,
  expiresAt,
});
