import type { Socket } from 'node:net';

type Connector = { connect: (socket: Socket) => Promise<unknown> };

/** What gRPC calls a channel's credentials: what makes its connections of sockets. */
export type Credentials = { _createSecureConnector: (...given: readonly unknown[]) => Connector };

export type Sockets = {
  /** Each is closed as soon as all was said over it, and after so many milliseconds in any case; new ones at once. */
  readonly giveUp: (graceMs: number) => void;
};

/**
 * Every socket that is opened with these credentials. gRPC never lets go of one on which a server says nothing: neither
 * where it waits for the server's first word, nor where it has said its last one itself.
 */
export const socketsOf = (credentials: Credentials): Sockets => {
  const open = new Set<Socket>();
  let givenUp = false;

  const makeConnector = credentials._createSecureConnector;
  credentials._createSecureConnector = (...given) => {
    const connector = makeConnector.apply(credentials, given as []);
    const { connect } = connector;
    connector.connect = (socket) => {
      if (givenUp) socket.destroy();
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      return connect.call(connector, socket);
    };
    return connector;
  };

  return {
    giveUp: (graceMs) => {
      givenUp = true;
      for (const socket of open) {
        const close = () => socket.destroy();
        socket.once('finish', close);
        socket.setTimeout(graceMs, close);
      }
    },
  };
};
