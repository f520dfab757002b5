import { EventStoreDBClient } from '@eventstore/db-client';
import { eventually } from '../support/eventually.ts';
import { dockerWith } from './docker.ts';
import { startEventStoreDouble } from './eventStoreDouble/double.ts';

/** An event store of a test's own, at the same address for as long as it is used. */
export type EventStoreServer = {
  readonly connectionString: string;
  /** Ends it at once, as a crash does; what it stored stays. */
  readonly kill: () => Promise<void>;
  /** Starts it again after `kill`. */
  readonly start: () => Promise<void>;
  /** Ends it and removes everything. */
  readonly stop: () => Promise<void>;
};

const image = 'eventstore/eventstore:23.10.8-bookworm-slim';

/** One that is there already, and that no test may stop: each writes to streams of its own, and nobody deletes them. */
export const givenEventStore: string | null = process.env.KEYLEDGER_TEST_EVENTSTORE || null;

const docker = givenEventStore === null ? await dockerWith(image) : null;

/** What the tests run on; the double needs nothing but npm, so that none of them is skipped for want of a server. */
export const eventStoreInUse: 'EventStoreDB, given' | 'EventStoreDB in Docker' | 'the double' =
  givenEventStore !== null ? 'EventStoreDB, given' : docker !== null ? 'EventStoreDB in Docker' : 'the double';

/** Why what only EventStoreDB itself can show is not shown; null where it is. */
export const noRealEventStore: string | null =
  eventStoreInUse === 'the double'
    ? 'KEYLEDGER_TEST_EVENTSTORE is not set and there is no Docker engine: tests ran on the double'
    : null;

export const startEventStore = (): Promise<EventStoreServer> => (docker === null ? startDouble() : startContained());

const startDouble = async (): Promise<EventStoreServer> => {
  const { connectionString, stop, start, close } = await startEventStoreDouble();
  return { connectionString, kill: stop, start, stop: close };
};

const startContained = async (): Promise<EventStoreServer> => {
  const { port, kill, start, remove } = await docker!({
    port: 2113,
    files: {},
    command: ['--insecure', '--run-projections=None'],
    ready: /IS LEADER/,
  });
  const connectionString = `esdb://127.0.0.1:${port}?tls=false`;
  await eventually(() => answers(connectionString));
  return {
    connectionString,
    kill,
    start: async () => {
      await start();
      await eventually(() => answers(connectionString));
    },
    stop: remove,
  };
};

const answers = async (connectionString: string): Promise<boolean> => {
  const client = EventStoreDBClient.connectionString(connectionString);
  try {
    for await (const _ of client.readAll({ maxCount: 1 })) return true;
    return true;
  } catch {
    return false;
  } finally {
    await client.dispose();
  }
};

/** The server of a test file: the given one, or one that is started when it is first asked for. */
export const sharedEventStore = () => {
  let own: Promise<EventStoreServer> | null = null;
  let prefixes = 0;
  return {
    connectionString: async (): Promise<string> => {
      if (givenEventStore !== null) return givenEventStore;
      own ??= startEventStore();
      return (await own).connectionString;
    },
    /** For streams that nobody else uses. */
    prefix: (): string => `test${process.pid}x${Date.now().toString(36)}x${prefixes++}`,
    /** It starts again when it is asked for again. */
    stop: async (): Promise<void> => {
      const server = own;
      own = null;
      await (await server)?.stop();
    },
  };
};
