import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { openEventStore } from '../../../adapters/sqlite/eventStore.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { readOn } from '../events.ts';
import type { Told } from './fixtures/appender.ts';

const killed = suite('a log whose process is killed');

const appender = fileURLToPath(new URL('./fixtures/appender.ts', import.meta.url));

/** Runs 16 writers in a process of their own, and kills it at the n-th answer. @returns everything it told */
const killAt = async (file: string, answers: number): Promise<Told[]> => {
  const child = fork(appender, [file], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const exited = once(child, 'exit');
  const told: Told[] = [];
  let left = answers;
  child.on('message', (message: Told) => {
    told.push(message);
    if (message.told === 'answered' && --left === 0) child.kill('SIGKILL');
  });
  const [, signal] = (await exited) as [number | null, string | null];
  assert.is(signal, 'SIGKILL');
  return told;
};

killed('holds every answered append once, without gaps, and takes repeats of the others', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'events.sqlite');
  const told: Told[] = [];
  for (const answers of [1, 40, 200, 333]) told.push(...(await killAt(file, answers)));

  const store = await openEventStore({ file });
  const log = await readOn(store, null);
  const byId = new Map(log.map((one) => [one.id, one]));
  assert.is(byId.size, log.length, 'no event is there twice');
  assert.equal(
    log.map(({ position }) => Number.parseInt(position, 16)),
    log.map((_, n) => n + 1),
  );
  const next = new Map<string, number>();
  for (const { stream, revision } of log) {
    assert.is(revision, next.get(stream) ?? 0);
    next.set(stream, revision + 1);
  }

  let answered = 0;
  for (const one of told) {
    if (one.told !== 'answered') continue;
    answered += 1;
    const events = one.ids.map((id) => byId.get(id));
    assert.is(events.at(-1)?.position, one.position);
    assert.is(events.at(-1)?.revision, one.revision);
    assert.not.ok(events.includes(undefined));
  }
  assert.ok(answered >= 574);

  for (const one of told) {
    if (one.told !== 'asked') continue;
    const there = one.events.filter(({ id }) => byId.has(id)).length;
    assert.ok(there === 0 || there === one.events.length, 'all of an append or nothing');
    const again = await store.append(one.stream, one.expected, one.events);
    assert.is(again.appended, true);
    if (there > 0 && again.appended) assert.is(again.position, byId.get(one.events.at(-1)!.id)!.position);
  }
  const asked = told.flatMap((one) => (one.told === 'asked' ? one.events : []));
  const after = await readOn(store, null);
  assert.is(new Set(after.map(({ id }) => id)).size, after.length);
  assert.ok(after.length >= asked.length);

  await store.close();
  rmSync(folder, { recursive: true });
});

killed.run();
