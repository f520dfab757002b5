import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MongoError, MongoNetworkError } from 'mongodb';

/** What the package has of one connection. */
type Connection = {
  readonly socket: Socket;
  readonly onError: (error: Error) => void;
  writeCommand: (this: Connection, ...given: unknown[]) => Promise<void>;
};

const { Connection } = createRequire(import.meta.url)('mongodb/lib/cmap/connection.js') as {
  Connection: { readonly prototype: Connection };
};

const writeCommand = Connection.prototype.writeCommand;
if (writeCommand === undefined) throw new Error('this release of mongodb writes its commands in another way');

const lost = (why: string, cause?: unknown) => new MongoNetworkError(why, cause instanceof Error ? { cause } : {});

/**
 * The package waits for `drain` where a write is not taken at once, and goes on waiting where the connection ends instead:
 * for ever, be it a command or the look at the server without which it is never found again. And what Node says of a
 * write to a connection that the server has just ended is no error of the network to it. Here both are.
 */
Connection.prototype.writeCommand = function (...given) {
  const { socket } = this;
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      this.onError(error);
      reject(error);
    };
    if (socket.destroyed || socket.writableEnded) {
      fail(lost('the connection has ended'));
      return;
    }
    const ended = () => fail(lost('the connection ended while it was written to'));
    socket.once('close', ended);
    writeCommand
      .apply(this, given)
      .then(resolve, (error: unknown) =>
        error instanceof MongoError ? reject(error) : fail(lost('it cannot be written to', error)),
      )
      .finally(() => socket.off('close', ended));
  });
};
