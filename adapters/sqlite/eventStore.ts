import type { EventStore } from '../../commands/ports/eventStore.ts';
import { positionOf, sequenceAfter } from '../node/sequencePositions.ts';
import { encodeAppend, isRevision } from '../node/storedEvents.ts';
import { createWaiters } from '../node/waiters.ts';
import { eventReads, nothingMore } from './eventReads.ts';
import type { AppendAnswer, AppendMessage } from './eventStoreFile.ts';
import { openWriter } from './groupCommit.ts';
import { openReader } from './reader.ts';
import { createStreamEnds } from './streamEnds.ts';

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
  const reads = eventReads(reader);
  const waiters = createWaiters();
  const ends = createStreamEnds();

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
      return reads.readStream(stream, from, limit, ({ events, end }) => {
        if (end) ends.read(stream, events.at(-1)?.revision ?? from - 1);
      });
    },

    endsAt: (stream, revision) => reader.db.isOpen && ends.isBefore(stream, revision + 1),
    readAll: reads.readAll,
    readAt: reads.readAt,

    changed: async (after, signal) => {
      if ((await reads.head()) > sequenceAfter(after)) return;
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
