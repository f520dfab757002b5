import type { EventStoreDBClient } from '@eventstore/db-client';
import { type BatchAppends, openBatchAppends, type WireAnswer, type WireAppend } from './batchAppends.ts';
import { type Client, newClient } from './client.ts';
import { isDisconnected, unavailable } from './errors.ts';
import { type Patience, type Time, within } from './timing.ts';

export type Connection = {
  /** One try. Rejects where there is no answer; the outcome is open then. */
  readonly append: (append: WireAppend) => Promise<WireAnswer>;
  /** What reads and subscribes. */
  readonly client: () => EventStoreDBClient;
  /** To be told of every error of a client, so that the next call gets one that works. */
  readonly failed: (client: EventStoreDBClient, error: unknown) => void;
  /** To be told of a client on which somebody waited in vain. */
  readonly silent: (client: EventStoreDBClient) => void;
  readonly close: () => Promise<void>;
};

type Link = { readonly client: Client; appends: Promise<BatchAppends> | null };

/**
 * The connection of one store. A client that lost its own, or hears nothing over it, is replaced: it would look for the
 * cluster's leader anew while old calls still fail, and wait long for what never answers.
 */
export const openConnection = (connectionString: string, time: Time, patience: Patience): Connection => {
  let opened = 0;
  const open = (): Link => ({ client: newClient(connectionString, opened++), appends: null });
  let link = open();
  let closed = false;

  /** Whoever waits for an answer on it still gets it. */
  const retire = ({ client, appends }: Link): void => {
    client.retire(patience.call);
    appends?.then(
      (open) => open.finish(),
      () => {}, // It never began.
    );
  };

  const silent = (client: EventStoreDBClient) => {
    if (client !== link.client.db || closed) return;
    const old = link;
    link = open();
    retire(old);
  };

  const failed = (client: EventStoreDBClient, error: unknown) => {
    if (isDisconnected(error)) silent(client);
  };

  /** One call for all who ask, and another after it has ended. */
  const appendsOf = async (used: Link): Promise<BatchAppends> => {
    used.appends ??= openBatchAppends(used.client.db);
    const opening = used.appends;
    const appends = await opening.catch(() => null);
    if (appends !== null && !appends.isEnded()) return appends;
    if (used.appends === opening) used.appends = null;
    return appends ?? opening;
  };

  return {
    append: async (append) => {
      let used = link;
      const send = async (): Promise<WireAnswer> => {
        for (;;) {
          used = link;
          const appends = await appendsOf(used).catch((error: unknown) => {
            if (used === link) throw error;
            return null; // Replaced meanwhile, and nothing was sent.
          });
          if (appends !== null && !appends.isEnded()) return appends.append(append);
        }
      };
      const giveUp = () => {
        // The others on it would wait as long.
        silent(used.client.db);
        used.appends?.then(
          (appends) => appends.end(),
          () => {}, // It never began.
        );
      };
      try {
        return await within(time, patience.call, send(), giveUp);
      } catch (error) {
        failed(used.client.db, error);
        throw error;
      }
    },
    client: () => {
      if (closed) throw unavailable('the store is closed');
      return link.client.db;
    },
    failed,
    silent,
    close: async () => {
      closed = true;
      link.appends?.then(
        (appends) => appends.end(),
        () => {}, // It never began.
      );
      link.client.retire(patience.call);
      await within(time, patience.call, link.client.db.dispose(), () => {}).catch(() => {});
    },
  };
};
