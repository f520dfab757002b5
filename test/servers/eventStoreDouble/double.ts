import type { AddressInfo, Socket } from 'node:net';
import { createServer, type Server as NetServer } from 'node:net';
import gossip from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { append, batchAppend, type Serving } from './appending.ts';
import { type Faults, noFaults } from './faults.ts';
import { journalIn } from './journal.ts';
import { createLog, type Log } from './log.ts';
import { clusterMembers, deleted, remove, supportedMethods, tombstoned } from './otherServices.ts';
import { read } from './reading.ts';

/**
 * A stand-in for EventStoreDB in tests: as much of its gRPC interface as the client needs for streams, with the errors,
 * the repeats, the bounds and the subscriptions that were seen at a real one. It stores nothing safely and scales not at
 * all; what it says about speed holds for nothing else.
 */
export type EventStoreDouble = {
  readonly host: string;
  readonly port: number;
  readonly connectionString: string;
  readonly log: Log;
  readonly faults: Faults;
  /** What was read of it, so far. */
  readonly served: { readonly events: number };
  /** Cuts every connection; new ones are taken. */
  readonly cut: () => void;
  /** How many are open. */
  readonly connections: () => number;
  /** Cuts every connection and takes none until `start`. What was written stays. */
  readonly stop: () => Promise<void>;
  /** On the same port. */
  readonly start: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type DoubleOptions = {
  readonly host?: string;
  /** 0: any that is free. */
  readonly port?: number;
  /** Where the log outlives the process; by default it is kept in memory. */
  readonly file?: string;
};

export const startEventStoreDouble = async ({
  host = '127.0.0.1',
  port = 0,
  file,
}: DoubleOptions = {}): Promise<EventStoreDouble> => {
  const log = createLog(Date.now, file === undefined ? null : journalIn(file));
  const faults = noFaults();
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const served = { events: 0 };
  const serving: Serving = { log, faults, cut, served };
  const address = { address: host, port };
  let running: { readonly grpc: Server; readonly net: NetServer } | null = null;

  const start = async () => {
    if (running !== null) return;
    const grpc = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
    grpc.addService(streams.StreamsService as never, {
      append: append(serving),
      batchAppend: batchAppend(serving),
      read: read(serving),
      delete: remove(serving, false, deleted),
      tombstone: remove(serving, true, tombstoned),
    });
    grpc.addService(features.ServerFeaturesService as never, { getSupportedMethods: supportedMethods(serving) });
    grpc.addService(gossip.GossipService as never, { read: clusterMembers(serving, () => address) });
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const net = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {}); // Whoever cut it knows.
      injector.injectConnection(socket);
    });
    await new Promise<void>((resolve, reject) => {
      net.once('error', reject);
      net.listen(address.port, host, resolve);
    });
    address.port = (net.address() as AddressInfo).port;
    running = { grpc, net };
  };

  const stop = async () => {
    if (running === null) return;
    const { grpc, net } = running;
    running = null;
    const closed = new Promise((resolve) => net.close(resolve));
    cut();
    grpc.forceShutdown();
    await closed;
  };

  await start();
  return {
    host,
    port: address.port,
    connectionString: `esdb://${host}:${address.port}?tls=false`,
    log,
    faults,
    served,
    cut,
    connections: () => sockets.size,
    stop,
    start,
    close: stop,
  };
};
