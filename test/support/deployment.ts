import { randomBytes } from 'node:crypto';
import { type EventStoreDouble, startEventStoreDouble } from '../servers/eventStoreDouble/double.ts';
import { type MongoServer, noMongoToStop, startMongo } from '../servers/mongodb.ts';
import { type NatsServer, noNatsToStop, startNats } from '../servers/nats.ts';
import { type Server, startServer } from './server.ts';

/** Why what needs all three servers cannot run; null where it can. The event store is the double unless a test says otherwise. */
export const noServers: string | null = noMongoToStop ?? noNatsToStop;

/** The three servers, with nothing in them, and what every process of an installation on them is told. */
export type Deployment = {
  readonly eventStore: EventStoreDouble;
  readonly mongo: MongoServer;
  readonly nats: NatsServer;
  readonly settings: { readonly [variable: string]: string };
  /** Another process on the same servers. */
  readonly start: (more?: { readonly [variable: string]: string }) => Promise<Server>;
  /** Every process that still runs, then the servers. */
  readonly stop: () => Promise<void>;
};

export const administrator = { email: 'root@example.com', password: 'the passphrase of a first administrator' };

export const startDeployment = async (): Promise<Deployment> => {
  const [eventStore, mongo, nats] = await Promise.all([startEventStoreDouble(), startMongo(), startNats()]);
  const settings = {
    KEYLEDGER_EVENTSTORE: eventStore.connectionString,
    KEYLEDGER_MONGODB: mongo.url,
    KEYLEDGER_NATS: nats.url,
    KEYLEDGER_MASTER_KEY: randomBytes(32).toString('hex'),
    KEYLEDGER_PEPPER: randomBytes(32).toString('hex'),
    KEYLEDGER_ADMIN_EMAIL: administrator.email,
    KEYLEDGER_ADMIN_PASSWORD: administrator.password,
  };
  const started: Server[] = [];
  return {
    eventStore,
    mongo,
    nats,
    settings,
    start: async (more = {}) => {
      const server = await startServer({ ...settings, ...more });
      started.push(server);
      return server;
    },
    stop: async () => {
      await Promise.all(started.map((server) => server.stop('SIGKILL')));
      await Promise.all([eventStore.close(), mongo.stop(), nats.stop()]);
    },
  };
};
