import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StoredEvent } from '../../commands/ports/eventStore.ts';
import { keyringStream } from '../../domain/keyring.ts';
import type { Bench, Figure, Sample } from '../figure.ts';
import { creatingRound } from '../support/creating.ts';
import { openInstallation } from '../support/installation.ts';
import { createKeys, registerMembers } from '../support/people.ts';

const owners = 64;
const roundMs = 1_200;

export const commandsFigure: Figure = {
  name: 'commands',
  title: 'API keys made and acknowledged',
  unit: 'commands/s',
  goal: 3,
  rounds: 9,
  baseline:
    'single inserts of rows of that size, each with its fsync: bare SQLite, WAL, synchronous=FULL, one connection',
  product: `CreateApiKey through the command handler over the SQLite stores, ${owners} in flight over ${owners} owners, each durable and in the verification index before it is answered`,
  bound:
    'the disk in the baseline, the one thread that decides, encrypts and folds in the product, at about a tenth of a millisecond for a command: the slower a disk is, the more a shared fsync gains; on one whose fsync takes no longer than that, nothing',
  open: async (folder) => {
    const installation = await openInstallation(folder);
    const create = createKeys(installation);
    const [first] = await registerMembers(installation, 1);
    await create(first!);
    const { events } = await installation.store.readStream(keyringStream(first!), 0, 1);
    const bare = bareInserts(join(folder, 'bare.sqlite'), events[0]!);
    return {
      baseline: bare.round,
      product: () => creatingRound(installation, create, owners, roundMs),
      close: async () => {
        bare.close();
        await installation.close();
      },
    } satisfies Bench;
  },
};

const bareInserts = (file: string, like: StoredEvent) => {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec(
    'CREATE TABLE rows (seq INTEGER PRIMARY KEY, stream TEXT, revision INTEGER, id TEXT, type TEXT, data TEXT, sealed TEXT, metadata TEXT)',
  );
  const insert = db.prepare(
    'INSERT INTO rows (stream, revision, id, type, data, sealed, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const { stream, id, type } = like;
  const texts = [like.data, like.sealed ?? null, like.metadata].map((part) => JSON.stringify(part));
  return {
    round: async (): Promise<Sample> => {
      let inserted = 0;
      const began = performance.now();
      while (performance.now() - began < roundMs) {
        insert.run(stream, inserted, id, type, ...texts);
        inserted += 1;
      }
      return { rate: (inserted * 1000) / (performance.now() - began) };
    },
    close: () => db.close(),
  };
};
