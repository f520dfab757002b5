import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { problem } from './problem.ts';
import { type ProblemCode, statusOfCode } from './statusOfCode.ts';

/**
 * What is used of a connection on which something came that is no request. Two of it are Node's own: no other way leads
 * from a connection to the answers that are still due on it.
 */
type RawSocket = {
  readonly writable: boolean;
  readonly destroy: () => unknown;
  readonly end: (text?: string) => unknown;
  /** The response that is to be written next. */
  readonly _httpMessage?: ServerResponse | null;
  /** `incoming`: the request that is being taken in. */
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
};

const codeOf = (error: NodeJS.ErrnoException): ProblemCode => {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request-timeout';
  return error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'malformed-request';
};

const errorText = (code: ProblemCode, requestId: string): string => {
  const body = JSON.stringify(problem(code, requestId));
  return [
    `HTTP/1.1 ${statusOfCode[code]} ${reasons[code] ?? 'Bad Request'}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
    '',
    body,
  ].join('\r\n');
};

/**
 * What was asked before on the connection is answered first, so that nobody takes the problem for the answer to
 * something else; then comes the problem, and the end.
 */
const endInTurn = (socket: RawSocket, code: ProblemCode, newRequestId: () => string): void => {
  if (!socket.writable) return;
  const due = socket._httpMessage ?? null;
  // A request that broke off gets the problem for its answer, unless it was answered before its end.
  const broken = socket.parser?.incoming?.complete === false;
  if (due === null) socket.end(broken ? undefined : errorText(code, newRequestId()));
  else if (!due.req.complete && !due.headersSent) socket.end(errorText(code, newRequestId()));
  else due.once('close', () => endInTurn(socket, code, newRequestId));
};

/** For the server's `clientError`: what is no request still gets its problem, in its turn, then the connection ends. */
export const clientErrorAnswer = (newRequestId: () => string) => {
  // Every byte that comes after the first wrong one is an error once more.
  const ending = new WeakSet<RawSocket>();
  return (error: NodeJS.ErrnoException, socket: RawSocket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    if (ending.has(socket)) return;
    ending.add(socket);
    endInTurn(socket, codeOf(error), newRequestId);
  };
};

/** For the server's `connect`: this is no proxy. Without it Node ends the connection at once, whatever is due on it. */
export const connectAnswer =
  (newRequestId: () => string) =>
  (_request: IncomingMessage, socket: Duplex): void => {
    // From here on Node looks after it no more.
    socket.on('error', () => socket.destroy());
    socket.on('timeout', () => socket.destroy());
    socket.resume();
    endInTurn(socket, 'malformed-request', newRequestId);
  };

const reasons: { readonly [C in ProblemCode]?: string } = {
  'request-timeout': 'Request Timeout',
  'headers-too-large': 'Request Header Fields Too Large',
};
