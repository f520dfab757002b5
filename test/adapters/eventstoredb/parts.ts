import { createEventStoreDb, type EventStoreDbOptions } from '../../../adapters/eventstoredb/eventStore.ts';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import { systemClock } from '../../../adapters/node/systemClock.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { type EventStoreDouble, startEventStoreDouble } from '../../servers/eventStoreDouble/double.ts';

export const prefix = 'tests';

export const openStore = (connectionString: string, own: Partial<EventStoreDbOptions> = {}): EventStore =>
  createEventStoreDb({ connectionString, prefix, clock: systemClock(), scheduler: systemScheduler(), ...own });

/** What tests begin, ended in the opposite order whatever happens. */
export const createBed = () => {
  const ends: (() => unknown)[] = [];
  return {
    ends,
    serve: async (): Promise<EventStoreDouble> => {
      const server = await startEventStoreDouble();
      ends.push(server.close);
      return server;
    },
    open: (server: Pick<EventStoreDouble, 'connectionString'>, own: Partial<EventStoreDbOptions> = {}): EventStore => {
      const store = openStore(server.connectionString, own);
      ends.push(store.close);
      return store;
    },
    end: async (): Promise<void> => {
      for (const end of ends.splice(0).reverse()) await end();
    },
  };
};

/** Ids of what the server holds in one of our streams, or in all of them. */
export const idsAt = ({ log }: EventStoreDouble, stream?: string): readonly string[] =>
  log.records
    .filter(({ stream: name }) =>
      stream === undefined ? name.startsWith(`${prefix}-`) : name === `${prefix}-${stream}`,
    )
    .map(({ id }) => id);

export const failureOf = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};
