import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { apiKeysList } from '../../projections/lists/apiKeys.ts';
import { auditEventsList } from '../../projections/lists/auditEvents.ts';
import { usersList } from '../../projections/lists/users.ts';
import { createProjector } from '../../workers/projector.ts';
import type { Figure, Sample } from '../figure.ts';
import { writeHistory } from '../support/history.ts';
import { clock, type Installation, openInstallation, scheduler, withoutCaches } from '../support/installation.ts';
import { page, scan } from '../support/scan.ts';

const leastEvents = 100_000;
const projections = [usersList, apiKeysList, auditEventsList];

export const rebuildFigure: Figure = {
  name: 'rebuild',
  title: 'lists filled from the log',
  unit: 'events/s',
  goal: 0.25,
  rounds: 5,
  baseline: `a bare scan of the log through the event store's port, ${page} events at a time`,
  product: `users, keys and audit events filled from an empty file to the end of the same log of over ${leastEvents} events, decrypted, indexed and answering`,
  bound:
    'the one thread that writes the lists: rows, indexes and commits in SQLite are nearly all of its time, and commits more than a third, as each page reaches the disk twice; a scan writes nothing; reading, decrypting and folding go on beside it and take two thirds as long',
  open: async (folder) => {
    const installation = await openInstallation(folder);
    const written = await writeHistory(installation, leastEvents);
    const events = await scan(installation.store);
    if (events < Math.max(written, leastEvents)) throw new Error(`the log has ${events} events`);
    return {
      baseline: async () => timed(events, () => scan(installation.store)),
      product: () => rebuild(installation, join(folder, 'rebuilt.sqlite'), events),
      close: installation.close,
    };
  },
};

const timed = async (events: number, work: () => Promise<unknown>): Promise<Sample> => {
  const began = performance.now();
  await work();
  return { rate: (events * 1000) / (performance.now() - began), more: { events } };
};

const rebuild = async (installation: Installation, file: string, events: number): Promise<Sample> => {
  const lists = await openLists({ file });
  const { codec } = withoutCaches(installation);
  const projector = createProjector({
    store: installation.store,
    lists,
    codec,
    projections,
    clock,
    scheduler,
    log: { info: () => {}, warn: fail, error: fail },
  });
  try {
    const sample = await timed(events, projector.catchUp);
    const builds = await lists.builds();
    if (builds.length !== projections.length || !builds.every(({ complete }) => complete))
      throw new Error('a list was not filled');
    for (const { id } of builds) if ((await lists.parked(id)).length > 0) throw new Error('a stream was parked');
    return sample;
  } finally {
    await lists.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  }
};

const fail = (fields: object, message: string) => {
  throw new Error(message, { cause: fields });
};
