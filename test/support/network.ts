import type { Deployment } from './deployment.ts';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';

/** What one process, or several, have between themselves and the servers of a deployment. */
export type Network = {
  readonly eventStore: TcpProxy;
  readonly mongo: TcpProxy;
  readonly nats: TcpProxy;
  /** For processes that reach the servers only through it. */
  readonly settings: { readonly [variable: string]: string };
  readonly restore: () => void;
  readonly close: () => Promise<void>;
};

const portOf = (url: string): number => Number(/:(\d+)(?:[/?]|$)/.exec(url)![1]);
const through = ({ port }: TcpProxy, url: string): string => url.replace(`:${portOf(url)}`, `:${port}`);

export const startNetwork = async ({ eventStore: store, mongo: db, nats: bus }: Deployment): Promise<Network> => {
  const [eventStore, mongo, nats] = await Promise.all(
    [store.port, portOf(db.url), bus.port].map((port) => startTcpProxy(port)),
  );
  const proxies = [eventStore!, mongo!, nats!] as const;
  return {
    eventStore: proxies[0],
    mongo: proxies[1],
    nats: proxies[2],
    settings: {
      KEYLEDGER_EVENTSTORE: through(proxies[0], store.connectionString),
      KEYLEDGER_MONGODB: through(proxies[1], db.url),
      KEYLEDGER_NATS: through(proxies[2], bus.url),
    },
    restore: () => {
      for (const proxy of proxies) proxy.restore();
    },
    close: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
};
