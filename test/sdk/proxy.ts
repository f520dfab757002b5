import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a server, which can be made a bad one. */
export type BadProxy = {
  readonly url: string;
  /** Passes everything on again, what was held first. */
  readonly pass: () => void;
  /** Ends every connection, and refuses new ones. */
  readonly cut: () => void;
  /** Holds whatever comes, in both directions, and says nothing. */
  readonly stall: () => void;
  /** Passes on one byte at a time. */
  readonly trickle: () => void;
  /** Connections taken so far. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

type Mode = 'pass' | 'cut' | 'stall' | 'trickle';

export const startProxy = async (target: string): Promise<BadProxy> => {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const pumps = new Set<() => void>();
  let mode: Mode = 'pass';
  let connections = 0;

  const pump = (from: Socket, to: Socket) => {
    let held: Buffer = Buffer.alloc(0);
    const give = () => {
      if (mode === 'stall' || to.destroyed || held.length === 0) return;
      const size = mode === 'trickle' ? 1 : held.length;
      const piece = held.subarray(0, size);
      held = held.subarray(size);
      to.write(piece, () => {
        if (held.length > 0) setImmediate(give);
      });
    };
    pumps.add(give);
    from.on('data', (chunk) => {
      const wasEmpty = held.length === 0;
      held = Buffer.concat([held, chunk]);
      if (wasEmpty) give();
    });
    from.once('close', () => {
      pumps.delete(give);
      to.destroy();
    });
    from.on('error', () => to.destroy());
  };

  const server = createServer((client) => {
    connections++;
    if (mode === 'cut') return client.destroy();
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    pump(client, upstream);
    pump(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const turn = (to: Mode) => () => {
    mode = to;
    if (mode === 'cut') for (const socket of sockets) socket.destroy();
    for (const give of [...pumps]) give();
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pass: turn('pass'),
    cut: turn('cut'),
    stall: turn('stall'),
    trickle: turn('trickle'),
    connections: () => connections,
    close: async () => {
      turn('cut')();
      server.close();
      await once(server, 'close');
    },
  };
};
