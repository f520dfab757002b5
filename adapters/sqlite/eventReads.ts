// What is read of the log's file, by whoever has it open.
import type { StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { EventStore, StoredEvent } from '../../commands/ports/eventStore.ts';
import { positionOf, sequenceAfter, sequenceOf } from '../node/sequencePositions.ts';
import { decode, isRevision } from '../node/storedEvents.ts';
import { schema } from './eventStoreFile.ts';
import { openUntouched, type Reader } from './reader.ts';

/** A read gives at most so many events, and stops after so many characters, so that no read holds up the thread for long. */
const maxEventsPerRead = 1_000;
const maxReadSize = 4 * 1024 * 1024;

type StreamPage = Awaited<ReturnType<EventStore['readStream']>>;

export type EventReads = Pick<EventStore, 'readAll' | 'readAt'> & {
  /** @param seen told of the page at the very moment of the read */
  readonly readStream: (
    stream: string,
    from: number,
    limit: number,
    seen?: (page: StreamPage) => void,
  ) => Promise<StreamPage>;
  /** Sequence number of the last event, 0 where there is none. */
  readonly head: () => Promise<number>;
};

export const eventReads = (reader: Reader): EventReads => {
  const select = (sql: string): StatementSync => {
    const statement = reader.db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  const head = select('SELECT max(seq) FROM events');
  const ofStream = select(`SELECT ${columns} FROM events WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT ?`);
  const ofAll = select(`SELECT ${columns} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`);
  const at = select(`SELECT ${columns} FROM events WHERE seq = ?`);

  // Reading runs in this thread: page after page must let everybody else have their turn in between.
  const inTurn = async <Result>(read: () => Result): Promise<Result> => {
    await setImmediate();
    return reader.read(read);
  };

  return {
    readStream: (stream, from, limit, seen = () => {}) =>
      inTurn(() => {
        if (!isRevision(from)) throw new TypeError('a stream is read from revision 0 or later');
        const read = page(ofStream, [stream, from], limit);
        seen(read);
        return read;
      }),

    readAll: (after, limit) =>
      inTurn(() => {
        const { events, end } = page(ofAll, [sequenceAfter(after)], limit);
        return { events, position: events.at(-1)?.position ?? after, end };
      }),

    readAt: (position) =>
      reader.read(() => {
        const sequence = sequenceOf(position);
        const row = sequence === null ? undefined : at.get(sequence);
        return row === undefined ? null : fromRow(asRow(row));
      }),

    head: () => reader.read(() => (asRow(head.get())[0] as number | null) ?? 0),
  };
};

/**
 * A log that no process has open, read and left as it is; null where there is none.
 * @throws DataRefused for a file that is foreign, newer or damaged; Failure `store-unavailable` where it cannot be opened
 */
export const readLog = (file: string): (EventReads & { readonly close: () => void }) | null => {
  const reader = openUntouched(file, schema);
  return reader && { ...eventReads(reader), close: reader.close };
};

const columns = 'seq, stream, revision, id, type, data, sealed, metadata';
type Row = readonly [number, string, number, string, string, string, string | null, string];

// With setReturnArrays a row is an array, which the types do not know.
const asRow = (row: unknown) => row as Row;

const fromRow = ([seq, stream, revision, id, type, data, sealed, metadata]: Row): StoredEvent =>
  decode({ id, type, data, sealed, metadata }, { stream, revision, position: positionOf(seq) });

const checkLimit = (limit: number) => {
  if (!Number.isSafeInteger(limit) || limit < 1) throw new TypeError('a read asks for at least one event');
};

/** An empty page that ends a stream. */
export const nothingMore = (limit: number): { readonly events: readonly StoredEvent[]; readonly end: boolean } => {
  checkLimit(limit);
  return { events: [], end: true };
};

const page = (select: StatementSync, from: readonly (string | number)[], limit: number) => {
  checkLimit(limit);
  const asked = Math.min(limit, maxEventsPerRead);
  const events: StoredEvent[] = [];
  let size = 0;
  // One row more than asked tells whether this is the end.
  for (const row of select.iterate(...from, asked + 1)) {
    if (events.length === asked || size >= maxReadSize) return { events, end: false };
    const [, , , , , data, sealed, metadata] = asRow(row);
    size += data.length + (sealed?.length ?? 0) + metadata.length;
    events.push(fromRow(asRow(row)));
  }
  return { events, end: true };
};
