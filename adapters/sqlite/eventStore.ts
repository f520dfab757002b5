import type { StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import type { EventStore, StoredEvent } from '../../commands/ports/eventStore.ts';
import { positionOf, sequenceAfter, sequenceOf } from '../node/sequencePositions.ts';
import { decode, encodeAppend, isRevision } from '../node/storedEvents.ts';
import { createWaiters } from '../node/waiters.ts';
import type { AppendAnswer, AppendMessage } from './eventStoreFile.ts';
import { openWriter } from './groupCommit.ts';
import { openReader } from './reader.ts';
import { createStreamEnds } from './streamEnds.ts';

/** A read gives at most so many events, and stops after so many characters, so that no read holds up the thread for long. */
const maxEventsPerRead = 1_000;
const maxReadSize = 4 * 1024 * 1024;

export type EventStoreFile = {
  readonly file: string;
  /** Another worker module than the store's own: for tests that make the disk fail. */
  readonly module?: URL;
};

/**
 * The log in one SQLite file, for one process. What an append answered survives the loss of power. Reads come from this
 * thread's own connection and never wait for a write.
 * @throws DataRefused for a file that is foreign, newer or damaged
 */
export const openEventStore = async ({
  file,
  module = new URL('./eventStoreFile.ts', import.meta.url),
}: EventStoreFile): Promise<EventStore> => {
  const writer = await openWriter<AppendMessage, AppendAnswer>({ file, module });
  const reader = openReader(file);
  const waiters = createWaiters();
  const ends = createStreamEnds();

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
    append: async (stream, expected, events) => {
      const encoded = encodeAppend(stream, expected, events);
      const message = {
        stream,
        expected: expected === 'no-stream' ? -1 : expected,
        events: encoded.flatMap(({ id, type, data, sealed, metadata }) => [id, type, data, sealed, metadata]),
      };
      const answered = ends.appending(stream, message.expected);
      let answer: AppendAnswer | null = null;
      try {
        answer = await writer.run(message);
      } finally {
        // Also after an error: it may stand there all the same.
        answered(answer);
        waiters.wake();
      }
      if ('actual' in answer) return { appended: false, actual: answer.actual < 0 ? 'no-stream' : answer.actual };
      return { appended: true, revision: answer.revision, position: positionOf(answer.seq) };
    },

    readStream: async (stream, from, limit) => {
      if (!isRevision(from)) throw new TypeError('a stream is read from revision 0 or later');
      // Most reads look whether something came, and nothing did.
      if (ends.isBefore(stream, from)) return reader.read(() => nothingMore(limit));
      return inTurn(() => {
        const read = page(ofStream, [stream, from], limit);
        if (read.end) ends.read(stream, read.events.at(-1)?.revision ?? from - 1);
        return read;
      });
    },

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

    changed: async (after, signal) => {
      const last = await reader.read(() => asRow(head.get())[0] as number | null);
      if ((last ?? 0) > sequenceAfter(after)) return;
      await waiters.wait(signal);
    },

    close: async () => {
      // The writer last: whoever closes last empties the write-ahead log into the file, and a reader cannot.
      reader.close();
      await writer.close();
      waiters.wake();
    },
  };
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

const nothingMore = (limit: number): { readonly events: readonly StoredEvent[]; readonly end: boolean } => {
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
