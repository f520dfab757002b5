import { VerifierUnavailable } from './errors.ts';
import type { GuardedResponse, InvalidKey, Middleware, Needs, Question, ValidKey } from './types.ts';

type Verify = (key: string, question: Question) => Promise<ValidKey | InvalidKey>;

type Refusal = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** RFC 9457 */
  readonly problem: { readonly [field: string]: unknown };
};

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

const decide = async (
  verify: Verify,
  key: string | Refusal | null,
  { scopes = [] }: Needs,
  from: { readonly ip?: string | undefined; readonly userAgent?: string | undefined },
): Promise<ValidKey | Refusal> => {
  if (key === null) return unauthenticated();
  if (typeof key !== 'string') return key;
  try {
    const result = await verify(key, { scopes, ...from });
    if (result.valid) return result;
    return result.code === 'insufficient-scope' ? lacksScopes(scopes, result.missing) : invalidKey();
  } catch (error) {
    if (error instanceof VerifierUnavailable) return unavailable();
    throw error;
  }
};

const isRefusal = (decided: ValidKey | Refusal): decided is Refusal => !('valid' in decided);

const scopePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const mostScopes = 100;

const areScopes = (scopes: unknown): boolean => {
  if (!Array.isArray(scopes) || scopes.length > mostScopes) return false;
  // Holes of a list are looked at, too.
  for (const scope of scopes) if (typeof scope !== 'string' || !scopePattern.test(scope)) return false;
  return true;
};

/** @throws TypeError where one is no scope: whoever asks for it would never be let in, or always */
const checkScopes = (scopes: readonly string[] | undefined): void => {
  if (scopes !== undefined && !areScopes(scopes))
    throw new TypeError(`scopes are a list of application:action, ${mostScopes} at most`);
};

const isNameOfQuestion = (name: string) => name === 'scopes' || name === 'ip' || name === 'userAgent';

/**
 * @throws TypeError where one is no scope, or something is asked that is not known here: scopes under another name, or
 * without one, would be scopes that nobody needs
 */
export const checkQuestion = (question: Question): void => {
  let isKnown = typeof question === 'object' && question !== null && !Array.isArray(question);
  for (const name in question) isKnown &&= isNameOfQuestion(name) || !Object.hasOwn(question, name);
  if (!isKnown) throw new TypeError('what is asked for is { scopes: [...] }, with ip and userAgent beside them');
  checkScopes(question.scopes);
};

/** Needs that stay what they are, whatever becomes of the list. @throws TypeError where they are none */
const fixed = (needs: Needs): Needs => {
  checkQuestion(needs);
  const { scopes } = needs;
  return scopes === undefined ? {} : { scopes: [...scopes] };
};

const one = (header: string | string[] | undefined): string | null =>
  header === undefined ? null : Array.isArray(header) ? header.join(',') : header;

const refuse = (response: GuardedResponse, { status, headers, problem }: Refusal) => {
  // Somebody else has answered meanwhile: a limit of time, for instance.
  if (response.headersSent) return;
  response.writeHead(status, { ...headers });
  response.end(JSON.stringify(problem));
};

/**
 * For Express, and any other that calls `(request, response, next)`: what is not let through is answered here.
 * @throws TypeError where a scope is malformed, or something unknown is needed
 */
export const expressGuard = (verify: Verify, given: Needs): Middleware => {
  const needs = fixed(given);
  return (request, response, next) => {
    const { headers, socket } = request;
    const key = keyIn(one(headers.authorization), one(headers['x-api-key']));
    // Express knows which proxies to believe; without it, the socket is all there is.
    const from = { ip: request.ip ?? socket?.remoteAddress, userAgent: one(headers['user-agent']) ?? undefined };
    // What `next` itself throws is not told to it again.
    decide(verify, key, needs, from).then((decided) => {
      if (isRefusal(decided)) return refuse(response, decided);
      request.keyledger = decided;
      next();
    }, next);
  };
};

/** For servers that take a Request: the key that was let through, or the Response that refuses it. */
export const fetchGuard = async (
  verify: Verify,
  { headers }: Pick<Request, 'headers'>,
  given: Needs & { readonly ip?: string | undefined },
): Promise<ValidKey | Response> => {
  const needs = fixed(given);
  const key = keyIn(headers.get('authorization'), headers.get('x-api-key'));
  const from = { ip: given.ip, userAgent: headers.get('user-agent') ?? undefined };
  const decided = await decide(verify, key, needs, from);
  if (!isRefusal(decided)) return decided;
  return new Response(JSON.stringify(decided.problem), { status: decided.status, headers: decided.headers });
};
