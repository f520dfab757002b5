// The load of `verify`, in a process of its own. It does as little as can be: a general client takes more processor time
// for a request than the servers do, and then it is the client that is measured.
import { connect, type Socket } from 'node:net';

/** To do for a while. `keys` are asked for one after the other. */
export type Load = {
  readonly port: number;
  readonly token: string;
  readonly keys: readonly string[];
  readonly connections: number;
  readonly ms: number;
};

export type Loaded =
  | { readonly answers: number; readonly ms: number; readonly p99Ms: number }
  | { readonly failed: string };

const requestsOf = ({ port, token, keys }: Load): readonly Buffer[] =>
  keys.map((key) => {
    const body = JSON.stringify({ key });
    const head = [
      'POST /v1/verify HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
  });

/** @returns null while the answer is not whole. @throws where it is not the answer to a key that works */
const wholeAnswer = (received: Buffer): true | null => {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = received.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`answered: ${head}`);
  const rest = received.length - headEnd - 4 - Number(length);
  if (rest < 0) return null;
  if (rest > 0 || !received.includes('"valid":true')) throw new Error('not one answer to a key that works');
  return true;
};

const run = (load: Load): Promise<Loaded> =>
  new Promise((resolve) => {
    const requests = requestsOf(load);
    const sockets: Socket[] = [];
    const took: number[] = [];
    const began = performance.now();
    let next = 0;

    const end = (result: Loaded) => {
      for (const socket of sockets) socket.destroy();
      resolve(result);
    };
    const done = () => {
      took.sort((a, b) => a - b);
      const p99Ms = took[Math.floor(took.length * 0.99)] ?? Number.NaN;
      end({ answers: took.length, ms: performance.now() - began, p99Ms });
    };

    const converse = (socket: Socket) => {
      let sentAt = 0;
      let received: Buffer | null = null;
      const ask = () => {
        sentAt = performance.now();
        next = (next + 1) % requests.length;
        socket.write(requests[next]!);
      };
      socket.setNoDelay(true);
      socket.on('connect', ask);
      socket.on('error', ({ message }) => end({ failed: message }));
      socket.on('data', (chunk) => {
        received = received === null ? chunk : Buffer.concat([received, chunk]);
        try {
          if (wholeAnswer(received) === null) return;
        } catch (error) {
          return end({ failed: (error as Error).message });
        }
        received = null;
        took.push(performance.now() - sentAt);
        ask();
      });
    };

    for (let i = 0; i < load.connections; i++) {
      const socket = connect(load.port, '127.0.0.1');
      sockets.push(socket);
      converse(socket);
    }
    setTimeout(done, load.ms);
  });

process.once('disconnect', () => process.exit(0));
process.on('message', (load: Load) => void run(load).then((loaded) => process.send?.(loaded)));
