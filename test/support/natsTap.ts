import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What one process publishes, seen on its way to NATS. */
export type NatsTap = {
  /** In place of the server's. */
  readonly url: string;
  readonly heartbeats: () => number;
  readonly messages: () => number;
  /** From now on what is sent to the server waits here; what the server sends passes. */
  readonly hold: () => void;
  /** What waited goes on its way, and so does what follows. */
  readonly release: () => void;
  /** Cuts every connection; what is still here never arrives. */
  readonly cut: () => void;
  /** Calls with the number of each message, counted from 1, before it goes on. */
  onMessage: (count: number) => void;
  readonly close: () => Promise<void>;
};

// The longest line that begins a message is shorter; so much is kept of what may be the beginning of one.
const longestLine = 512;

/** A line between one process and NATS: whoever listens there knows which process said what. */
export const tapBefore = async (port: number): Promise<NatsTap> => {
  const sockets = new Set<Socket>();
  let waiting: (() => void)[] | null = null;
  let heartbeats = 0;
  let messages = 0;

  const look = (text: string) => {
    let end = 0;
    for (const match of text.matchAll(/H?PUB keyledger\.(heartbeat|revocations)\S* [^\r\n]*\r\n/g)) {
      end = match.index + match[0].length;
      if (match[1] === 'heartbeat') heartbeats += 1;
      else {
        messages += 1;
        tap.onMessage(messages);
      }
    }
    return text.slice(Math.max(end, text.length - longestLine));
  };

  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    let seen = '';
    for (const socket of [client, upstream]) {
      sockets.add(socket.setNoDelay(true));
      // Its closing is what counts.
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        // What the process had sent before it ended arrives all the same, unless it waits.
        upstream.end();
      });
    }
    client.on('data', (chunk: Buffer) => {
      seen = look(seen + chunk.toString('latin1'));
      const pass = () => void upstream.write(chunk);
      if (waiting === null) pass();
      else waiting.push(pass);
    });
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = () => {
    for (const socket of sockets) socket.destroy();
    waiting = null;
  };
  const tap: NatsTap = {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heartbeats: () => heartbeats,
    messages: () => messages,
    hold: () => {
      waiting ??= [];
    },
    release: () => {
      for (const pass of waiting ?? []) pass();
      waiting = null;
    },
    cut,
    onMessage: () => {},
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
  return tap;
};
