import { createHash, hash } from 'node:crypto';
import { createCore } from './core/core.ts';
import { VerifierUnavailable } from './errors.ts';
import { checkQuestion, expressGuard, fetchGuard } from './guard.ts';
import { defaultInstance } from './instance.ts';
import { createCall } from './transport/http.ts';
import { createNatsFollow } from './transport/nats.ts';
import { createSseFollow } from './transport/sse.ts';
import type { Verifier, VerifierOptions } from './types.ts';

export type { UnavailableCode } from './errors.ts';
export type {
  Guarded,
  GuardedRequest,
  GuardedResponse,
  InvalidCode,
  InvalidKey,
  Middleware,
  NatsFeed,
  Needs,
  Question,
  RevocationMessage,
  RevocationReason,
  State,
  Status,
  ValidKey,
  Verifier,
  VerifierOptions,
} from './types.ts';
export { VerifierUnavailable };

// Found when it is wanted: whatever packs a service that has no NATS would look for it, and fail.
const natsName: string = ['nats'].join();
const natsPackage = (): Promise<typeof import('nats')> => import(/* webpackIgnore: true */ /* @vite-ignore */ natsName);

// As text of one byte a character, the fastest to make and to find; `hash`, from Node 20.12 on, takes a third of the time.
const sha256: (text: string) => string =
  typeof hash === 'function'
    ? (text) => hash('sha256', text, 'binary')
    : (text) => createHash('sha256').update(text).digest('binary');

const mostKeys = 10_000_000;
// What a timer can wait for.
const longestSilenceMs = 2 ** 31 - 1;

const isWhole = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= most;

const insist = (holds: boolean, what: string) => {
  if (!holds) throw new TypeError(`createVerifier: ${what}`);
};

/** Without a slash at its end. @throws TypeError that does not hold the text: there may be a password in it */
const addressOf = (text: string): string => {
  insist(URL.canParse(text), 'url is the address of Keyledger');
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  insist(protocol === 'http:' || protocol === 'https:', 'url begins with http:// or https://');
  insist(username === '' && password === '', 'url has no user and no password: the token says who asks');
  insist(search === '' && hash === '', 'url ends with its path');
  return origin + pathname.replace(/\/+$/, '');
};

/**
 * Verifies keys inside this process: connects to Keyledger, hears of every revocation, and remembers which keys work.
 * Make one for each Keyledger, use it everywhere, and close it when the process ends.
 * @throws TypeError where an option is wrong
 */
export const createVerifier = (options: VerifierOptions): Verifier => {
  const { token, feed = 'sse', cacheSize = 100_000, maxSilenceMs = 15_000, importedKeys = false } = options;
  const { name = 'verifier' } = options;
  const url = addressOf(String(options.url));
  insist(typeof token === 'string' && /^[\x21-\x7e]+$/.test(token), 'token is the text of a service token');
  insist(typeof name === 'string', 'name is a text');
  const { instance = defaultInstance(name) } = options;
  insist(
    typeof instance === 'string' && /^[\x21-\x7e]{1,128}$/.test(instance),
    'instance has 1 to 128 visible ASCII characters',
  );
  insist(isWhole(cacheSize, mostKeys), `cacheSize is a whole number, 1 to ${mostKeys}`);
  insist(
    isWhole(maxSilenceMs, longestSilenceMs),
    `maxSilenceMs is a whole number of milliseconds, 1 to ${longestSilenceMs}`,
  );
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

  return {
    instance,
    ready: async () => {
      // That it is not there would otherwise look like a server that is away.
      if (feed !== 'sse') await natsPackage();
      await core.ready();
    },
    verify: (key, question) => {
      try {
        if (question != null) checkQuestion(question);
      } catch (error) {
        return Promise.reject(error);
      }
      return core.verify(key, question ?? undefined);
    },
    express: (needs = {}) => expressGuard(core.verify, needs),
    handle: (request, needs = {}) => fetchGuard(core.verify, request, needs),
    status: core.status,
    on: core.on,
    close: core.close,
  };
};
