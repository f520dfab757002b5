import { connect, type Socket } from 'node:net';
import type { Server } from './server.ts';

/** An answer as it came over the wire. */
export type RawAnswer = {
  readonly status: number;
  /** Names in lower case; of several of one name the last. */
  readonly headers: { readonly [name: string]: string };
  readonly text: string;
};

/** Headers in the order, spelling and number in which they are to be sent. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

export type RawRequest = {
  readonly method: string;
  /** The request's target, sent as it is. */
  readonly path: string;
  readonly headers?: RawHeaders;
  /** With its length as Content-Length, where no header says otherwise. */
  readonly body?: string | Uint8Array;
};

const has = (headers: RawHeaders, name: string) => headers.some(([given]) => given.toLowerCase() === name);

/** The bytes of a request, however wrong. Header values are sent as Latin-1. */
export const bytesOf = ({ method, path, headers = [], body }: RawRequest): Buffer => {
  const content = body === undefined ? null : Buffer.from(body as string);
  const all = [
    ...(has(headers, 'host') ? [] : [['Host', 'localhost'] as const]),
    ...headers,
    ...(content === null || has(headers, 'content-length') || has(headers, 'transfer-encoding')
      ? []
      : [['Content-Length', String(content.length)] as const]),
  ];
  const head = `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), content ?? Buffer.alloc(0)]);
};

/** A body sent in chunks. */
export const chunked = (...chunks: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat([
    ...chunks.flatMap((chunk) => {
      const bytes = Buffer.from(chunk as string);
      return [Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')];
    }),
    Buffer.from('0\r\n\r\n'),
  ]);

const endOfChunks = (bytes: Buffer, from: number): { readonly body: Buffer; readonly end: number } | null => {
  const parts: Buffer[] = [];
  for (let at = from; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return null;
    if (size === 0) return { body: Buffer.concat(parts), end: next };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
};

/** The first answer among the bytes, and what comes after it; null: it is not whole yet. */
const firstAnswer = (bytes: Buffer, bodiless: boolean, ended: boolean): readonly [RawAnswer, Buffer] | null => {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const start = headEnd + 4;
  // What only says "go on" is no answer.
  if (status < 200) return firstAnswer(bytes.subarray(start), bodiless, ended);
  const answer = (body: Buffer, end: number) =>
    [{ status, headers, text: body.toString() }, bytes.subarray(end)] as const;
  if (bodiless || status === 204) return answer(Buffer.alloc(0), start);
  if (headers['transfer-encoding'] === 'chunked') {
    const found = endOfChunks(bytes, start);
    return found && answer(found.body, found.end);
  }
  const length = headers['content-length'];
  if (length === undefined) return ended ? answer(bytes.subarray(start), bytes.length) : null;
  const end = start + Number(length);
  return bytes.length < end ? null : answer(bytes.subarray(start, end), end);
};

/** One connection on which anything may be sent. */
export type RawConnection = {
  readonly send: (bytes: Uint8Array | string) => void;
  /** The next answer. `bodiless`: it is one to HEAD. @throws where the connection ends before it is whole */
  readonly answer: (bodiless?: boolean) => Promise<RawAnswer>;
  /** Resolves when the other side has ended the connection. */
  readonly ended: Promise<void>;
  /** What came beyond the answers that were taken, none of them to HEAD, once the connection has ended. @throws where it is no answer */
  readonly rest: () => readonly RawAnswer[];
  /** Sends no more, and listens on. */
  readonly finish: () => void;
  readonly close: () => void;
};

export const openConnection = (server: Pick<Server, 'url'>): RawConnection => {
  const { hostname, port } = new URL(server.url);
  const socket: Socket = connect(Number(port), hostname);
  let received: Buffer = Buffer.alloc(0);
  let over: Error | null | undefined;
  let look = () => {};
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    look();
  });
  const ended = new Promise<void>((resolve) => {
    const end = (error: Error | null) => {
      over ??= error;
      look();
      resolve();
    };
    socket.on('end', () => end(null));
    socket.on('error', (error: Error) => end(error));
    socket.on('close', () => end(null));
  });
  return {
    send: (bytes) => {
      socket.write(bytes);
    },
    answer: (bodiless = false) =>
      new Promise((resolve, reject) => {
        look = () => {
          const found = firstAnswer(received, bodiless, over !== undefined);
          if (found === null && over === undefined) return;
          look = () => {};
          if (found === null) {
            const cause = over ? ` (${over.message})` : '';
            return reject(
              new Error(`the connection ended${cause} with ${JSON.stringify(received.toString('latin1'))}`),
            );
          }
          received = found[1];
          resolve(found[0]);
        };
        look();
      }),
    ended,
    rest: () => {
      const answers: RawAnswer[] = [];
      while (received.length > 0) {
        const found = firstAnswer(received, false, true);
        if (found === null) throw new Error(`no answer: ${JSON.stringify(received.toString('latin1'))}`);
        answers.push(found[0]);
        received = found[1];
      }
      return answers;
    },
    finish: () => {
      socket.end();
    },
    close: () => socket.destroy(),
  };
};

/** One request on a connection of its own. */
export const ask = async (server: Pick<Server, 'url'>, request: RawRequest): Promise<RawAnswer> => {
  const connection = openConnection(server);
  try {
    connection.send(bytesOf(request));
    return await connection.answer(request.method === 'HEAD');
  } finally {
    connection.close();
  }
};
