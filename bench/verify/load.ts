// Load on a server, from a process of its own. It does as little as can be: a general client takes more processor time
// for a request than the servers do, and then it is the client that is measured.
import { connect, type Socket } from 'node:net';

/** What is asked, and what every answer must be. */
export type Asked = {
  readonly port: number;
  /** Whole requests, asked one after the other and then from the first again. */
  readonly requests: readonly string[];
  readonly status: 200 | 204;
  /** What the body holds; '' where there is none. */
  readonly holds: string;
};

/** To do for a while, what was asked before. */
export type Round = { readonly connections: number; readonly ms: number };

export type Loaded =
  | { readonly answers: number; readonly ms: number; readonly p99Ms: number }
  | { readonly failed: string };

type Prepared = { readonly asked: Asked; readonly requests: readonly Buffer[]; next: number };

/** Side by side in one piece of memory, so that many of them take no more than their characters. */
const buffersOf = (requests: readonly string[]): readonly Buffer[] => {
  const all = Buffer.from(requests.join(''), 'latin1');
  let at = 0;
  return requests.map(({ length }) => {
    at += length;
    return all.subarray(at - length, at);
  });
};

/** @returns null while the answer is not whole. @throws where it is not the one that is expected */
const wholeAnswer = (received: Buffer, { status, holds }: Asked): true | null => {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = received.toString('latin1', 0, headEnd);
  const length = status === 204 ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (!head.startsWith(`HTTP/1.1 ${status} `) || length === undefined) throw new Error(`answered: ${head}`);
  const rest = received.length - headEnd - 4 - Number(length);
  if (rest < 0) return null;
  if (rest > 0 || !received.includes(holds)) throw new Error('not one answer to a key that works');
  return true;
};

const run = (prepared: Prepared, { connections, ms }: Round): Promise<Loaded> =>
  new Promise((resolve) => {
    const { asked, requests } = prepared;
    const sockets: Socket[] = [];
    const took: number[] = [];
    const began = performance.now();

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
        prepared.next = (prepared.next + 1) % requests.length;
        socket.write(requests[prepared.next]!);
      };
      socket.setNoDelay(true);
      socket.on('connect', ask);
      socket.on('error', ({ message }) => end({ failed: message }));
      socket.on('data', (chunk) => {
        received = received === null ? chunk : Buffer.concat([received, chunk]);
        try {
          if (wholeAnswer(received, asked) === null) return;
        } catch (error) {
          return end({ failed: (error as Error).message });
        }
        received = null;
        took.push(performance.now() - sentAt);
        ask();
      });
    };

    for (let i = 0; i < connections; i++) {
      const socket = connect(asked.port, '127.0.0.1');
      sockets.push(socket);
      converse(socket);
    }
    setTimeout(done, ms);
  });

let prepared: Prepared | null = null;

process.once('disconnect', () => process.exit(0));
process.on('message', async (message: { readonly asked: Asked } | { readonly round: Round }) => {
  if ('asked' in message) {
    prepared = { asked: message.asked, requests: buffersOf(message.asked.requests), next: 0 };
    process.send?.('prepared');
  } else process.send?.(await run(prepared!, message.round));
});
