import type { IncomingHttpHeaders } from 'node:http';
import { classify } from '../../domain/keyText.ts';
import { credentialOf } from '../authenticate.ts';
import { parsed, Refusal } from '../refusal.ts';
import { type DataPlane, type Exchange, fail, unavailable } from './context.ts';
import { waitForPosition } from './revocations.ts';
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
 * Characters of `Keyledger-Scopes`: services and the proxies before them refuse a request with a header of 8 KiB, and
 * some with so much in all headers together. A key may hold two hundred thousand.
 */
export const longestScopes = 7000;

/** As many as there is room for, in their order. */
const joined = (scopes: Iterable<string>): { readonly text: string; readonly count: number } => {
  let text = '';
  let count = 0;
  for (const scope of scopes) {
    const longer = count === 0 ? scope : `${text} ${scope}`;
    if (longer.length > longestScopes) break;
    text = longer;
    count += 1;
  }
  return { text, count };
};

/** What a service is told of scopes. Where there is no room for all, those that were asked for come first. */
const scopesHeaders = (scopes: readonly string[] | null, asked: readonly string[]): readonly string[] => {
  if (scopes === null) return ['Keyledger-Scopes', '*:*'];
  const all = joined(scopes);
  if (all.count === scopes.length) return ['Keyledger-Scopes', all.text];
  const { text, count } = joined(new Set([...asked, ...scopes]));
  return ['Keyledger-Scopes', text, 'Keyledger-Scopes-Omitted', String(scopes.length - count)];
};

const answer = (plane: DataPlane, exchange: Exchange, key: string, scopes: readonly string[]): void => {
  const { request, response, requestId, answered } = exchange;
  const index = plane.reader.proven();
  if (index === null) throw unavailable();
  const now = plane.clock.now();
  const wellFormed = () => classify(key) !== 'malformed';
  const found = index.verify({ hash: plane.sha256(key), wellFormed, scopes, applications: null }, now);
  if (!found.valid) {
    if (found.code !== 'insufficient-scope') throw new Refusal('invalid-key', { detail: 'The key is not accepted.' });
    throw new Refusal('insufficient-scope', { params: { missing: found.missing ?? [] } });
  }
  plane.markUse(found.keyId, found.ownerId, now, clientOf(request.headers));
  answered(found.code);
  response.writeHead(204, [
    'Keyledger-Key-Id',
    found.keyId,
    'Keyledger-Owner-Id',
    found.ownerId,
    ...scopesHeaders(found.scopes, scopes),
    'Cache-Control',
    'no-store',
    'Keyledger-Request-Id',
    requestId,
  ]);
  response.end();
};

/**
 * GET, HEAD, POST /v1/forward-auth: a proxy asks whether to let a request through, with the headers of that request.
 * 204 says yes. Key, owner and scopes are always set, so that a proxy which copies them leaves none of the client's own.
 */
export const forwardAuth = (plane: DataPlane, exchange: Exchange): void => {
  const { headers, url = '' } = exchange.request;
  const key = credentialOf(headers);
  if (key === null) throw new Refusal('unauthenticated', { detail: 'Send a key.' });
  const scopes = scopesAsked(url);
  const position = headers['keyledger-min-position'];
  if (position === undefined) answer(plane, exchange, key, scopes);
  else
    waitForPosition(plane, position)
      .then(() => answer(plane, exchange, key, scopes))
      .catch((error: unknown) => fail(plane, exchange, error));
};
