import type { Asked } from './load.ts';

/** One of the calls of the data plane that ask whether a key works, as bytes on a connection. */
export type Call = {
  readonly request: (key: string, token: string) => string;
  readonly status: Asked['status'];
  readonly holds: string;
};

const host = 'Host: 127.0.0.1';

const posted = (path: string, type: string, token: string, body: string) =>
  [
    `POST ${path} HTTP/1.1`,
    host,
    `Authorization: Bearer ${token}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');

export const verifyCall: Call = {
  request: (key, token) => posted('/v1/verify', 'application/json', token, JSON.stringify({ key })),
  status: 200,
  holds: '"valid":true',
};

export const introspectCall: Call = {
  request: (key, token) =>
    posted(
      '/v1/introspect',
      'application/x-www-form-urlencoded',
      token,
      new URLSearchParams({ token: key }).toString(),
    ),
  status: 200,
  holds: '"active":true',
};

export const forwardAuthCall: Call = {
  request: (key) => ['GET /v1/forward-auth HTTP/1.1', host, `Authorization: Bearer ${key}`, '', ''].join('\r\n'),
  status: 204,
  holds: '',
};
