import crypto from 'node:crypto';
import { hostname } from 'node:os';
import { createCore, type Question, type State } from './core/core.ts';
import { VerifierUnavailable } from './errors.ts';
import { checkScopes, expressGuard, fetchGuard, type Needs } from './guard.ts';
import type { InvalidKey, RevocationMessage, ValidKey } from './shapes.ts';
import { createCall } from './transport/http.ts';
import { createNatsFollow, type NatsFeed } from './transport/nats.ts';
import { createSseFollow } from './transport/sse.ts';

export type { UnavailableCode } from './errors.ts';
export type { Guarded } from './guard.ts';
export type { InvalidKey, NatsFeed, Needs, Question, RevocationMessage, State, ValidKey };
export { VerifierUnavailable };

export type VerifierOptions = {
  /** Where Keyledger answers, for instance `https://keys.example.com`. */
  readonly url: string | URL;
  /** A service token with the permissions `verify` and `revocations:read`. */
  readonly token: string;
  /** What this service is called: it names this process among others with the same token. */
  readonly name?: string;
  /** Names this process exactly, where its name, host and process id would not do: 1 to 128 visible ASCII characters. */
  readonly instance?: string;
  /** How revocations come: `'sse'`, over the same server, or by NATS, which needs the package `nats`. */
  readonly feed?: 'sse' | NatsFeed;
  /** Keys remembered at most; 100,000. */
  readonly cacheSize?: number;
  /** For how long memory may say yes without a word from a server that does not answer: milliseconds; 15,000. */
  readonly maxSilenceMs?: number;
  /** Whether there may be keys that were imported: then no text is malformed before it was asked for. */
  readonly importedKeys?: boolean;
};

export type Status = {
  /** `live`: memory says yes. `catching-up`: every use asks the server. `stale`: nobody can tell. */
  readonly state: State;
  /** Every revocation up to here was heard. Null: not connected yet. */
  readonly position: string | null;
  /** The furthest position that the server spoke of. */
  readonly head: string | null;
  /** When anything was last heard, RFC 3339; null: nothing yet. */
  readonly lastHeardAt: string | null;
  /** Keys remembered. */
  readonly cached: number;
};

export type Verifier = {
  /**
   * Resolves when it is connected and knows where it stands. It may be called again after it has rejected: the verifier
   * goes on trying.
   * @throws VerifierUnavailable where that takes longer than `maxSilenceMs` (`stale`), or the token is refused
   */
  readonly ready: () => Promise<void>;
  /**
   * Whether a key works, and may do all of `scopes`.
   * @param key as it was sent; nothing is trimmed
   * @throws VerifierUnavailable where nobody can tell: answer 503 @throws TypeError where a scope is none
   */
  readonly verify: (key: string, question?: Question) => Promise<ValidKey | InvalidKey>;
  /**
   * Lets through who sent a key (`Authorization: Bearer KEY` or `X-API-KEY: KEY`) that works and has the scopes;
   * `request.keyledger` is the key. Answers all others with problem+json: 401, 403 where a scope is missing, 503 where
   * nobody can tell. For Express and anything else that calls `(request, response, next)`.
   * @throws TypeError where a scope is none
   */
  readonly express: (needs?: Needs) => ReturnType<typeof expressGuard>;
  /**
   * The same for servers that take a Request: the key, or the Response that refuses it.
   * @param needs also `ip`, the address that sent the request, which a Request does not tell
   */
  readonly handle: (
    request: Request,
    needs?: Needs & { readonly ip?: string | undefined },
  ) => Promise<ValidKey | Response>;
  readonly status: () => Status;
  /** `revoked`: each message of the feed, once. `state`: each change of it. @returns ends it */
  readonly on: {
    (event: 'revoked', listener: (message: RevocationMessage) => void): () => void;
    (event: 'state', listener: (state: State) => void): () => void;
  };
  /** Reports what is not reported yet and ends everything; takes up to 2 s where the server does not answer. */
  readonly close: () => Promise<void>;
};

const natsPackage = () => import('nats');

// Half the time of the other, where there is it: from Node 20.12 on.
const sha256: (text: string) => string =
  typeof crypto.hash === 'function'
    ? (text) => crypto.hash('sha256', text, 'base64url')
    : (text) => crypto.createHash('sha256').update(text).digest('base64url');

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

const insist = (holds: boolean, what: string) => {
  if (!holds) throw new TypeError(`createVerifier: ${what}`);
};

/**
 * Verifies keys inside this process: connects to Keyledger, hears of every revocation, and remembers which keys work.
 * @throws TypeError where an option is wrong
 */
export const createVerifier = (options: VerifierOptions): Verifier => {
  const { token, feed = 'sse', cacheSize = 100_000, maxSilenceMs = 15_000, importedKeys = false } = options;
  const name = options.name ?? 'verifier';
  const instance = options.instance ?? `${name}@${hostname()}:${process.pid}`.replace(/[^\x21-\x7e]/g, '-').slice(-128);
  insist(URL.canParse(String(options.url)), 'url is the address of Keyledger');
  const url = String(options.url).replace(/\/+$/, '');
  insist(/^https?:/.test(url), 'url begins with http:// or https://');
  insist(typeof token === 'string' && /^[\x21-\x7e]+$/.test(token), 'token is the text of a service token');
  insist(/^[\x21-\x7e]{1,128}$/.test(instance), 'instance has 1 to 128 visible ASCII characters');
  insist(isWhole(cacheSize), 'cacheSize is a whole number');
  insist(isWhole(maxSilenceMs), 'maxSilenceMs is a whole number of milliseconds');
  insist(feed === 'sse' || typeof feed?.nats === 'string', "feed is 'sse' or {nats: 'nats://…'}");

  const headers = { authorization: `Bearer ${token}`, 'user-agent': 'keyledger-verifier' };
  const call = createCall({ url, headers });
  const monotonic = () => performance.now();
  const wall = () => Date.now();
  const after = (ms: number, run: () => void) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  };
  const follow =
    feed === 'sse'
      ? createSseFollow({ url, headers })
      : createNatsFollow(feed, { load: natsPackage, name: instance, call, monotonic, wall });
  const core = createCore(
    { cacheSize, maxSilenceMs, importedKeys, instance },
    { monotonic, wall, random: Math.random, after, hash: sha256, call, follow },
  );

  const verify: Verifier['verify'] = (key, question = {}) => {
    if (question.scopes !== undefined) checkScopes(question.scopes);
    return core.verify(key, question);
  };

  return {
    ready: async () => {
      // That it is not there would otherwise look like a server that is away.
      if (feed !== 'sse') await natsPackage();
      await core.ready();
    },
    verify,
    express: (needs = {}) => {
      checkScopes(needs.scopes);
      return expressGuard(core.verify, needs);
    },
    handle: async (request, needs = {}) => {
      checkScopes(needs.scopes);
      return fetchGuard(core.verify, request, needs);
    },
    status: core.status,
    on: core.on,
    close: core.close,
  };
};
