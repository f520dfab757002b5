import { type CoreSettings, createCore } from '../../../sdk/src/core/core.ts';
import type { FeedPlace, Hearing, Reply } from '../../../sdk/src/core/surroundings.ts';
import type { RevocationMessage } from '../../../sdk/src/types.ts';
import { createTime } from '../simulation/time.ts';

export const startedAt = Date.parse('2030-01-01T00:00:00Z');
export const aKey = 'api_0123456789ABCDEFGHIJKLMNOPQRST3j9Ito';
export const anotherKey = 'k2_UVWXYZabcdefghijklmnopqrstuvwx42EhFN';

type Call = { readonly method: string; readonly path: string; readonly body: never };
type Answer = (call: Call) => Reply | Promise<Reply>;
type Answers = { verify: Answer; page: Answer; other: Answer; resumed: boolean };

export const valid = (position: string, more: object = {}): Reply => ({
  status: 200,
  body: {
    valid: true,
    code: 'valid',
    keyId: 'key-1',
    ownerId: 'owner-1',
    permissions: [],
    scopes: ['reports:read'],
    expiresAt: null,
    position,
    epoch: 'e1',
    ...more,
  },
});

export const refusal = (code: string, position = '10', more: object = {}): Reply => ({
  status: 200,
  body: { valid: false, code, position, epoch: 'e1', ...more },
});

export const message = (position: string, previous: string | null, more: object = {}): RevocationMessage => ({
  position,
  previous,
  epoch: 'e1',
  id: `m${position}`,
  kind: 'key',
  effect: 'ended',
  keyId: 'key-1',
  reason: 'owner',
  at: '2030-01-01T00:00:00.000Z',
  effectiveAt: '2030-01-01T00:00:00.000Z',
  ...more,
});

/** The core with a clock moved by hand, a server that answers as it is told, and a feed that says what it is told. */
export const createBed = (settings: Partial<CoreSettings> = {}, more: Partial<Answers> = {}) => {
  const time = createTime();
  const calls: Call[] = [];
  const places: FeedPlace[] = [];
  let hearing: Hearing | null = null;
  let clockOffset = 0;
  let serverOffset = 0;
  let beating = true;
  let head = '10';
  let lastMessage: string | null = '10';
  const answers: Answers = {
    verify: () => valid(head),
    page: () => ({ status: 200, body: { items: [], head, epoch: 'e1' } }),
    other: () => ({ status: 204, body: undefined }),
    resumed: true,
    ...more,
  };

  const core = createCore(
    { cacheSize: 1000, maxSilenceMs: 15_000, importedKeys: false, instance: 'one', ...settings },
    {
      monotonic: time.now,
      wall: () => startedAt + time.now() + clockOffset,
      random: () => 0.5,
      after: time.after,
      hash: (text) => `hash of ${text}`,
      call: async (method, path, body) => {
        const call = { method, path, body } as Call;
        calls.push(call);
        if (path === '/v1/verify') return answers.verify(call);
        return path.startsWith('/v1/revocations') && method === 'GET' ? answers.page(call) : answers.other(call);
      },
      follow: (place, told) => {
        places.push(place);
        hearing = told;
        time.after(1, () => told.opened(answers.resumed));
        return () => {
          if (hearing === told) hearing = null;
        };
      },
    },
  );

  const heartbeat = (more: object = {}) =>
    hearing?.heartbeat({
      epoch: 'e1',
      head,
      lastMessage,
      provenAt: new Date(startedAt + time.now() + serverOffset).toISOString(),
      ...more,
    });
  const beat = () => {
    if (beating) heartbeat();
    time.after(1_000, beat);
  };
  time.after(10, beat);

  const pass = (ms: number) => time.runUntil(time.now() + ms);

  /** What a promise has come to after a while. */
  const soon = async <T>(promise: Promise<T>, ms = 20): Promise<T | string> => {
    let outcome: T | string = 'nothing yet';
    promise.then(
      (value) => {
        outcome = value;
      },
      (error) => {
        outcome = `${error.name} ${error.code}`;
      },
    );
    await pass(ms);
    return outcome;
  };

  return {
    core,
    time,
    answers,
    calls,
    places,
    pass,
    soon,
    heartbeat,
    tell: (told: RevocationMessage) => {
      if (told.position > head) head = told.position;
      lastMessage = told.position;
      hearing?.message(told);
    },
    hearing: () => hearing!,
    setHead: (position: string, last = lastMessage) => {
      head = position;
      lastMessage = last;
    },
    silence: (silent: boolean) => {
      beating = !silent;
    },
    setClock: (ms: number) => {
      clockOffset = ms;
    },
    setServerClock: (ms: number) => {
      serverOffset = ms;
    },
    questions: () =>
      calls.filter(({ path }) => path === '/v1/verify').map(({ body }) => body as { minPosition?: string }),
    sent: (path: string) => calls.filter((call) => call.path.startsWith(path)).map(({ body }) => body as never),
    live: async () => {
      await pass(20);
      if (core.status().state !== 'live') throw new Error(`it is ${core.status().state}`);
    },
    codeOf: async (key: string, scopes: readonly string[] = [], ms = 20): Promise<string> => {
      const outcome = await soon(core.verify(key, { scopes }), ms);
      if (typeof outcome === 'string') return outcome;
      return outcome.valid ? 'valid' : outcome.code;
    },
  };
};
