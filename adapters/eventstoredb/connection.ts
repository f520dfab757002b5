import { EventStoreDBClient } from '@eventstore/db-client';
import { type BatchAppends, openBatchAppends, type WireAnswer, type WireAppend } from './batchAppends.ts';
import { isDisconnected, unavailable } from './errors.ts';
import { type Patience, type Time, within } from './timing.ts';

export type Connection = {
  /** One try. Rejects where there is no answer; the outcome is open then. */
  readonly append: (append: WireAppend) => Promise<WireAnswer>;
  /** What reads and subscribes. */
  readonly client: () => EventStoreDBClient;
  /** To be told of every error of a client, so that the next call gets one that works. */
  readonly failed: (client: EventStoreDBClient, error: unknown) => void;
  readonly close: () => Promise<void>;
};

type Link = { readonly client: EventStoreDBClient; appends: Promise<BatchAppends> | null };

const defaultKeepAlive = 10_000;

/**
 * The connection of one store. A client that lost its own is replaced: it would look for the cluster's leader anew while
 * old calls still fail, and an error of both at once is one that nobody can catch.
 */
export const openConnection = (connectionString: string, time: Time, patience: Patience): Connection => {
  let opened = 0;
  const open = (): Link => ({ client: newClient(connectionString, opened++), appends: null });
  let link = open();
  let closed = false;

  const failed = (client: EventStoreDBClient, error: unknown) => {
    if (client === link.client && isDisconnected(error) && !closed) link = open();
  };

  const appendsOf = (used: Link): Promise<BatchAppends> => {
    const opening = openBatchAppends(used.client);
    used.appends = opening;
    opening.catch(() => {
      if (used.appends === opening) used.appends = null;
    });
    return opening;
  };

  const giveUp = (used: Link, appends: BatchAppends) => {
    used.appends = null;
    appends.end();
  };

  return {
    append: async (append) => {
      const used = link;
      let appends: BatchAppends | null = null;
      try {
        const answered = (async () => {
          appends = await (used.appends ?? appendsOf(used));
          if (appends.isEnded()) appends = await appendsOf(used);
          return appends.append(append);
        })();
        return await within(time, patience.call, answered);
      } catch (error) {
        // Also one that is only silent: the others on it would wait as long.
        if (appends !== null) giveUp(used, appends);
        failed(used.client, error);
        throw error;
      }
    },
    client: () => {
      if (closed) throw unavailable('the store is closed');
      return link.client;
    },
    failed,
    close: async () => {
      closed = true;
      const appends = await link.appends?.catch(() => null);
      appends?.end();
      await link.client.dispose();
    },
  };
};

/**
 * gRPC shares connections of equal options in the process, and with them the long pause after one that failed. Each
 * client has options of its own, so that a new one connects at once; the pauses are ours.
 */
const newClient = (connectionString: string, count: number): EventStoreDBClient => {
  if (/keep_?-?alive_?-?interval=/i.test(connectionString))
    return EventStoreDBClient.connectionString(connectionString);
  const separator = connectionString.includes('?') ? '&' : '?';
  return EventStoreDBClient.connectionString(
    `${connectionString}${separator}keepAliveInterval=${defaultKeepAlive + (count % 1_000)}`,
  );
};
