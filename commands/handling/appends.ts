import { failedWith } from '../failure.ts';
import type { AppendResult, EventStore, EventToAppend, ExpectedRevision, StoredEvent } from '../ports/eventStore.ts';
import { type EventCodec, type SealedEvent, sealedUnder } from './eventCodec.ts';
import type { Read } from './folds.ts';
import type { Patience } from './patience.ts';

export type Appends = {
  /** After an error the outcome is open: the same ids at the same revision again, until the store says which. */
  readonly append: (
    stream: string,
    expected: ExpectedRevision,
    events: readonly EventToAppend[],
    trying: Patience,
  ) => Promise<AppendResult>;
  /** What was just appended, as it will be read back. */
  readonly appended: (
    stream: string,
    sealed: readonly SealedEvent[],
    result: AppendResult & { readonly appended: true },
  ) => Promise<readonly Read[]>;
  /** What a command, in any run of it, appended to the stream from a revision on: one append, so one row of events. */
  readonly find: (stream: string, from: number, idOf: (n: number) => string) => Promise<readonly Read[] | null>;
};

const pageSize = 500;

export const createAppends = (deps: {
  store: Pick<EventStore, 'append' | 'readStream'>;
  codec: Pick<EventCodec, 'openAll'>;
}): Appends => {
  const { store, codec } = deps;

  const opened = async (stored: readonly StoredEvent[]): Promise<readonly Read[]> =>
    (await codec.openAll(stored)).map((event, n) => ({ opened: event, persons: sealedUnder(stored[n]!) }));

  return {
    append: async (stream, expected, events, trying) => {
      for (;;) {
        try {
          return await store.append(stream, expected, events);
        } catch (error) {
          if (!failedWith(error, 'store-unavailable') || !(await trying.another())) throw error;
        }
      }
    },

    appended: async (stream, sealed, { revision, position }) => {
      const [only] = sealed;
      if (only && sealed.length === 1) {
        return [{ opened: only.openedAt(revision, position), persons: sealedUnder(only.toAppend) }];
      }
      // The store told the place of the last one only.
      const first = revision - sealed.length + 1;
      const stored: StoredEvent[] = [];
      while (stored.length < sealed.length) {
        const { events } = await store.readStream(stream, first + stored.length, sealed.length - stored.length);
        if (events.length === 0) throw new Error(`${stream} does not show what was appended to it`);
        stored.push(...events);
      }
      return opened(stored);
    },

    find: async (stream, from, idOf) => {
      const own: StoredEvent[] = [];
      let ended = false;
      for (let at = from; !ended; ) {
        const page = await store.readStream(stream, at, pageSize);
        ended = page.end;
        for (const event of page.events) {
          if (event.id === idOf(own.length)) own.push(event);
          else if (own.length > 0) ended = true;
        }
        at += page.events.length;
      }
      return own.length > 0 ? opened(own) : null;
    },
  };
};
