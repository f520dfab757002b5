import { DatabaseSync } from 'node:sqlite';

export type LoggedEvent = {
  readonly seq: number;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
};

/** Everything in the log of a data folder, also while its server runs; nothing is decrypted. */
export const eventsIn = (file: string): readonly LoggedEvent[] =>
  reading(file, 'SELECT seq, stream, revision, type FROM events ORDER BY seq');

/** What the vault keeps about the installation; null before there is anything. */
export const installationStateIn = (file: string): string | null => {
  const [row] = reading<{ value: string }>(file, "SELECT value FROM rows WHERE kind = 'installation'");
  return row === undefined ? null : (JSON.parse(row.value) as { state: string }).state;
};

const reading = <Row>(file: string, sql: string): readonly Row[] => {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return db.prepare(sql).all() as unknown as Row[];
  } finally {
    db.close();
  }
};
