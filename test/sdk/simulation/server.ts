import type { Reply } from '../../../sdk/src/core/surroundings.ts';
import { answerOf, type Heartbeat } from '../../../sdk/src/shapes.ts';
import type { RevocationMessage } from '../../../sdk/src/types.ts';
import { type Key, type Ledger, wallAt } from './ledger.ts';
import type { Time } from './time.ts';

/** A process over the log, as the contract has it: it knows what it has read, and says so or says 503. */
export type Process = {
  readonly state: () => 'up' | 'stopped' | 'down';
  readonly stop: () => void;
  readonly resume: () => void;
  readonly kill: () => void;
  readonly start: () => void;
  /** @param done called once, at once or later; never where the process dies @returns whether anybody is there */
  readonly handle: (request: Request, done: (reply: Reply) => void) => boolean;
  /** @returns whether anybody is there */
  readonly stream: (lastEventId: string | null, stream: Stream) => boolean;
  /** Reads the log no more for a while, and goes on saying what it said last. */
  readonly stick: (ms: number) => void;
  readonly isStuck: () => boolean;
  /** The newest proof, where there is one younger than 2 s, or it is stuck. */
  readonly beat: () => Heartbeat | null;
  readonly position: () => string | null;
};

export type Request = { readonly method: string; readonly path: string; readonly body: unknown };

export type Stream = {
  readonly refuse: (status: number) => void;
  readonly opened: () => void;
  readonly message: (message: RevocationMessage) => void;
  readonly heartbeat: (heartbeat: Heartbeat) => void;
  readonly cut: () => void;
};

const provenMs = 2_000;

export const createProcess = (parts: {
  readonly time: Time;
  readonly random: () => number;
  readonly ledger: Ledger;
  readonly keys: readonly Key[];
  /** How long it may take to hear of something new. */
  readonly lagMs: () => number;
  readonly acknowledged: (body: { epoch: string; position: string }) => void;
}): Process => {
  const { time, ledger, keys, lagMs, acknowledged } = parts;
  let state: 'up' | 'stopped' | 'down' = 'up';
  let life = 0;
  let position: string | null = ledger.end();
  let epoch = ledger.epoch();
  let provenAt = time.now();
  let stuckUntil = 0;
  // What a process that stands still will do when it goes on.
  let held: (() => void)[] = [];
  const streams = new Set<{ stream: Stream; after: string | null; beatAt: number; proof: number }>();

  const whenUp = (run: () => void) => {
    if (state === 'stopped') held.push(run);
    else if (state === 'up') run();
  };

  /** Later, in this life. */
  const later = (ms: number, run: () => void) => {
    const mine = life;
    time.after(ms, () => {
      if (life === mine) whenUp(run);
    });
  };

  const isProven = () => time.now() - provenAt <= provenMs;

  const heartbeat = (): Heartbeat => ({
    epoch,
    head: position,
    lastMessage: ledger.lastMessage(position)?.position ?? null,
    provenAt: new Date(wallAt(provenAt, ledger.serverOffset())).toISOString(),
  });

  const isStuck = () => time.now() < stuckUntil;

  const sayAgain = () => {
    for (const one of streams) {
      if (time.now() - one.beatAt < 1_000) continue;
      one.beatAt = time.now();
      one.stream.heartbeat(heartbeat());
    }
  };

  const serve = () => {
    for (const one of streams) {
      for (const message of ledger.messagesAfter(one.after, position)) {
        one.stream.message(message);
        one.after = message.position;
      }
      if (isProven() && provenAt > one.proof && time.now() - one.beatAt >= 1_000) {
        one.beatAt = time.now();
        one.proof = provenAt;
        one.stream.heartbeat(heartbeat());
      }
    }
  };

  /** Reads the log to its end, again and again. */
  const read = () => {
    if (isStuck()) {
      sayAgain();
      return later(100, read);
    }
    const end = ledger.end();
    const sent = time.now();
    later(parts.random() * 20, () => {
      position = end;
      provenAt = sent;
      serve();
      later(lagMs(), read);
    });
  };
  read();

  const waitFor = (wanted: string | null, done: (there: boolean) => void, since = time.now()): void => {
    if (wanted === null || (position !== null && position >= wanted)) done(true);
    else if (time.now() - since >= 2_000) done(false);
    else later(50, () => waitFor(wanted, done, since));
  };

  const prove = (done: (proven: boolean) => void, since = time.now()): void => {
    if (provenAt >= since) done(true);
    else if (time.now() - since >= 2_000) done(false);
    else later(50, () => prove(done, since));
  };

  const unavailable: Reply = { status: 503, body: { code: 'unavailable' } };
  const restarted: Reply = { status: 410, body: { code: 'feed-restarted' } };

  const verify = (body: Reply['body']): Reply => {
    if (!isProven()) return unavailable;
    const { key: text, scopes = [] } = body as { key: string; scopes?: string[] };
    const at = { position, epoch };
    const key = keys.find((one) => one.text === text);
    if (key === undefined) return { status: 200, body: { valid: false, code: 'not-found', ...at } };
    const standing = ledger.standing(key, position);
    const wall = wallAt(time.now(), ledger.serverOffset());
    if (!ledger.works(key, standing, [], wall)) return { status: 200, body: { valid: false, code: 'revoked', ...at } };
    const missing = scopes.filter((scope) => !standing.scopes.includes(scope));
    if (missing.length > 0) return { status: 200, body: { valid: false, code: 'insufficient-scope', missing, ...at } };
    const { keyId, ownerId, expiresAt } = key;
    const answer = {
      valid: true,
      code: 'valid',
      keyId,
      ownerId,
      permissions: [],
      scopes: standing.scopes,
      expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      ...at,
    };
    if (answerOf(answer) === null) throw new Error('the simulated server answers what no server answers');
    return { status: 200, body: answer };
  };

  const page = (query: URLSearchParams): Reply => {
    const after = query.get('after');
    const asked = query.get('epoch');
    const limit = Number(query.get('limit') ?? 200);
    if ((asked !== null && asked !== epoch) || (after !== null && (position === null || after > position)))
      return restarted;
    const items = ledger.messagesAfter(after, position).slice(0, limit);
    return { status: 200, body: { items, head: position, epoch } };
  };

  const answer = ({ method, path, body }: Request, done: (reply: Reply) => void) => {
    const url = new URL(path, 'http://simulated');
    switch (`${method} ${url.pathname}`) {
      case 'POST /v1/verify': {
        const { minPosition = null } = body as { minPosition?: string };
        return waitFor(minPosition, (there) => done(there ? verify(body) : unavailable));
      }
      case 'GET /v1/revocations':
        return prove((proven) => done(proven ? page(url.searchParams) : unavailable));
      case 'POST /v1/revocations/ack': {
        const told = body as { epoch: string; position: string };
        return prove((proven) => {
          if (!proven) return done(unavailable);
          if (told.epoch !== epoch || position === null || told.position > position) return done(restarted);
          acknowledged(told);
          done({ status: 204, body: undefined });
        });
      }
      case 'POST /v1/usage':
        return done({ status: 204, body: undefined });
      default:
        throw new Error(`nobody answers ${method} ${path}`);
    }
  };

  const die = () => {
    life++;
    held = [];
    streams.clear();
  };

  return {
    state: () => state,
    stop: () => {
      if (state === 'up') state = 'stopped';
    },
    resume: () => {
      if (state !== 'stopped') return;
      state = 'up';
      const waiting = held;
      held = [];
      for (const run of waiting) run();
    },
    kill: () => {
      const open = [...streams];
      die();
      state = 'down';
      for (const { stream } of open) stream.cut();
    },
    start: () => {
      if (state !== 'down') return;
      state = 'up';
      epoch = ledger.epoch();
      position = ledger.end();
      provenAt = time.now();
      read();
    },
    handle: (request, done) => {
      if (state === 'down') return false;
      const dated = (reply: Reply) =>
        done({ ...reply, date: Math.floor(wallAt(time.now(), ledger.serverOffset()) / 1000) * 1000 });
      whenUp(() => answer(request, dated));
      return true;
    },
    stream: (lastEventId, stream) => {
      if (state === 'down') return false;
      whenUp(() =>
        prove((proven) => {
          if (!proven) return stream.refuse(503);
          const at = lastEventId?.lastIndexOf(':') ?? 0;
          const [asked, after] =
            lastEventId === null ? [epoch, null] : [lastEventId.slice(0, at), lastEventId.slice(at + 1)];
          if (asked !== epoch || (after !== null && (position === null || after > position))) return stream.refuse(410);
          stream.opened();
          streams.add({ stream, after, beatAt: Number.NEGATIVE_INFINITY, proof: Number.NEGATIVE_INFINITY });
          serve();
        }),
      );
      return true;
    },
    stick: (ms) => {
      stuckUntil = time.now() + ms;
    },
    isStuck: () => state === 'up' && isStuck(),
    beat: () => (state === 'up' && (isProven() || isStuck()) ? heartbeat() : null),
    position: () => (state === 'up' ? position : null),
  };
};
