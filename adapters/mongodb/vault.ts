import type { Clock, Scheduler } from '../../commands/environment.ts';
import type { Vault, VaultRow, VaultWrite } from '../../commands/ports/vault.ts';
import { type Connection, connect } from './connection.ts';
import { isDuplicate } from './errors.ts';
import { type LeaseDocument, leasesIn } from './leases.ts';
import { expired, fresh, type RowDocument, rangeOfKind, rowId, toDocument, toRow } from './vaultRow.ts';
import { type Count, createVersions } from './versions.ts';

export type MongoVault = {
  readonly url: string;
  /** A database of its own: it is backed up with the log, and the lists are not. */
  readonly database?: string;
  readonly clock: Clock;
  /** With it, no call is waited for longer than somebody waits for an answer. */
  readonly scheduler?: Scheduler;
  /** Milliseconds since 1970, not later than the moment of the next write there. By default the server is asked: for tests. */
  readonly serverTime?: () => Promise<number>;
  /** The server does not delete expired rows by itself; `removeExpired` does. */
  readonly onNoExpiry?: (reason: string) => void;
};

const defaultDatabase = 'keyledger-vault';

/** A day after it expired by its writer's clock, the server deletes a row: no clock of ours is a day off. */
const ttlSeconds = 24 * 60 * 60;

/**
 * The vault in a MongoDB database. A write is on the disks of a majority before it resolves. Every filter is made of
 * constants and texts; nothing that comes from outside is ever part of one otherwise.
 * @throws Failure `store-unavailable` where MongoDB cannot be reached
 */
export const openVault = async ({
  url,
  database = defaultDatabase,
  clock,
  scheduler,
  serverTime,
  onNoExpiry = () => {},
}: MongoVault): Promise<Vault> => {
  const connection = connect(url, database, scheduler);
  try {
    await prepare(connection, onNoExpiry);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return vaultOf(connection, clock, serverTime);
};

/** A vault that is looked at before anything is written: nothing is made there. */
export const readVault = ({
  url,
  database = defaultDatabase,
  clock,
}: MongoVault): Pick<Vault, 'get' | 'find' | 'close'> => vaultOf(connect(url, database), clock, undefined);

const rowsIn = ({ db }: Connection) => db.collection<RowDocument>('rows');

const prepare = async (connection: Connection, onNoExpiry: (reason: string) => void): Promise<void> => {
  const rows = rowsIn(connection);
  await connection.ask(() => rows.createIndex({ person: 1, _id: 1 }, { name: 'person' }));
  await connection.ask(() => rows.createIndex({ ref: 1, _id: 1 }, { name: 'ref' }));
  try {
    await connection.ask(() => rows.createIndex({ until: 1 }, { name: 'until', expireAfterSeconds: ttlSeconds }));
  } catch (error) {
    // A server may not know such an index, or its administrator may have given it another time: rows are tidied all the same.
    onNoExpiry((error as Error).message);
  }
};

const vaultOf = (connection: Connection, clock: Clock, serverTime: MongoVault['serverTime']): Vault => {
  const { db, askSoon: ask, close } = connection;
  const rows = rowsIn(connection);
  const versions = createVersions(db.collection<Count>('counts'));
  const leases = leasesIn(db.collection<LeaseDocument>('leases'), serverTime ?? (() => timeOf(connection)));

  const standing = async (kind: string, id: string): Promise<VaultRow | null> => {
    const row = await rows.findOne({ _id: rowId(kind, id), ...fresh(clock.now()) });
    return row && toRow(row);
  };

  const overAny = async (row: VaultWrite): Promise<number> => {
    for (let version = await versions.next(); ; version = await versions.beyondAll()) {
      const document = toDocument(row, version);
      const { _id } = document;
      const replaced = await rows.replaceOne({ _id, version: { $lt: version } }, document);
      if (replaced.matchedCount === 1 || (await inserted(document))) return version;
    }
  };
  const overVersion = async (row: VaultWrite, expected: number): Promise<number | null> => {
    let version = await versions.next();
    if (version <= expected) version = await versions.beyondAll();
    const document = toDocument(row, version);
    const filter = { _id: document._id, version: { $eq: expected }, ...fresh(clock.now()) };
    return (await rows.replaceOne(filter, document)).matchedCount === 1 ? version : null;
  };
  const overNone = async (row: VaultWrite): Promise<number | null> => {
    let version = await versions.next();
    for (;;) {
      const document = toDocument(row, version);
      if (await inserted(document)) return version;
      const { _id } = document;
      const now = clock.now();
      const there = await rows.findOne({ _id });
      if (there === null) continue;
      if (there.until.getTime() > now) return null;
      if (there.version < version) {
        const filter = { _id, version: { $eq: there.version }, ...expired(now) };
        if ((await rows.replaceOne(filter, document)).matchedCount === 1) return version;
      } else {
        version = await versions.beyondAll();
      }
    }
  };
  /** Writes them together. @returns those that may not stand, because somebody else wrote them meanwhile */
  const unwritten = async (last: ReadonlyMap<string, VaultWrite>): Promise<readonly VaultWrite[]> => {
    if (last.size === 0) return [];
    const ids = { _id: { $in: [...last.keys()] } };
    const found = await rows.find(ids).project<{ _id: string; version: number }>({ _id: 1, version: 1 }).toArray();
    const there = new Map(found.map(({ _id, version }) => [_id, version]));
    const [over, none, rest]: [RowDocument[], RowDocument[], VaultWrite[]] = [[], [], []];
    for (const [_id, row] of last) {
      const document = toDocument(row, await versions.next());
      const standing = there.get(_id);
      if (standing === undefined) none.push(document);
      else if (standing < document.version) over.push(document);
      else rest.push(row);
    }
    const replace = (replacement: RowDocument) => {
      const { _id, version } = replacement;
      return { replaceOne: { filter: { _id, version: { $lt: version } }, replacement } };
    };
    const stand = [
      over.length === 0 || (await rows.bulkWrite(over.map(replace))).matchedCount === over.length,
      none.length === 0 || (await insertedAll(none)),
    ];
    const again = [...(stand[0] ? [] : over), ...(stand[1] ? [] : none)];
    return [...rest, ...again.map(({ _id }) => last.get(_id)!)];
  };
  const insertedAll = async (documents: readonly RowDocument[]): Promise<boolean> => {
    try {
      await rows.insertMany(documents);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  };
  const inserted = async (document: RowDocument): Promise<boolean> => {
    try {
      await rows.insertOne(document);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  };

  return {
    get: (kind, id) => ask(() => standing(kind, id)),
    put: (row, expect) =>
      ask(async () => {
        const version =
          expect === 'any'
            ? await overAny(row)
            : expect === 'absent'
              ? await overNone(row)
              : await overVersion(row, expect);
        return version === null ? { put: false, current: await standing(row.kind, row.id) } : { put: true, version };
      }),
    putAll: (written) =>
      ask(async () => {
        const last = new Map(written.map((row) => [rowId(row.kind, row.id), row]));
        for (const row of await unwritten(last)) await overAny(row);
      }),
    remove: (kind, id, expect) =>
      ask(async () => {
        const filter = { _id: rowId(kind, id), ...fresh(clock.now()) };
        const removed = await rows.deleteOne(expect === undefined ? filter : { ...filter, version: { $eq: expect } });
        return removed.deletedCount === 1;
      }),
    find: (kind, { person, ref }, { after, limit }) =>
      ask(async () => {
        const filter = {
          _id: rangeOfKind(kind, after),
          ...(person !== undefined && { person: { $eq: person } }),
          ...(ref !== undefined && { ref: { $eq: ref } }),
          ...fresh(clock.now()),
        };
        return (await rows.find(filter).sort({ _id: 1 }).limit(limit).toArray()).map(toRow);
      }),
    purgePerson: (person) => ask(async () => (await rows.deleteMany({ person: { $eq: person } })).deletedCount),
    removeExpired: (limit) =>
      ask(async () => {
        const past = expired(clock.now());
        const found = await rows.find(past).project<{ _id: string }>({ _id: 1 }).limit(limit).toArray();
        if (found.length === 0) return 0;
        return (await rows.deleteMany({ _id: { $in: found.map(({ _id }) => _id) }, ...past })).deletedCount;
      }),
    lease: (name, holder, ttlMs) => ask(() => leases.lease(name, holder, ttlMs)),
    releaseLease: (name, holder) => ask(() => leases.release(name, holder)),
    close,
  };
};

const timeOf = async ({ db }: Connection): Promise<number> => {
  const { localTime } = await db.command({ hello: 1 });
  return (localTime as Date).getTime();
};
