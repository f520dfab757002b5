import type { ServerResponse } from 'node:http';
import type { Json } from '../domain/json.ts';
import { type ProblemCode, statusOfCode } from './statusOfCode.ts';
import { titleOfCode } from './titleOfCode.ts';

/** One wrong place of a request. `pointer`: a JSON pointer into the body, or the name of a parameter or header. */
export type ProblemError = {
  readonly in: 'body' | 'query' | 'header';
  readonly pointer: string;
  readonly detail: string;
};

/** What an error answers, as `application/problem+json` (RFC 9457). */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly requestId: string;
  readonly params?: { readonly [name: string]: Json };
  readonly errors?: readonly ProblemError[];
};

export type ProblemDetails = {
  /** One sentence about this very case; without it, the code's title. Never a secret, a key or personal data. */
  readonly detail?: string;
  readonly params?: { readonly [name: string]: Json };
  readonly errors?: readonly ProblemError[];
};

export const problem = (code: ProblemCode, requestId: string, details: ProblemDetails = {}): Problem => ({
  type: `/problems/${code}`,
  title: titleOfCode[code],
  status: statusOfCode[code],
  detail: details.detail ?? `${titleOfCode[code]}.`,
  code,
  requestId,
  ...(details.params && { params: details.params }),
  ...(details.errors && { errors: details.errors }),
});

const challenge = 'Bearer realm="keyledger"';

/** The headers that a code always brings: RFC 6750 for refused credentials, Retry-After (seconds) where waiting helps. */
const headersOfCode = (code: ProblemCode): { readonly [name: string]: string } => {
  switch (code) {
    case 'unauthenticated':
    case 'invalid-credentials':
    case 'second-factor-required':
      return { 'WWW-Authenticate': challenge };
    case 'invalid-key':
      return { 'WWW-Authenticate': `${challenge}, error="invalid_token"` };
    case 'insufficient-scope':
      return { 'WWW-Authenticate': `${challenge}, error="insufficient_scope"` };
    case 'too-many-requests':
    case 'unavailable':
    case 'not-caught-up':
      return { 'Retry-After': '1' };
    default:
      return {};
  }
};

/**
 * Answers with a problem and ends the response. `headers` are added to, and win over, those that the code brings.
 * Works on the bare server and on Express alike.
 */
export const sendProblem = (
  response: ServerResponse,
  body: Problem,
  headers: { readonly [name: string]: string } = {},
): void => {
  const text = JSON.stringify(body);
  response.writeHead(body.status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': String(Buffer.byteLength(text)),
    'Cache-Control': 'no-store',
    'Keyledger-Request-Id': body.requestId,
    ...headersOfCode(body.code),
    ...headers,
  });
  response.end(text);
};
