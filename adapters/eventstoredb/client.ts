import { EventStoreDBClient } from '@eventstore/db-client';
import { withoutCredentials } from './connectionString.ts';
import { type Credentials, type Sockets, socketsOf } from './sockets.ts';

/** What the package has of a gRPC channel. */
type Channel = { readonly close: () => void; readonly internalChannel: { readonly credentials: Credentials } };

/** What is put right in here; properties of every client, none of the package's prototypes. */
type Inside = {
  createChannel: () => Promise<Channel>;
  /** Looks for the cluster's leader, where it has to. */
  resolveUri: () => Promise<string>;
  handleError: (stub: unknown, error: Error) => Promise<void>;
};

export type Client = {
  readonly db: EventStoreDBClient;
  /**
   * Nothing new begins, what runs on it has so many milliseconds to come to its end, and then its connection is closed,
   * be it one on which the server says nothing.
   */
  readonly retire: (graceMs: number) => void;
};

const opened = (connectionString: string): EventStoreDBClient => {
  try {
    return EventStoreDBClient.connectionString(connectionString);
  } catch (error) {
    throw withoutCredentials(error);
  }
};

/** @param count another for every client of the process @throws Error without any credentials */
export const newClient = (connectionString: string, count: number): Client => {
  const db = opened(apart(connectionString, count % 1_000));
  const inside = db as unknown as Inside;
  const { createChannel, handleError, resolveUri } = inside;
  let channel: Channel | null = null;
  let sockets: Promise<Sockets> | null = null;
  let retired = false;

  /** The client keeps its credentials to itself, and looks for a leader with them before it has any channel. */
  const allSockets = async (): Promise<Sockets> => {
    inside.resolveUri = async () => 'localhost:1';
    const making = createChannel();
    inside.resolveUri = resolveUri;
    const nowhere = await making;
    nowhere.close();
    return socketsOf(nowhere.internalChannel.credentials);
  };

  // The package never closes its last one.
  inside.createChannel = async () => {
    sockets ??= allSockets();
    await sockets;
    if (retired) throw new Error('the connection was given up');
    const made = await createChannel();
    channel = made;
    if (retired) made.close();
    return made;
  };

  // It would give up its connection for a call that was cancelled here, and what goes wrong while it looks for the
  // cluster's leader would be an error that nobody can catch.
  inside.handleError = async (stub, error) => {
    if (!isCancelledHere(error)) await handleError(stub, error).catch(() => {});
  };

  return {
    db,
    retire: (graceMs) => {
      retired = true;
      channel?.close();
      void sockets?.then(({ giveUp }) => giveUp(graceMs));
    },
  };
};

const isCancelledHere = (error: Error): boolean => 'details' in error && error.details === 'Cancelled on client';

/**
 * gRPC shares connections of equal options in the process, and with them the long pause after one that failed. Each
 * client has options of its own, so that a new one connects at once; the pauses are ours.
 */
const apart = (connectionString: string, by: number): string => {
  const interval = given(connectionString, 'interval');
  if (interval === null) return `${connectionString}${separatorIn(connectionString)}keepAliveInterval=${10_000 + by}`;
  if (!interval.startsWith('-')) return connectionString.replace(keepAlive('interval'), String(Number(interval) + by));
  // Switched off.
  const timeout = given(connectionString, 'timeout');
  if (timeout === null) return `${connectionString}&keepAliveTimeout=${10_000 + by}`;
  return connectionString.replace(keepAlive('timeout'), String(Math.abs(Number(timeout)) + by));
};

const keepAlive = (what: string) => new RegExp(`(?<=[?&]keep[_-]?alive[_-]?${what}=)[^&]*`, 'i');
const given = (connectionString: string, what: string) => keepAlive(what).exec(connectionString)?.[0] ?? null;
const separatorIn = (connectionString: string) => (connectionString.includes('?') ? '&' : '?');
