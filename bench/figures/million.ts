import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { instant, plusDays } from '../../domain/instant.ts';
import type { Server } from '../../test/support/server.ts';
import { alternate, type Pair } from '../rounds.ts';
import { closingAll } from '../support/closing.ts';
import { compared } from '../support/comparison.ts';
import { clock } from '../support/installation.ts';
import { startOn, writeManyKeys } from '../support/manyKeys.ts';
import { ready, settled } from '../support/settled.ts';
import { portOf, startLoad } from '../support/verifying.ts';
import type { Observation, Trial } from '../trial.ts';
import { startChild } from '../verify/child.ts';
import { verifyCall } from '../verify/requests.ts';

export type MillionSizes = {
  readonly owners: number;
  readonly keysEach: number;
  readonly fewKeys: number;
  /** Of the many. */
  readonly askedFor: number;
  readonly startRounds: number;
  readonly verifyRounds: number;
  readonly roundMs: number;
};

const connections = 32;
/** Filling the lists takes most of it. */
const patienceMs = 20 * 60_000;
const keysEachOfFew = 10;

const full: MillionSizes = {
  owners: 100_000,
  keysEach: 10,
  fewKeys: 1_000,
  askedFor: 100_000,
  startRounds: 3,
  verifyRounds: 9,
  roundMs: 1_500,
};

const inWords = (count: number) => count.toLocaleString('en');

export const millionOf = (sizes: MillionSizes): Trial => {
  const many = inWords(sizes.owners * sizes.keysEach);
  return {
    name: 'million',
    title: `an installation with ${many} keys`,
    baseline: `the same program with ${inWords(sizes.fewKeys)} keys; of the start without a snapshot a process that reads that log through the event store's port, and no more`,
    measured: `\`keyledger serve\` on a log with ${inWords(sizes.owners)} members of ${sizes.keysEach} keys, its lists filled: from its start to ready (\`/readyz\`), with the index's snapshot and without; then verifying, ${connections} connections, ${inWords(sizes.askedFor)} different keys one after the other; what it has in memory after that`,
    bound:
      'with a snapshot loading the program and taking over the snapshot; without it reading, parsing and folding every event, in one thread; the rate is that of memory, of which each question of another key touches other pieces',
    run: (folder, tell) => run(sizes, folder, tell),
  };
};

export const millionTrial = millionOf(full);

const run = (sizes: MillionSizes, folder: string, tell: (text: string) => void) =>
  closingAll<readonly Observation[]>(async (later) => {
    const { fewKeys, owners, keysEach, askedFor } = sizes;
    const end = plusDays(instant(clock.now()), 90);
    const expiresAt = () => end;
    const [fewFolder, manyFolder] = [join(folder, 'few'), join(folder, 'many')];
    const fewOwners = Math.ceil(fewKeys / keysEachOfFew);
    const few = await writeManyKeys(fewFolder, {
      owners: fewOwners,
      keysEach: keysEachOfFew,
      expiresAt,
      texts: fewKeys,
    });
    const began = performance.now();
    tell('writing the log');
    const many = await writeManyKeys(manyFolder, { owners, keysEach, expiresAt, texts: askedFor });
    tell(`${many.events} events in ${seconds(began)} s; filling the lists`);
    const filling = performance.now();
    for (const data of [fewFolder, manyFolder]) await onceSettled(data);
    tell(`filled in ${seconds(filling)} s`);

    const scanning = startChild('../million/scan.ts');
    later(scanning.close);
    const scanRate = async () => {
      const { events, ms } = await scanning.ask<{ events: number; ms: number }>(join(manyFolder, 'log.sqlite'));
      return { rate: (events * 1000) / ms };
    };
    const starts = await alternate(
      { baseline: () => startTime(fewFolder), product: () => startTime(manyFolder) },
      sizes.startRounds,
      (text) => tell(`start with a snapshot: ${text}`),
    );
    const without = async () => {
      await removeSnapshot(manyFolder);
      const sample = await startTime(manyFolder);
      return { ...sample, rate: many.events * sample.rate };
    };
    const cold = await alternate({ baseline: scanRate, product: without }, sizes.startRounds, (text) =>
      tell(`start without a snapshot: ${text}`),
    );

    const fewServer = await startOn(fewFolder);
    later(fewServer.stop);
    const manyServer = await startOn(manyFolder);
    later(manyServer.stop);
    await Promise.all([ready(fewServer), ready(manyServer)]);
    const onFew = await loadOn(fewServer, few);
    later(onFew.close);
    const onMany = await loadOn(manyServer, many);
    later(onMany.close);
    const rates = await alternate(
      {
        baseline: () => onFew.round(connections, sizes.roundMs),
        product: () => onMany.round(connections, sizes.roundMs),
      },
      sizes.verifyRounds,
      (text) => tell(`verifying: ${text}`),
    );
    return [
      ...memoryOf(fewServer, manyServer),
      compared('verifications', 'requests/s', rates, ({ rate }) => rate, { atLeast: 0.7, ofBaseline: true }),
      compared('start with a snapshot', 'ms', starts, ({ more }) => more!.ms!, { atMost: 2_000 }),
      ...startWithout(cold),
    ];
  });

const loadOn = (server: Server, { token, keys }: Awaited<ReturnType<typeof writeManyKeys>>) =>
  startLoad(verifyCall, { port: portOf(server), pid: server.pid, token, keys: keys.map(({ text }) => text) });

const startWithout = (cold: readonly Pair[]): readonly Observation[] => [
  compared('start without a snapshot', 'events/s', cold, ({ rate }) => rate, { atLeast: 1, ofBaseline: true }),
];

const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(0);

/** Its lists are filled, every worker has looked at the whole log, and it leaves a snapshot of its index. */
const onceSettled = async (data: string) => {
  const server = await startOn(data);
  try {
    if (!(await settled(server, patienceMs))) throw new Error('the lists were not filled, or the server does not rest');
  } finally {
    await server.stop();
  }
};

/** From the start of the process to ready. */
const startTime = async (data: string) => {
  const began = performance.now();
  const server = await startOn(data);
  try {
    await ready(server);
    const ms = performance.now() - began;
    return { rate: 1000 / ms, more: { ms } };
  } finally {
    await server.stop();
  }
};

const removeSnapshot = async (data: string) => {
  const lists = await openLists({ file: join(data, 'lists.sqlite') });
  await lists.removeBlobs('index/');
  await lists.close();
};

const memoryOf = (few: Server, many: Server): readonly Observation[] => {
  const [baseline, value] = [residentMb(few.pid), residentMb(many.pid)];
  if (baseline === null || value === null) return [];
  return [{ what: 'resident memory', unit: 'MB', value, baseline, goal: { atMost: 400 } }];
};

/** In millions of bytes; null where this system does not tell. */
const residentMb = (pid: number): number | null => {
  if (process.platform !== 'linux') return null;
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return kibibytes === undefined ? null : (Number(kibibytes) * 1024) / 1e6;
};
