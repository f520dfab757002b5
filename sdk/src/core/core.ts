import { plainAddress } from '../address.ts';
import { refusedWith, VerifierUnavailable } from '../errors.ts';
import { canBeKey, longestKey, shortestKey } from '../form.ts';
import { type Answer, answerOf, type Heartbeat } from '../shapes.ts';
import type { InvalidKey, Question, RevocationMessage, State, ValidKey } from '../types.ts';
import { createCalls, timeoutMs } from './calls.ts';
import { createCatchingUp } from './catchingUp.ts';
import { createConnection } from './connection.ts';
import { createMemory, type Entry } from './memory.ts';
import { createOvertaking } from './overtaking.ts';
import { createPlace, isBeyond } from './place.ts';
import { createProof } from './proof.ts';
import { createReceipts } from './receipts.ts';
import type { Surroundings } from './surroundings.ts';
import { createUsage } from './usage.ts';

export type CoreSettings = {
  /** Keys remembered at most. */
  readonly cacheSize: number;
  /** For how long memory may say yes without a word from a server that does not answer: milliseconds. */
  readonly maxSilenceMs: number;
  /** Whether there may be keys that Keyledger has not made: then nothing is malformed before it was asked for. */
  readonly importedKeys: boolean;
  /** Tells this process from others with the same token. */
  readonly instance: string;
};

export type Events = { readonly revoked: RevocationMessage; readonly state: State };

type Result = ValidKey | InvalidKey;

// A proof younger than that lets memory say yes.
const freshMs = 3_000;
// How long a heartbeat may speak of a message that has not come yet.
const gapMs = 250;
// Remembered keys are asked for again before this, some earlier so that they do not all come at once.
const longestMemoryMs = 15 * 60_000;
const refreshFrom = 0.6;
const tickMs = 250;
const readAgainMs = 1_000;
const usageMs = 5_000;
const mostRetryPauseMs = 250;
// No body of a question may be longer.
const longestQuestion = 8_192;
const longestUserAgent = 1_024;

const malformed: Promise<InvalidKey> = Promise.resolve(Object.freeze({ valid: false, code: 'malformed' }));

const holds = ({ scopes: held }: ValidKey, asked: readonly string[]): boolean => {
  if (held !== null) for (const scope of asked) if (!held.includes(scope)) return false;
  return true;
};

const none: readonly string[] = [];
const noQuestion: Question = {};

/** The verifier without a socket or a clock: what it does follows from what it is told, and when. */
export const createCore = (settings: CoreSettings, surroundings: Surroundings) => {
  const { cacheSize, maxSilenceMs, importedKeys, instance } = settings;
  const { monotonic, wall, random, after, hash } = surroundings;

  const memory = createMemory(cacheSize);
  const overtaking = createOvertaking(2 * timeoutMs);
  const place = createPlace();
  const proof = createProof(monotonic());
  const calls = createCalls(surroundings);
  const usage = createUsage(calls, Math.max(cacheSize, 10_000), surroundings);
  const receipts = createReceipts(calls, instance, surroundings);
  const listeners: { readonly [E in keyof Events]: Set<(event: Events[E]) => void> } = {
    revoked: new Set(),
    state: new Set(),
  };
  /** Questions on their way that a newcomer may join. */
  let open = new Map<string, Promise<Result>>();
  const waiting = new Set<{ resolve: () => void; reject: (error: unknown) => void }>();

  let closed = false;
  /** A gap, another log, or something forged: memory is not used until the feed was read to its end. */
  let distrusted = true;
  /** A heartbeat that speaks of a message which has not come yet. */
  let early: { readonly heartbeat: Heartbeat; readonly came: number } | null = null;
  let stopGapTimer = () => {};
  /** The connection is not the server's alone: what comes over it proves nothing before the server itself has answered. */
  let mayBeRepeated = true;
  let openedAt = 0;
  let answeredSince = false;
  /** Memory says yes until then, monotonic; the fast path looks at nothing else. */
  let trustedUntil = Number.NEGATIVE_INFINITY;
  /** From monotonic to this machine's clock, looked at several times a second: a look for each use takes as long as all else. */
  let wallOffset = wall() - monotonic();
  let lastHeardAt: number | null = null;
  let told: State = 'catching-up';
  let usageAt = monotonic();
  /** Why the feed could not be read to its end the last time, or not be connected to. */
  let readingError: unknown;
  let connectionError: unknown;

  // —— what the feed tells ——

  const emit = <E extends keyof Events>(name: E, event: Events[E]) => {
    for (const listener of [...listeners[name]]) {
      try {
        listener(event);
      } catch (error) {
        // What a listener does wrong is not this verifier's to hide, nor to stumble over.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  };

  const state = (): State => {
    const now = monotonic();
    if (now < trustedUntil) return 'live';
    return now - proof.surelyAt() > maxSilenceMs && calls.health() !== 'answered' ? 'stale' : 'catching-up';
  };

  /** After everything that may change the state. */
  const update = () => {
    const fresh = Math.min(proof.at() + freshMs, proof.surelyAt() + maxSilenceMs);
    trustedUntil = distrusted || closed ? Number.NEGATIVE_INFINITY : fresh;
    const now = state();
    if (now === 'live') {
      for (const { resolve } of waiting) resolve();
      waiting.clear();
    }
    if (now === told || closed) return;
    told = now;
    emit('state', now);
  };

  const refuse = (error: VerifierUnavailable) => {
    for (const { reject } of waiting) reject(error);
    waiting.clear();
  };

  /** That the token is refused will not change by itself, as everything else may. */
  const refuseIfFinal = (error: unknown) => {
    if (error instanceof VerifierUnavailable && (error.status === 401 || error.status === 403)) refuse(error);
  };

  const stale = () => new VerifierUnavailable('stale', undefined, readingError ?? connectionError);

  const distrust = () => {
    distrusted = true;
    catchingUp.want();
    update();
  };

  const forget = ({ kind, keyId, ownerId }: RevocationMessage) => {
    if (kind === 'key') memory.dropKey(keyId!);
    else if (kind === 'owner') memory.dropOwner(ownerId!);
    else memory.clear();
  };

  const confirm = () => {
    const epoch = place.epoch();
    if (epoch !== null) receipts.confirm({ epoch, position: place.position() });
  };

  const heard = () => {
    lastHeardAt = wall();
  };

  const message = (received: RevocationMessage) => {
    // Whoever asks from now on must not be given what was asked before.
    open = new Map();
    overtaking.note(received, monotonic());
    forget(received);
    // Which log is the right one only the server can tell.
    if (received.epoch !== place.epoch()) return distrust();
    heard();
    const hadGap = place.hasGap();
    const isNew = place.take(received);
    if (place.hasGap()) {
      if (!hadGap) distrust();
    } else {
      confirm();
      lookAtEarly();
      update();
    }
    if (isNew) emit('revoked', received);
  };

  const accept = ({ head, provenAt }: Heartbeat, came: number) => {
    place.reach(head);
    if (mayBeRepeated && !answeredSince) return;
    if (proof.heartbeat(came, Date.parse(provenAt), mayBeRepeated)) connection.renew();
    else connection.isWell();
  };

  const lookAtEarly = () => {
    if (early === null || isBeyond(early.heartbeat.lastMessage, place.position())) return;
    stopGapTimer();
    const { heartbeat, came } = early;
    early = null;
    accept(heartbeat, came);
  };

  const waitForGap = () => {
    stopGapTimer();
    stopGapTimer = after(gapMs, () => {
      if (early === null) return;
      early = null;
      distrust();
    });
  };

  const heartbeat = (received: Heartbeat) => {
    if (received.epoch !== place.epoch()) return distrust();
    heard();
    const came = monotonic();
    if (isBeyond(received.lastMessage, place.position())) {
      // The first of several counts the time, the last one what is awaited.
      if (early === null) waitForGap();
      early = { heartbeat: received, came };
      return;
    }
    accept(received, came);
    update();
  };

  const forgetEverything = () => {
    memory.clear();
    open = new Map();
    early = null;
    stopGapTimer();
    distrusted = true;
    place.leave();
    connection.end();
    update();
  };

  const catchingUp = createCatchingUp(
    calls,
    {
      place: () => ({ epoch: place.epoch(), position: place.position() }),
      adopt: (epoch, head) => {
        place.adopt(epoch, head);
        proof.restarted();
        connection.begin();
        confirm();
      },
      message,
      restarted: forgetEverything,
      end: (head, sentAt, date) => {
        place.reach(head);
        answeredSince ||= sentAt >= openedAt;
        if (proof.read(sentAt, date)) connection.renew();
        lookAtEarly();
      },
      done: () => {
        if (place.hasGap()) return catchingUp.want();
        readingError = undefined;
        distrusted = false;
        confirm();
        update();
      },
      failed: (error) => {
        readingError = error;
        refuseIfFinal(error);
        update();
      },
    },
    surroundings,
  );

  const connection = createConnection(
    {
      opened: (resumed) => {
        mayBeRepeated = !resumed;
        openedAt = monotonic();
        connectionError = undefined;
        answeredSince = false;
        if (!resumed) catchingUp.want();
      },
      message,
      heartbeat,
      spoilt: distrust,
      closed: (status, cause) => {
        if (status === 410) return distrust();
        connectionError = status === undefined ? cause : refusedWith(status, cause);
        refuseIfFinal(connectionError);
      },
    },
    () => {
      const epoch = place.epoch();
      return epoch === null ? null : { epoch, position: place.position() };
    },
    proof.connecting,
    surroundings,
  );

  const tick = () => {
    const now = monotonic();
    const hasSlept = wall() - now > wallOffset + freshMs;
    wallOffset = wall() - now;
    // This clock was set forward, or the machine slept: monotonic time stands still then on some, and proofs age by it.
    if (hasSlept) distrust();
    overtaking.prune(now);
    const isOld = now - proof.at() > freshMs;
    if (isOld && !catchingUp.isRunning() && now - catchingUp.begunAt() >= readAgainMs) catchingUp.want();
    // Silent; or it speaks of what is long past, or began too late to say how late it is.
    const isLate = isOld || proof.at() - proof.surelyAt() > freshMs;
    if (connection.isSilent(now) || (isLate && connection.age(now) > 2 * freshMs)) connection.renew();
    if (now - usageAt >= usageMs) {
      usageAt = now;
      void usage.flush();
    }
    update();
    stopTicking = after(tickMs, tick);
  };
  let stopTicking = after(tickMs, tick);
  catchingUp.want();

  // —— what is asked ——

  const isPast = (endsAt: number, now: number) => endsAt <= now + wallOffset || endsAt <= proof.serverTime();

  const remembers = (entry: Entry, scopes: readonly string[], now: number): boolean =>
    now < entry.until && !isPast(entry.endsAt, now) && (scopes.length === 0 || holds(entry.key, scopes));

  const use = (entry: Entry, ip: string | undefined, now: number): Promise<ValidKey> => {
    memory.touch(entry);
    usage.note(entry, now, ip);
    return entry.answer;
  };

  const remember = (secret: string, key: ValidKey, askedAt: number, epoch: string) => {
    // What happened before the feed was followed will never be told.
    if (epoch !== place.epoch() || isBeyond(place.from(), key.position)) return;
    const endsAt = key.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(key.expiresAt);
    if (isPast(endsAt, monotonic())) return memory.drop(secret);
    memory.put({
      hash: secret,
      key,
      answer: Promise.resolve(key),
      endsAt,
      refreshAt: askedAt + longestMemoryMs * (refreshFrom + (random() * (1 - refreshFrom)) / 2),
      until: askedAt + longestMemoryMs,
      uses: 0,
      usedAt: 0,
      ip: undefined,
      newer: null,
      older: null,
      next: undefined,
    });
  };

  /** @returns null where the answer is of another log, or older than what was heard meanwhile */
  const judged = (answer: Answer, minPosition: string | null): Result | null => {
    const epoch = place.epoch();
    if (epoch !== null && answer.epoch !== epoch) {
      distrust();
      return null;
    }
    if (isBeyond(minPosition, answer.position) || overtaking.hasOvertaken(answer)) return null;
    return answer.result;
  };

  /** @returns null where the answer must not be used @throws VerifierUnavailable */
  const askOnce = async (secret: string, key: string, question: Question): Promise<Result | null> => {
    const { scopes = none, ip, userAgent } = question;
    const address = plainAddress(ip);
    const minPosition = place.lastReceived();
    const askedAt = monotonic();
    const { status, body } = await calls.ask({
      key,
      ...(scopes.length > 0 && { scopes }),
      ...(minPosition !== null && { minPosition }),
      ...(address !== undefined && { ip: address }),
      ...(typeof userAgent === 'string' && { userAgent: userAgent.slice(0, longestUserAgent) }),
    });
    if (status !== 200) throw refusedWith(status);
    const answer = answerOf(body);
    if (answer === null) throw new VerifierUnavailable('unusable-answer', status);
    const result = judged(answer, minPosition);
    if (result === null) return null;
    if (!result.valid) {
      memory.drop(secret);
      return result;
    }
    Object.freeze(result.scopes);
    Object.freeze(result.permissions);
    remember(secret, Object.freeze(result), askedAt, answer.epoch);
    if (holds(result, scopes)) return result;
    const missing = scopes.filter((scope) => !holds(result, [scope]));
    return { valid: false, code: 'insufficient-scope', missing };
  };

  /** Resolves with it, or after so long. */
  const atMost = (ms: number, done: Promise<unknown>) =>
    new Promise<void>((resolve, reject) => {
      const callOff = after(ms, resolve);
      const over = () => {
        callOff();
        resolve();
      };
      done.then(over, reject);
    });

  const pause = (ms: number) => new Promise<void>((resolve) => after(ms, resolve));

  const isWorthARetry = (error: unknown) =>
    error instanceof VerifierUnavailable && ['timeout', 'unreachable', 'server-error'].includes(error.code);

  /** @throws VerifierUnavailable */
  const ask = async (secret: string, key: string, question: Question): Promise<Result> => {
    const until = monotonic() + 2 * timeoutMs;
    for (let failures = 0; ; ) {
      try {
        const result = await askOnce(secret, key, question);
        if (result !== null) return result;
        if (monotonic() > until) throw new VerifierUnavailable('overtaken');
      } catch (error) {
        if (!isWorthARetry(error) || ++failures > 1) throw error;
      }
      await pause(random() * mostRetryPauseMs);
      if (closed) throw new VerifierUnavailable('closed');
    }
  };

  /** Together with whoever asks the same, where nothing was heard since. */
  const askTogether = (secret: string, key: string, question: Question): Promise<Result> => {
    const { scopes = none } = question;
    const name = `${secret} ${scopes.length < 2 ? scopes[0] : [...scopes].sort().join(' ')}`;
    const joined = open.get(name);
    if (joined !== undefined) return joined;
    const among = open;
    const asked = ask(secret, key, question).finally(() => among.delete(name));
    open.set(name, asked);
    return asked;
  };

  /** Nothing but silence speaks against memory, and not for too long. */
  const mayRecall = (now: number) => !distrusted && !closed && now - proof.surelyAt() <= maxSilenceMs;

  const isKnownSilent = () => calls.health() === 'silent';

  const askOrRecall = async (secret: string, key: string, question: Question): Promise<Result> => {
    const { scopes = none, ip } = question;
    const recalled = (): Promise<ValidKey> | null => {
      const now = monotonic();
      const entry = memory.find(secret);
      return entry && mayRecall(now) && remembers(entry, scopes, now) ? use(entry, ip, now) : null;
    };
    const now = monotonic();
    if (now >= trustedUntil) {
      if (isKnownSilent()) {
        const known = recalled();
        if (known !== null) return known;
      }
      if (state() === 'stale') throw stale();
    }
    try {
      return await askTogether(secret, key, question);
    } catch (error) {
      const known = isUnanswered(error) ? recalled() : null;
      if (known === null) throw error;
      return known;
    }
  };

  const isUnanswered = (error: unknown) =>
    error instanceof VerifierUnavailable && (error.code === 'timeout' || error.code === 'unreachable');
  const isFresh = () => monotonic() < trustedUntil;

  /** A use of a key that is about to be too old to be remembered pays for nobody: it asks beside its answer. */
  const refresh = (entry: Entry, key: string, question: Question) => {
    // Where that fails, the next use that finds it too old asks, and is told why.
    askTogether(entry.hash, key, { ip: question.ip }).catch(() => {});
  };

  /** Nothing is hashed that is much too long to be a key; of imported ones a server takes no longer ones. */
  const hasLength = (key: unknown): key is string =>
    typeof key === 'string' &&
    (importedKeys
      ? key !== '' && key.length <= longestQuestion && JSON.stringify(key).length <= longestQuestion / 2
      : key.length >= shortestKey && key.length <= longestKey);

  let closing: Promise<void> | null = null;
  const close = async () => {
    closed = true;
    stopTicking();
    stopGapTimer();
    catchingUp.close();
    connection.close();
    update();
    refuse(new VerifierUnavailable('closed'));
    await atMost(timeoutMs, Promise.all([receipts.close(), usage.flush()]));
    calls.close();
    memory.clear();
    for (const set of Object.values(listeners)) set.clear();
  };

  return {
    /** @throws VerifierUnavailable */
    verify: (key: string, question: Question = noQuestion): Promise<Result> => {
      if (closed) return Promise.reject(new VerifierUnavailable('closed'));
      if (!hasLength(key)) return malformed;
      const secret = hash(key);
      // Only what had the form of a key is remembered: for the rest the checksum is done before anything is asked.
      const entry = memory.find(secret);
      if (entry !== undefined) {
        const now = monotonic();
        if (now < trustedUntil && remembers(entry, question.scopes ?? none, now)) {
          if (now >= entry.refreshAt) refresh(entry, key, question);
          return use(entry, question.ip, now);
        }
      } else if (!importedKeys && !canBeKey(key)) return malformed;
      const { scopes } = question;
      // What becomes of the asker's list while this is asked is another question.
      return askOrRecall(secret, key, scopes === undefined ? question : { ...question, scopes: [...scopes] });
    },

    /** Resolves when it is live. @throws VerifierUnavailable where that takes longer than maxSilenceMs, or is refused */
    ready: (): Promise<void> =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new VerifierUnavailable('closed'));
        if (isFresh()) return resolve();
        const callOff = after(maxSilenceMs, () => one.reject(stale()));
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            callOff();
            waiting.delete(one);
            settle(value);
          };
        const one = { resolve: settled<void>(resolve), reject: settled(reject) };
        waiting.add(one);
      }),

    status: () => ({
      state: state(),
      position: place.position(),
      head: place.head(),
      lastHeardAt: lastHeardAt === null ? null : new Date(lastHeardAt).toISOString(),
      cached: memory.size(),
    }),

    /** @throws TypeError where there is no such event */
    on: <E extends keyof Events>(name: E, listener: (event: Events[E]) => void): (() => void) => {
      if (!Object.hasOwn(listeners, name)) throw new TypeError("events are 'revoked' and 'state'");
      if (typeof listener !== 'function') throw new TypeError('a listener is a function');
      const own = (event: Events[E]) => listener(event);
      listeners[name].add(own);
      return () => {
        listeners[name].delete(own);
      };
    },

    /** Whoever closes it again waits for the same end. */
    close: (): Promise<void> => {
      closing ??= close();
      return closing;
    },
  };
};

export type Core = ReturnType<typeof createCore>;
