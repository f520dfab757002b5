import { isIP } from 'node:net';
import { VerifierUnavailable } from './errors.ts';
import type { InvalidKey, Middleware, Needs, Question, ValidKey } from './types.ts';

type Verify = (key: string, question: Question) => Promise<ValidKey | InvalidKey>;

type Refusal = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** RFC 9457 */
  readonly problem: { readonly [field: string]: unknown };
};

const longestUserAgent = 1024;

const refusal = (
  status: number,
  code: string,
  title: string,
  headers: Refusal['headers'] = {},
  params?: { readonly [name: string]: unknown },
): Refusal => ({
  status,
  headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
  problem: { type: `/problems/${code}`, title, status, detail: `${title}.`, code, ...(params && { params }) },
});

const challenge = (rest = '') => ({ 'WWW-Authenticate': `Bearer realm="keyledger"${rest}` });

const unauthenticated = () => refusal(401, 'unauthenticated', 'Send an API key', challenge());
const invalidKey = () => refusal(401, 'invalid-key', 'The key is not accepted', challenge(', error="invalid_token"'));
const ambiguous = () => refusal(400, 'ambiguous-credentials', 'Authorization and X-API-KEY differ: send one');
const unavailable = () => refusal(503, 'unavailable', 'Keys cannot be verified now', { 'Retry-After': '1' });

const lacksScopes = (needed: readonly string[], missing: readonly string[] | undefined) =>
  refusal(
    403,
    'insufficient-scope',
    'The key lacks a scope',
    challenge(`, error="insufficient_scope", scope="${needed.join(' ')}"`),
    missing && { missing },
  );

/** The key in the headers; null: none. `Authorization: Bearer KEY` or `X-API-KEY: KEY`. */
const keyIn = (authorization: string | null, apiKey: string | null): string | Refusal | null => {
  const bearer = authorization === null ? null : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? null);
  if (apiKey !== null && authorization !== null && bearer !== apiKey) return ambiguous();
  return apiKey ?? (authorization === null ? null : (bearer ?? invalidKey()));
};

/** An address as the server takes it: nothing of the interface, and version 4 as such. */
const plainAddress = (address: string | undefined): string | undefined => {
  const plain = address?.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
  return plain !== undefined && isIP(plain) > 0 ? plain : undefined;
};

const decide = async (
  verify: Verify,
  key: string | Refusal | null,
  { scopes = [] }: Needs,
  from: { readonly ip?: string | undefined; readonly userAgent?: string | undefined },
): Promise<ValidKey | Refusal> => {
  if (key === null) return unauthenticated();
  if (typeof key !== 'string') return key;
  try {
    const result = await verify(key, {
      scopes,
      ip: plainAddress(from.ip),
      userAgent: from.userAgent?.slice(0, longestUserAgent),
    });
    if (result.valid) return result;
    return result.code === 'insufficient-scope' ? lacksScopes(scopes, result.missing) : invalidKey();
  } catch (error) {
    if (error instanceof VerifierUnavailable) return unavailable();
    throw error;
  }
};

const isRefusal = (decided: ValidKey | Refusal): decided is Refusal => !('valid' in decided);

const scopePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** @throws TypeError where one is no scope: whoever asks for it would never be let in, or always */
export const checkScopes = (scopes: readonly string[] = []): void => {
  const areScopes = Array.isArray(scopes) && scopes.every((scope) => scopePattern.test(scope));
  if (!areScopes || scopes.length > 100) throw new TypeError('scopes are a list of application:action, 100 at most');
};

const one = (header: string | string[] | undefined): string | null =>
  header === undefined ? null : Array.isArray(header) ? header.join(',') : header;

/** For Express, and any other that calls `(request, response, next)`: what is not let through is answered here. */
export const expressGuard =
  (verify: Verify, needs: Needs): Middleware =>
  (request, response, next) => {
    const { headers, socket } = request;
    const key = keyIn(headers.authorization ?? null, one(headers['x-api-key']));
    // Express knows which proxies to believe; without it, the socket is all there is.
    const from = { ip: request.ip ?? socket.remoteAddress, userAgent: headers['user-agent'] };
    decide(verify, key, needs, from)
      .then((decided) => {
        if (isRefusal(decided)) {
          response.writeHead(decided.status, decided.headers).end(JSON.stringify(decided.problem));
          return;
        }
        request.keyledger = decided;
        next();
      })
      .catch(next);
  };

/** For servers that take a Request: the key that was let through, or the Response that refuses it. */
export const fetchGuard = async (
  verify: Verify,
  request: Request,
  needs: Needs & { readonly ip?: string | undefined },
): Promise<ValidKey | Response> => {
  const { headers } = request;
  const key = keyIn(headers.get('authorization'), headers.get('x-api-key'));
  const from = { ip: needs.ip, userAgent: headers.get('user-agent') ?? undefined };
  const decided = await decide(verify, key, needs, from);
  if (!isRefusal(decided)) return decided;
  return new Response(JSON.stringify(decided.problem), { status: decided.status, headers: decided.headers });
};
