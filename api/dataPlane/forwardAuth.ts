import type { IncomingHttpHeaders } from 'node:http';
import { classify } from '../../domain/keyText.ts';
import { credentialOf } from '../authenticate.ts';
import { parsed, Refusal } from '../refusal.ts';
import { type DataPlane, type Exchange, unavailable } from './context.ts';
import { forwardAuthQuery, isIpAddress } from './verifyBody.ts';

const noScopes: readonly string[] = [];

/** @throws Refusal validation-failed */
const scopesIn = (written: string): readonly string[] => {
  const parameters = new URLSearchParams(written);
  const query = Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name)]));
  return parsed(forwardAuthQuery, query, 'query').scope ?? noScopes;
};

/** Proxies ask for what is in their configuration, and so for the same few over and over. */
const mostKnown = 1000;
const known = new Map<string, readonly string[]>();

/** @throws Refusal validation-failed */
const scopesAsked = (url: string): readonly string[] => {
  const start = url.indexOf('?');
  if (start < 0) return noScopes;
  const written = url.slice(start + 1);
  const before = known.get(written);
  if (before !== undefined) return before;
  const scopes = scopesIn(written);
  if (known.size >= mostKnown) known.clear();
  known.set(written, scopes);
  return scopes;
};

/** The address that the proxy itself was spoken to from: the last that was put down. */
const clientOf = (headers: IncomingHttpHeaders): string | null => {
  const header = headers['x-forwarded-for'];
  const last = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').at(-1)!.trim();
  return isIpAddress(last) ? last : null;
};

/**
 * GET, HEAD, POST /v1/forward-auth: a proxy asks whether to let a request through, with the headers of that request.
 * 204 says yes. All three headers are always set, so that a proxy which copies them leaves none of the client's own.
 */
export const forwardAuth = (plane: DataPlane, { request, response, requestId, answered }: Exchange): void => {
  const scopes = scopesAsked(request.url ?? '');
  const key = credentialOf(request.headers);
  if (key === null) throw new Refusal('unauthenticated', { detail: 'Send a key.' });
  const index = plane.reader.proven();
  if (index === null) throw unavailable();
  const now = plane.clock.now();
  const wellFormed = () => classify(key) !== 'malformed';
  const answer = index.verify({ hash: plane.sha256(key), wellFormed, scopes, applications: null }, now);
  if (!answer.valid) {
    if (answer.code !== 'insufficient-scope') throw new Refusal('invalid-key', { detail: 'The key is not accepted.' });
    throw new Refusal('insufficient-scope', { params: { missing: answer.missing ?? [] } });
  }
  plane.markUse(answer.keyId, answer.ownerId, now, clientOf(request.headers));
  answered(answer.code);
  response.writeHead(204, [
    'Keyledger-Key-Id',
    answer.keyId,
    'Keyledger-Owner-Id',
    answer.ownerId,
    'Keyledger-Scopes',
    answer.scopes === null ? '*:*' : answer.scopes.join(' '),
    'Cache-Control',
    'no-store',
    'Keyledger-Request-Id',
    requestId,
  ]);
  response.end();
};
