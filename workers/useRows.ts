import type { KeyId, UserId } from '../domain/ids.ts';
import { createBytesTable } from '../projections/index/bytesTable.ts';
import { createColumn } from '../projections/index/column.ts';
import { readUuid, writeUuid } from '../projections/index/uuidBytes.ts';

/**
 * What is known of the use of each key, as rows of numbers counted from 0: a million keys take some 80 MB, where objects
 * take four times as much. A row stays; where it holds nothing any more it is `forgotten`, until its key is used again.
 */
export type UseRows = ReturnType<typeof createUseRows>;

const dirty = 1;
const forgotten = 2;

export const createUseRows = () => {
  const ids = createBytesTable(16);
  const owners = createBytesTable(16);
  const columns = {
    owner: createColumn(Int32Array),
    at: createColumn(Float64Array),
    writtenAt: createColumn(Float64Array),
    flags: createColumn(Uint8Array),
    // Number of the address plus one; 0: none was told.
    address: createColumn(Int32Array),
  };
  // Each once: services behind one proxy all tell the same few.
  const addresses: string[] = [];
  const numberOf = new Map<string, number>();
  const id = new Uint8Array(16);
  let forgottenRows = 0;

  const has = (row: number, flag: number) => (columns.flags.get(row) & flag) !== 0;

  const numbered = (address: string | null): number => {
    if (address === null) return 0;
    let number = numberOf.get(address);
    if (number === undefined) {
      number = addresses.push(address);
      numberOf.set(address, number);
    }
    return number;
  };

  const ownerRow = (ownerId: UserId) => {
    if (!readUuid(ownerId, id)) throw new Error('the id of a user is no UUID');
    const row = owners.find(id);
    return row >= 0 ? row : owners.add(id);
  };

  return {
    size: ids.size,
    addresses: () => addresses.length,
    forgottenRows: () => forgottenRows,

    /** The row of a key, also of a forgotten one; -1: there was never one. */
    find: (keyId: KeyId) => (readUuid(keyId, id) ? ids.find(id) : -1),
    /** A forgotten one, to be set. @throws where an id is no UUID */
    add: (keyId: KeyId, ownerId: UserId): number => {
      const owner = ownerRow(ownerId);
      if (!readUuid(keyId, id)) throw new Error('the id of a key is no UUID');
      const row = ids.add(id);
      columns.owner.set(row, owner);
      columns.flags.set(row, forgotten);
      forgottenRows += 1;
      return row;
    },

    keyId: (row: number): KeyId => writeUuid(ids.buffer(), row * 16),
    ownerId: (row: number): UserId => writeUuid(owners.buffer(), columns.owner.get(row) * 16),
    /** Milliseconds since 1970. */
    at: columns.at.get,
    ip: (row: number): string | null => addresses[columns.address.get(row) - 1] ?? null,
    /** Milliseconds of the monotonic clock; -Infinity: not by this process. */
    writtenAt: columns.writtenAt.get,
    isDirty: (row: number) => has(row, dirty),
    isForgotten: (row: number) => has(row, forgotten),

    use: (row: number, at: number, ip: string | null) => {
      if (has(row, forgotten)) {
        forgottenRows -= 1;
        columns.writtenAt.set(row, Number.NEGATIVE_INFINITY);
      }
      columns.at.set(row, at);
      columns.address.set(row, numbered(ip));
      columns.flags.set(row, dirty);
    },
    /** As it stands in the vault, or is being written there. */
    written: (row: number, writtenAt: number) => {
      columns.writtenAt.set(row, writtenAt);
      columns.flags.set(row, columns.flags.get(row) & ~dirty);
    },
    /** It is not in the vault after all. */
    unwritten: (row: number, writtenAt: number) => {
      columns.writtenAt.set(row, writtenAt);
      columns.flags.set(row, columns.flags.get(row) | dirty);
    },
    forget: (row: number) => {
      if (has(row, forgotten)) return;
      columns.flags.set(row, forgotten);
      columns.address.set(row, 0);
      forgottenRows += 1;
    },
  };
};

/** Fewer are not worth the trouble. */
const leastRows = 10_000;

/** The same without what was forgotten, where that is most of it; else the same. The rows have other numbers then. */
export const withoutForgotten = (rows: UseRows): UseRows => {
  const living = rows.size() - rows.forgottenRows();
  const isWaste = rows.forgottenRows() > Math.max(leastRows, living);
  if (!isWaste && rows.addresses() <= leastRows + 2 * living) return rows;
  const kept = createUseRows();
  for (let row = 0; row < rows.size(); row++) {
    if (rows.isForgotten(row)) continue;
    const to = kept.add(rows.keyId(row), rows.ownerId(row));
    kept.use(to, rows.at(row), rows.ip(row));
    if (rows.isDirty(row)) kept.unwritten(to, rows.writtenAt(row));
    else kept.written(to, rows.writtenAt(row));
  }
  return kept;
};
