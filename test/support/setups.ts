import * as assert from 'uvu/assert';
import { eventStoreInUse, sharedEventStore } from '../servers/eventStore.ts';
import { noNatsToStop, startNats } from '../servers/nats.ts';
import { type Client, firstAdministrator, signIn, type Target } from './client.ts';
import { administrator, noServers, startDeployment } from './deployment.ts';
import { type Server, startServer } from './server.ts';

/** The product as it runs somewhere, with an administrator who has signed in. */
export type Running = {
  /** Where people and services call: one process, or several in turn. */
  readonly front: Target;
  /** Those processes. */
  readonly answering: readonly Server[];
  readonly admin: Client;
  /** Stops every process as an operator does. @throws where one of them does not end well */
  readonly stop: () => Promise<void>;
};

export type Setup = {
  readonly name: string;
  /** Why it cannot be had here; null where it can. */
  readonly missing: string | null;
  readonly start: () => Promise<Running>;
};

const endWell = async (servers: readonly Server[]): Promise<void> => {
  const ended = await Promise.all(servers.map((server) => server.stop()));
  for (const { code, stderr } of ended) assert.is(code, 0, stderr);
};

const embedded = async (settings: { readonly [variable: string]: string }): Promise<Running> => {
  const server = await startServer(settings);
  const admin = await firstAdministrator(server);
  return { front: server, answering: [server], admin, stop: () => endWell([server]) };
};

const embeddedWithNats = async (): Promise<Running> => {
  const nats = await startNats();
  const running = await embedded({ KEYLEDGER_NATS: nats.url });
  const stop = async () => {
    await running.stop();
    await nats.stop();
  };
  return { ...running, stop };
};

/** A call each, as a proxy sends them. */
const inTurn = (servers: readonly Server[]): Target => {
  let calls = 0;
  return {
    get url() {
      return servers[calls++ % servers.length]!.url;
    },
    known: { position: null },
  };
};

/** An EventStoreDB in place of the double, where there is one. */
const realLog = async () => {
  if (eventStoreInUse === 'the double') return null;
  const { connectionString, prefix, stop } = sharedEventStore();
  const settings = { KEYLEDGER_EVENTSTORE: await connectionString(), KEYLEDGER_EVENTSTORE_PREFIX: prefix() };
  return { settings, stop };
};

/** @param roles of the processes */
const onServers = async (roles: readonly string[]): Promise<Running> => {
  const deployment = await startDeployment();
  const log = await realLog();
  const servers = await Promise.all(roles.map((role) => deployment.start({ KEYLEDGER_ROLE: role, ...log?.settings })));
  const answering = servers.filter((_, index) => roles[index] !== 'worker');
  const front = answering.length === 1 ? answering[0]! : inTurn(answering);
  const stop = async () => {
    await endWell(servers);
    await deployment.stop();
    await log?.stop();
  };
  return { front, answering, admin: await signIn(front, administrator.email, administrator.password), stop };
};

/** Everything that is supported. */
export const setups: readonly Setup[] = [
  { name: 'embedded', missing: null, start: () => embedded({}) },
  { name: 'embedded with NATS', missing: noNatsToStop, start: embeddedWithNats },
  { name: `three servers (${eventStoreInUse}), one process`, missing: noServers, start: () => onServers(['all']) },
  {
    name: `three servers (${eventStoreInUse}), two processes that answer and two that work`,
    missing: noServers,
    start: () => onServers(['api', 'worker', 'api', 'worker']),
  },
];
