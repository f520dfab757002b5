import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A network between somebody and a server, which a test takes away and gives back. */
export type TcpProxy = {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Resets every connection, and each new one at once. */
  readonly cut: () => void;
  /** From now on no byte passes, and no end: connections stay open, new ones are taken, and nobody hears anything. */
  readonly hold: () => void;
  /** Those of now stay open and silent for ever; new ones work. */
  readonly strand: () => void;
  /** Whatever is sent arrives so many milliseconds later. */
  readonly slow: (ms: number) => void;
  /** All is well: what was held arrives. */
  readonly restore: () => void;
  readonly close: () => Promise<void>;
};

type Pair = { readonly sockets: readonly [Socket, Socket]; stranded: boolean };

/** Before a server on 127.0.0.1. */
export const startTcpProxy = async (port: number): Promise<TcpProxy> => {
  const pairs = new Set<Pair>();
  let state: 'well' | 'cut' | 'held' = 'well';
  let delayMs = 0;
  let opened = Promise.withResolvers<void>();
  const never = new Promise<void>(() => {});

  const passable = async (pair: Pair) => {
    while (state === 'held') await opened.promise;
    if (pair.stranded) await never;
  };

  const pump = async (pair: Pair, from: Socket, to: Socket) => {
    const pass = async (chunk: Buffer) => {
      await passable(pair);
      if (!to.write(chunk)) await once(to, 'drain');
    };
    let before = Promise.resolve();
    for await (const chunk of from) {
      // Each waits from its own arrival on: what comes while another is under way is no later for it.
      const due = delayMs > 0 ? setTimeout(delayMs) : null;
      before = before.then(() => due).then(() => pass(chunk));
      // Whoever awaits it hears of it: the next chunk, or the end.
      before.catch(() => {});
      if (due === null) await before;
    }
    await before;
    await passable(pair);
    to.end();
  };

  const reset = ({ sockets }: Pair) => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  const door = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pair: Pair = { sockets: [client, server], stranded: false };
    pairs.add(pair);
    const over = () => {
      pairs.delete(pair);
      reset(pair);
    };
    // Whoever ended it knows why.
    for (const socket of pair.sockets) socket.on('error', () => {});
    Promise.all([pump(pair, client, server), pump(pair, server, client)]).then(
      () => pairs.delete(pair),
      () => over(),
    );
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');

  const cutAll = () => {
    for (const pair of pairs) reset(pair);
    pairs.clear();
  };

  return {
    port: (door.address() as AddressInfo).port,
    cut: () => {
      state = 'cut';
      cutAll();
    },
    hold: () => {
      state = 'held';
    },
    strand: () => {
      for (const pair of pairs) pair.stranded = true;
    },
    slow: (ms) => {
      delayMs = ms;
    },
    restore: () => {
      state = 'well';
      delayMs = 0;
      opened.resolve();
      opened = Promise.withResolvers();
    },
    close: async () => {
      const closed = once(door, 'close');
      door.close();
      cutAll();
      await closed;
    },
  };
};
