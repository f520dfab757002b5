import type { Serializable } from 'node:child_process';
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A program of this folder in a process of its own, which ends when this one lets go of it. */
export type Child = {
  readonly pid: number;
  readonly ask: <Answer>(question: Serializable) => Promise<Answer>;
  readonly close: () => Promise<void>;
};

export const startChild = (file: string): Child => {
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid!,
    ask: async <Answer>(question: Serializable) => {
      const answer = new Promise<Answer>((resolve) => child.once('message', (message) => resolve(message as Answer)));
      child.send(question);
      const first = await Promise.race([answer, ended]);
      if (first === undefined) throw new Error(`${file} ended without an answer`);
      return first;
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
};

/** Linux counts in hundredths of a second. */
const ticksPerSecond = 100;

/** Seconds of processor time that a process has used, all its threads together; null where this system does not tell. */
export const cpuSecondsOf = (pid: number): number | null => {
  if (process.platform !== 'linux') return null;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name, which is in brackets and may hold anything: utime and stime are fields 14 and 15 of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
