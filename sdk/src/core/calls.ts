import { VerifierUnavailable } from '../errors.ts';
import type { Reply, Surroundings } from './surroundings.ts';

/** How long an answer is waited for. */
export const timeoutMs = 2_000;

// So many questions are asked at once; a server that stands still must not cost a socket for each.
const mostAtOnce = 128;

/** What became of the last call: it was answered, with an error or by something else than the server, or not at all. */
export type Health = 'answered' | 'failing' | 'silent';

/** What stands before a server that is away answers in its place, but not as it does. */
const isAnswered = ({ status, body }: Reply) => status < 500 && (body !== undefined || status === 204);

export const createCalls = (surroundings: Pick<Surroundings, 'call' | 'after' | 'monotonic'>) => {
  const { call, after, monotonic } = surroundings;
  const open = new Set<() => void>();
  const waiting = new Set<() => void>();
  let running = 0;
  let health: Health = 'answered';
  let closed = false;

  const next = () => {
    for (const start of waiting) {
      if (running >= mostAtOnce) return;
      running++;
      start();
    }
  };

  /** Resolves when there is room; whoever waits too long, or for one that is closed, gives up. */
  const turn = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        waiting.delete(start);
        open.delete(close);
        stopTimer();
        settle();
      };
      const start = end(resolve);
      const close = end(() => reject(new VerifierUnavailable('closed')));
      const stopTimer = after(
        timeoutMs,
        end(() => reject(new VerifierUnavailable('timeout'))),
      );
      waiting.add(start);
      open.add(close);
    });

  /** @throws VerifierUnavailable timeout, unreachable, closed */
  const send = (method: 'GET' | 'POST', path: string, body?: unknown, isQuestion = false): Promise<Reply> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(new VerifierUnavailable('closed'));
      const sentAt = monotonic();
      const stop = new AbortController();
      const end = (fate: Health | null, settle: () => void) => {
        if (!open.delete(close)) return;
        stopTimer();
        if (fate !== null) health = fate;
        settle();
      };
      const fail = (code: 'timeout' | 'unreachable', cause?: unknown) =>
        end('silent', () => {
          reject(new VerifierUnavailable(code, undefined, cause));
          stop.abort();
        });
      const close = () =>
        end(null, () => {
          reject(new VerifierUnavailable('closed'));
          stop.abort();
        });
      open.add(close);
      const stopTimer = after(timeoutMs, () => fail('timeout'));
      call(method, path, body, stop.signal).then(
        (reply) => {
          // Late to a process that stood still: a yes is of a time whose messages nobody remembers.
          if (isQuestion && monotonic() - sentAt > timeoutMs) return fail('timeout');
          end(isAnswered(reply) ? 'answered' : 'failing', () => resolve(reply));
        },
        (error: unknown) => fail('unreachable', error),
      );
    });

  return {
    health: () => health,

    send: (method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> => send(method, path, body),

    /** Asks whether a key works; only so many at once. @throws VerifierUnavailable timeout, unreachable, closed */
    ask: async (body: unknown): Promise<Reply> => {
      if (running < mostAtOnce) running++;
      else await turn();
      try {
        return await send('POST', '/v1/verify', body, true);
      } finally {
        running--;
        next();
      }
    },

    /** Whoever waits is told so, and whoever still calls. */
    close: (): void => {
      closed = true;
      for (const end of [...open]) end();
    },
  };
};

export type Calls = ReturnType<typeof createCalls>;
