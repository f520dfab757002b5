import { makeKeyText } from '../../../domain/keyText.ts';
import type { createCore } from '../../../sdk/src/core/core.ts';
import { pageOf } from '../../../sdk/src/shapes.ts';
import type { createInbox } from '../../../sdk/src/transport/inbox.ts';
import type { createSigned } from '../../../sdk/src/transport/signed.ts';
import type { InvalidKey, RevocationMessage, ValidKey } from '../../../sdk/src/types.ts';
import { chances } from '../../support/chances.ts';
import { type FaultName, type Faults, noFaults } from './faults.ts';
import { allScopes, beginning, createLedger, type Fact, type Key, wallAt } from './ledger.ts';
import { calm, createNetwork } from './network.ts';
import { createProcess } from './server.ts';
import { createTime } from './time.ts';

/** The verifier's parts that are simulated: those of sdk/src, or of a copy that was broken by hand. */
export type Sdk = {
  readonly createCore: typeof createCore;
  readonly createInbox: typeof createInbox;
  readonly createSigned: typeof createSigned;
};

/** How much happened, so that it can be told whether a run tried anything. */
export type Tally = {
  feed: 'sse' | 'nats';
  accepted: number;
  refused: number;
  unavailable: number;
  questions: number;
  heard: number;
  readonly faults: Faults;
};

const chaosMs = 30_000;
const recoveryMs = 15_000;
const hourMs = 3_600_000;
// A process may be behind by so much, and an answer on its way for as long.
const lagMs = 5_000;

const insist = (holds: boolean, what: string) => {
  if (!holds) throw new Error(what);
};

/**
 * One run: a verifier, two processes over one log and the network between them, all of which fail in every way, then
 * stop failing. @throws as soon as the verifier lets through what it must not, or does not recover
 */
export const simulate = async (seed: number, sdk: Sdk): Promise<Tally> => {
  const random = chances(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  const one = <T>(of: readonly T[]): T => of[upTo(of.length)]!;
  const time = createTime();
  const weather = { ...calm(), slowAnswers: 0.2 };
  const feed = seed % 2 === 0 ? 'sse' : 'nats';
  const maxSilenceMs = one([6_000, 15_000]);
  const cacheSize = one([2, 1000]);
  const tally: Tally = { feed, accepted: 0, refused: 0, unavailable: 0, questions: 0, heard: 0, faults: noFaults() };
  const note = (fault: FaultName) => {
    tally.faults[fault]++;
  };

  const bytes = (length: number) => Uint8Array.from({ length }, () => upTo(256));
  const text = () =>
    makeKeyText(random() < 0.5 ? { form: 'prefixed', prefix: 'api' } : { form: 'dotted', prefix: null }, bytes);
  const keys: readonly Key[] = Array.from({ length: 6 }, (_, i) => ({
    text: text(),
    keyId: `key-${i}`,
    ownerId: `owner-${i % 3}`,
    expiresAt: random() < 0.3 ? beginning + random() * 40_000 : null,
  }));
  const stranger = text();

  const ledger = createLedger(keys, time.now);
  const acknowledged: { epoch: string; position: string }[] = [];
  const heard = new Map<string, RevocationMessage>();
  const startedFrom = new Map<string, string>();
  const epochsOf = new Map<string, Set<string>>();
  const askedAt = new Map<string, number>();
  const repliedAt = new Map<string, number>();
  // Seen by the verifier, in the log that it follows, and not closed yet.
  let followed = '';
  let gap: { readonly previous: string; readonly at: number } | null = null;

  const processes = [0, 1].map(() =>
    createProcess({
      time,
      random,
      ledger,
      keys,
      // Mostly woken at once; sometimes it waits for its next look.
      lagMs: () => (random() < 0.8 ? 20 + random() * 60 : random() * 500),
      acknowledged: (told) => {
        acknowledged.push({ epoch: told.epoch, position: told.position });
        // A receipt is a promise: everything up to it was heard.
        if (told.epoch !== ledger.epoch()) return;
        for (const { position, epoch } of ledger.messagesAfter(startedFrom.get(told.epoch) ?? null, told.position))
          insist(heard.has(`${epoch}:${position}`), `acknowledged ${told.position} without having heard ${position}`);
      },
    }),
  );

  // —— the process that embeds the verifier ——

  let standsStillUntil = 0;
  const inService = (run: () => void): void => {
    if (time.now() >= standsStillUntil) run();
    else time.after(standsStillUntil - time.now(), () => inService(run));
  };
  let clockOffset = one([0, 0, hourMs, -hourMs]);

  const furthestHeard = new Map<string, string>();
  /** An answer that was on its way when a message came: with one about its key, it must not be used. */
  const noteOvertaken = (answer: ValidKey & { epoch: string }) => {
    if ((furthestHeard.get(answer.epoch) ?? '') <= answer.position) return;
    note('answer older than what was heard');
    const isAbout = [...heard.values()].some(
      (message) => message.epoch === answer.epoch && message.position > answer.position && covers(message, answer),
    );
    if (answer.valid && isAbout) note('answer overtaken by a message');
  };

  const network = createNetwork({
    time,
    random,
    processes,
    weather,
    inService,
    note,
    watch: {
      asked: ({ key }) => {
        tally.questions++;
        askedAt.set(key, time.now());
        insist(key === stranger || keys.some((known) => known.text === key), 'asked about what can be no key');
      },
      replied: (path, { status, body }) => {
        if (status !== 200) return;
        if (path === '/v1/verify') {
          const { keyId, position, epoch } = body as { keyId: string; position: string; epoch: string };
          const name = `${keyId}:${position}`;
          repliedAt.set(keyId, time.now());
          noteOvertaken(body as ValidKey & { epoch: string });
          epochsOf.set(name, (epochsOf.get(name) ?? new Set()).add(epoch));
        } else if (path.startsWith('/v1/revocations')) {
          const page = pageOf(body)!;
          if (path.endsWith('?limit=1')) {
            if (followed !== '' && followed !== page.epoch) note('another log followed');
            startedFrom.set(page.epoch, page.head!);
            followed = page.epoch;
            gap = null;
          } else for (const message of page.items) heard.set(`${message.epoch}:${message.position}`, message);
        }
      },
      heard: (message) => {
        tally.heard++;
        const name = `${message.epoch}:${message.position}`;
        const furthest = furthestHeard.get(message.epoch) ?? '';
        if (message.position < furthest && !heard.has(name)) note('out of order');
        if (message.position > furthest) furthestHeard.set(message.epoch, message.position);
        const position = core.status().position ?? '';
        if (message.epoch === followed && message.previous !== null && message.previous > position)
          gap = { previous: message.previous, at: time.now() };
        heard.set(name, message);
      },
    },
  });
  network.publishing(ledger.messagesAfter);

  const monotonic = time.now;
  const wall = () => wallAt(time.now(), clockOffset);
  const core = sdk.createCore(
    { cacheSize, maxSilenceMs, importedKeys: false, instance: 'one' },
    {
      monotonic,
      wall,
      random,
      after: (ms, run) => time.after(ms, () => inService(run)),
      hash: (of) => `hash of ${of}`,
      call: network.call,
      follow: feed === 'sse' ? network.followSse : network.natsFollow(sdk, monotonic, wall),
    },
  );

  // —— what must never be ——

  let failure: unknown = null;
  const covers = (message: RevocationMessage, { keyId, ownerId }: ValidKey) =>
    message.kind === 'all' || message.keyId === keyId || message.ownerId === ownerId;

  const judge = (key: Key, scopes: readonly string[], began: number, result: ValidKey | InvalidKey) => {
    const now = time.now();
    if (!result.valid) {
      tally.refused++;
      insist(
        ledger.wasSo(key, scopes, began - lagMs, now, false),
        `${key.keyId} is ${result.code}, and was good all the while`,
      );
      return;
    }
    tally.accepted++;
    insist(
      ledger.wasSo(key, scopes, now - maxSilenceMs, now, true),
      `${key.keyId} was let through for ${scopes} longer than ${maxSilenceMs} ms after it could no more`,
    );
    const epochs = epochsOf.get(`${result.keyId}:${result.position}`) ?? new Set();
    const overtaken = [...epochs].every((epoch) =>
      [...heard.values()].some(
        (message) => message.epoch === epoch && message.position > result.position && covers(message, result),
      ),
    );
    insist(
      !overtaken,
      `${time.now()} ${key.keyId} was let through as of ${result.position}, after a later message about it`,
    );
    const isOpen = gap !== null && (core.status().position ?? '') < gap.previous;
    insist(!isOpen || repliedAt.get(result.keyId)! >= gap!.at, `${key.keyId} was let through from memory, after a gap`);
    insist(now - askedAt.get(key.text)! <= 15 * 60_000, `${key.keyId} was not asked for in 15 minutes`);
    insist(core.status().cached <= cacheSize, 'it remembers more than it may');
  };

  const verify = async (key: Key, scopes: readonly string[]) => {
    const began = time.now();
    try {
      judge(key, scopes, began, await core.verify(key.text, { scopes }));
    } catch (error) {
      if ((error as Error).name !== 'VerifierUnavailable') failure ??= error;
      else tally.unavailable++;
    }
  };

  const use = () => {
    const kind = random();
    if (kind < 0.85) void verify(one(keys), random() < 0.6 ? [] : [one(allScopes)]);
    else
      core.verify(kind < 0.9 ? stranger : `${keys[0]!.text}x`).then(
        ({ valid }) => {
          if (valid) failure ??= new Error('what is no key was let through');
        },
        () => {},
      );
  };
  let endsUsing = Number.POSITIVE_INFINITY;
  const using = () => {
    if (time.now() > endsUsing) return;
    inService(use);
    // Now and then the same many times.
    if (random() < 0.1) for (const key of keys) inService(() => void verify(key, []));
    time.after(random() * 250, using);
  };
  using();

  // —— what goes wrong ——

  const somewhat = (longest: number) => random() * random() * longest;
  const append = () => {
    const key = one(keys);
    const facts: readonly Fact[] = [
      { type: 'key-ended', keyId: key.keyId },
      { type: 'scopes', keyId: key.keyId, scopes: allScopes.filter(() => random() < 0.6) },
      { type: 'scopes', keyId: key.keyId, scopes: allScopes.filter(() => random() < 0.6) },
      { type: 'switch', on: random() < 0.7 },
      { type: 'nothing' },
    ];
    // Asked about just then: what is answered and what is told are on their way at once.
    if (random() < 0.5) inService(() => void verify(key, []));
    ledger.append(random() < 0.05 ? { type: 'owner-ended', ownerId: key.ownerId } : one(facts));
  };
  const faults: readonly (() => void)[] = [
    () => {
      const process = one(processes);
      if (process.state() === 'up') note('process stopped');
      process.stop();
      time.after(somewhat(25_000), process.resume);
    },
    () => {
      const process = one(processes);
      if (process.state() !== 'down') note('process killed');
      process.kill();
      time.after(somewhat(10_000), process.start);
    },
    () => {
      for (const process of processes) process.kill();
      time.after(somewhat(10_000), () => {
        if (random() < 0.5 && time.now() < chaosMs) {
          for (const process of processes) process.kill();
          ledger.restore(upTo(6));
          note('restored from an older copy');
        } else note('server killed and started again');
        for (const process of processes) process.start();
      });
    },
    () => one(processes).stick(somewhat(15_000)),
    () => {
      weather.cutUntil = time.now() + somewhat(8_000);
    },
    () => {
      weather.stalledUntil = time.now() + somewhat(20_000);
    },
    () => {
      weather.busDownUntil = time.now() + somewhat(10_000);
      network.cutFeeds();
    },
    network.cutFeeds,
    () => {
      weather.lag = somewhat(15_000);
      time.after(somewhat(15_000), () => {
        weather.lag = 0;
      });
    },
    () => {
      standsStillUntil = Math.max(standsStillUntil, time.now() + somewhat(20_000));
      note('service stood still');
    },
    () => {
      const offset = one([0, hourMs, -hourMs, somewhat(5_000), -somewhat(5_000)]);
      if (Math.abs(offset) === hourMs) note("server's clock an hour off");
      ledger.stepServerClock(offset);
    },
    () => {
      clockOffset = one([0, hourMs, -hourMs]);
      if (clockOffset !== 0) note('own clock an hour off');
    },
    network.forge,
    network.repeat,
    network.repeat,
    () => {
      Object.assign(weather, {
        lost: one([0, 0.02, 0.2]),
        slow: one([0, 0.05, 0.3]),
        doubled: one([0, 0.2]),
        spoilt: one([0, 0.03]),
      });
    },
  ];
  const harm = () => {
    if (time.now() >= chaosMs) return;
    if (random() < 0.5) append();
    else one(faults)();
    time.after(random() * (random() < 0.3 ? 3_000 : 600), harm);
  };

  try {
    time.after(1_000, harm);
    for (let at = 0; at <= chaosMs && failure === null; at += 1_000) await time.runUntil(at);
    if (failure !== null) throw failure;

    // —— and then nothing any more ——
    Object.assign(weather, calm());
    for (const process of processes) {
      process.resume();
      process.start();
      process.stick(0);
    }
    const wellFrom = Math.max(chaosMs, standsStillUntil);
    endsUsing = wellFrom + recoveryMs - 1_000;
    await time.runUntil(wellFrom + recoveryMs);
    if (failure !== null) throw failure;
    const { state, position } = core.status();
    insist(state === 'live', `it is ${state} although all is well`);
    const newest = ledger.lastMessage(ledger.end())?.position ?? '';
    insist((position ?? '') >= newest, 'it has not heard the last message');
    const isConfirmed = acknowledged.some((told) => told.epoch === ledger.epoch() && told.position >= newest);
    insist(isConfirmed, 'it has not confirmed the last message');

    const serverNow = wallAt(time.now(), ledger.serverOffset());
    // That one has just ended may take a heartbeat to be noticed.
    for (const key of keys.filter(({ expiresAt }) => Math.abs((expiresAt ?? 0) - serverNow) > 3_000)) {
      const standing = ledger.standing(key, ledger.end());
      const works = ledger.works(key, standing, [], serverNow);
      const twice = async () => {
        let result: ValidKey | InvalidKey | undefined;
        core.verify(key.text).then(
          (given) => {
            result = given;
          },
          (error) => {
            failure = error;
          },
        );
        await time.runUntil(time.now() + 100);
        return result?.valid;
      };
      insist((await twice()) === works, `${key.keyId} is ${works ? 'good' : 'not good'}, and all is well`);
      const before = askedAt.get(key.text);
      insist((await twice()) === works, `${key.keyId} is not what it was`);
      const isPast = key.expiresAt !== null && key.expiresAt <= wall();
      if (works && !isPast)
        insist(askedAt.get(key.text) === before, `${key.keyId} is asked for although it is remembered`);
    }
    if (failure !== null) throw failure;
  } finally {
    const closed = core.close();
    await time.runUntil(time.now() + 60_000);
    await closed;
  }
  return tally;
};
