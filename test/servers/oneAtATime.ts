import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Of what it takes at once, FerretDB gets stuck on about a hundred updates: the driver sends so few when it is told so. */
const updatesAtOnce = 25;

/**
 * A door before a server of MongoDB's wire protocol that lets one command through at a time, whoever asks: a server that
 * finds and changes a document in two steps does both before anybody else gets in.
 */
export const oneAtATime = async (host: string, port: number) => {
  const sockets = new Set<Socket>();
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };

  const serve = async (client: Socket): Promise<void> => {
    const server = connect(port, host);
    for (const socket of [client, server]) {
      sockets.add(socket.setNoDelay(true));
      // Its closing is what counts.
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    const answers = messagesFrom(server);
    for await (const question of messagesFrom(client)) {
      const greeting = isGreeting(question);
      const passOn = async () => {
        server.write(question);
        const { value } = await answers.next();
        if (value) client.write(greeting ? modest(value) : value);
        else client.destroy();
      };
      await (greeting ? passOn() : inTurn(passOn));
    }
  };

  const door = createServer((client) => {
    serve(client).catch(() => client.destroy());
  });
  door.listen(0, '127.0.0.1');
  await once(door, 'listening');
  return {
    port: (door.address() as AddressInfo).port,
    close: async () => {
      const closed = once(door, 'close');
      door.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};

/** The driver asks in between whether the server lives, and must not wait for a long command of somebody else's. */
const isGreeting = (message: Buffer): boolean => {
  const isMessage = message.readInt32LE(12) === 2013;
  return (
    !isMessage || ['hello', 'ismaster'].includes(message.toString('latin1', 26, message.indexOf(0, 26)).toLowerCase())
  );
};

/** The answer to a greeting, with a smaller `maxWriteBatchSize`. */
const modest = (answer: Buffer): Buffer => {
  const field = Buffer.from('maxWriteBatchSize\0');
  const at = answer.indexOf(field);
  if (at >= 0) answer.writeInt32LE(updatesAtOnce, at + field.length);
  return answer;
};

/** Each begins with its own length. */
async function* messagesFrom(socket: Socket): AsyncGenerator<Buffer, undefined, undefined> {
  let held = Buffer.alloc(0);
  try {
    for await (const chunk of socket) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= held.readInt32LE(0)) {
        const length = held.readInt32LE(0);
        yield held.subarray(0, length);
        held = held.subarray(length);
      }
    }
  } catch (error) {
    // Cut off: there is nothing more to come.
    if (!socket.destroyed) throw error;
  }
  return undefined;
}
