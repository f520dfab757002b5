import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { LogRecord } from './record.ts';

/** A log that outlives its process: one line for every append, all of it or nothing. */
export type Journal = {
  readonly read: () => readonly LogRecord[];
  readonly write: (records: readonly LogRecord[]) => void;
};

export const journalIn = (file: string): Journal => ({
  read: () => {
    if (!existsSync(file)) return [];
    // What follows the last line break is an append that was cut short.
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => (JSON.parse(line) as Line[]).map(fromLine));
  },
  write: (records) => appendFileSync(file, `${JSON.stringify(records.map(toLine))}\n`),
});

type Line = Omit<LogRecord, 'data' | 'metadata'> & { readonly data: string; readonly metadata: string };

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

const toLine = (record: LogRecord): Line => ({
  ...record,
  data: base64(record.data),
  metadata: base64(record.metadata),
});

const fromLine = (line: Line): LogRecord => ({
  ...line,
  data: Buffer.from(line.data, 'base64'),
  metadata: Buffer.from(line.metadata, 'base64'),
});
