import crypto from 'node:crypto';
import { hostname } from 'node:os';
import { createCore } from './core/core.ts';
import { VerifierUnavailable } from './errors.ts';
import { checkScopes, expressGuard, fetchGuard } from './guard.ts';
import { createCall } from './transport/http.ts';
import { createNatsFollow } from './transport/nats.ts';
import { createSseFollow } from './transport/sse.ts';
import type { Verifier, VerifierOptions } from './types.ts';

export type { UnavailableCode } from './errors.ts';
export type {
  Guarded,
  InvalidKey,
  Middleware,
  NatsFeed,
  Needs,
  Question,
  RevocationMessage,
  State,
  Status,
  ValidKey,
  Verifier,
  VerifierOptions,
} from './types.ts';
export { VerifierUnavailable };

const natsPackage = () => import('nats');

// As text of one byte a character, the fastest to make and to find; crypto.hash, from Node 20.12 on, takes a third of the time.
const sha256: (text: string) => string =
  typeof crypto.hash === 'function'
    ? (text) => crypto.hash('sha256', text, 'binary')
    : (text) => crypto.createHash('sha256').update(text).digest('binary');

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

  const verify: Verifier['verify'] = (key, question) => {
    if (question?.scopes !== undefined) checkScopes(question.scopes);
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
