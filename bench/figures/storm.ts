import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { instant, millis } from '../../domain/instant.ts';
import { adminPassword, expectStatus, signIn } from '../../test/support/client.ts';
import type { Server } from '../../test/support/server.ts';
import type { Called, Calling, Found, Question } from '../storm/callers.ts';
import { closingAll } from '../support/closing.ts';
import { type MadeKey, startOn, writeManyKeys } from '../support/manyKeys.ts';
import { settled } from '../support/settled.ts';
import { portOf } from '../support/verifying.ts';
import type { Goal, Observation, Trial } from '../trial.ts';
import { startChild } from '../verify/child.ts';

export type StormSizes = {
  readonly owners: number;
  readonly keysEach: number;
  /** From the first event that is written to the first end, at the first try. */
  readonly aheadMs: number;
};

const full: StormSizes = { owners: 100_000, keysEach: 1, aheadMs: 80_000 };
/** Of which the callers have the last seconds to themselves. */
const quietMs = 10_000;
const tries = 4;
/** Ten times what it may take: that it takes too long is worth knowing, too. */
const patienceMs = 600_000;

export const stormOf = (sizes: StormSizes): Trial => {
  const count = (sizes.owners * sizes.keysEach).toLocaleString('en');
  return {
    name: 'storm',
    title: `${count} keys expire in one second`,
    baseline: 'the same calls in the eight seconds before the first of them ends',
    measured: `\`keyledger serve\` with ${sizes.owners.toLocaleString('en')} owners of ${sizes.keysEach} key each; 500 verifications a second of keys at random and 20 calls a second of an administrator (own profile, users, keys, a change of a user), none of which waits for another's answer; from the first end until the log has the expiry of the last key`,
    bound:
      'the rate at which the worker lets itself record expiries, one append for each owner; it leaves the rest of the one thread to those who call',
    run: async (folder, tell) => {
      for (let tried = 1, { aheadMs } = sizes; tried <= tries; tried++, aheadMs *= 2) {
        const found = await storm({ ...sizes, aheadMs }, join(folder, String(tried)), tell);
        if (found !== null) return found;
      }
      throw new Error('the lists were never filled before the keys expired');
    },
  };
};

export const stormTrial = stormOf(full);

/** @returns null where the lists were not filled in time: then nobody could know which keys end */
const storm = ({ owners, keysEach, aheadMs }: StormSizes, data: string, tell: (text: string) => void) =>
  closingAll<readonly Observation[] | null>(async (later) => {
    const firstEnd = Date.now() + aheadMs;
    const expiresAt = (n: number) => instant(firstEnd + (n % 1_000));
    const texts = owners * keysEach;
    tell('writing the log');
    const { token, keys, events } = await writeManyKeys(data, { owners, keysEach, expiresAt, texts });
    tell(`${events} events; filling the lists`);
    const server = await startOn(data);
    later(server.stop);
    if (!(await settled(server, firstEnd - quietMs - Date.now()))) return null;

    const callers = startChild('../storm/callers.ts');
    later(callers.close);
    const ask = async <Answer>(question: Question) => {
      const answer = await callers.ask<Answer | { readonly failed: string }>(question);
      if (answer instanceof Object && 'failed' in answer) throw new Error(answer.failed);
      return answer as Answer;
    };
    await ask({ start: { ...(await administrator(server)), port: portOf(server), token, keys: keys.map(withEnd) } });
    await sleep(firstEnd - Date.now());
    tell('expiring');
    const recordedAt = await allRecorded(join(data, 'log.sqlite'), events, owners * keysEach);
    tell(`recorded in ${recordedAt - firstEnd} ms`);
    const { verify, api, calls, askedAfterEnd, acceptedAfterEnd } = await ask<Found>({ until: recordedAt });
    return [
      told('keys asked for after their end', 'keys', askedAfterEnd, null, null),
      told('of them accepted', 'keys', acceptedAfterEnd, null, { atMost: 0 }),
      told('from the first end until all are recorded', 's', (recordedAt - firstEnd) / 1000, null, { atMost: 60 }),
      p99('p99 of a call of the API', api, { atMost: 200 }),
      ...Object.entries(calls).map(([name, called]) => p99(`of them: ${name}`, called, null)),
      p99('p99 of a verification', verify, { atMost: 200 }),
    ];
  });

const withEnd = ({ text, expiresAt }: MadeKey) => [text, millis(expiresAt)] as const;

const told = (what: string, unit: string, value: number, baseline: number | null, goal: Goal | null): Observation => ({
  what,
  unit,
  value,
  baseline,
  goal,
});

const p99 = (what: string, { before, meanwhile }: { before: Called; meanwhile: Called }, goal: Goal | null) =>
  told(what, 'ms', meanwhile.p99Ms, before.p99Ms, goal);

const administrator = async (server: Server): Promise<Pick<Calling, 'cookie' | 'userId'>> => {
  const email = 'admin@localhost';
  const admin = await signIn(server, email, adminPassword);
  const user = { email: 'ada@example.com', externalProvider: 'example', roles: ['member'] };
  const userId = expectStatus(await admin.post('/v1/admin/users', user), 201).body.id as string;
  const { headers } = expectStatus(await admin.post('/v1/session', { email, password: adminPassword }), 200);
  const cookie = headers.getSetCookie().map((set) => set.slice(0, set.indexOf(';')));
  return { cookie: cookie.join('; '), userId };
};

const everyMs = 100;

/** @returns when the log had that many expiries after its first `events` */
const allRecorded = async (log: string, events: number, keys: number): Promise<number> => {
  const db = new DatabaseSync(log, { readOnly: true, timeout: 5_000 });
  const sum = db.prepare("SELECT count(*) AS count FROM events WHERE seq > ? AND seq <= ? AND type = 'ApiKeyExpired'");
  const last = db.prepare('SELECT max(seq) AS seq FROM events');
  try {
    const until = Date.now() + patienceMs;
    let found = 0;
    for (let from = events; ; await sleep(everyMs)) {
      const to = last.get()!.seq as number;
      found += sum.get(from, to)!.count as number;
      from = to;
      if (found >= keys) return Date.now();
      if (Date.now() > until) throw new Error(`${found} of ${keys} expiries were recorded`);
    }
  } finally {
    db.close();
  }
};
