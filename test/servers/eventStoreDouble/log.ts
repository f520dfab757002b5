import { createWaiters, type Waiters } from '../../../adapters/node/waiters.ts';
import type { Journal } from './journal.ts';
import type { LogRecord, Proposed } from './record.ts';

/** -1: no stream. */
export type Expected = number | 'any' | 'exists';

export type Appended =
  /** `repeated`: it stood there already, and nothing was written. */
  | { readonly result: 'appended'; readonly revision: number; readonly position: number; readonly repeated: boolean }
  | { readonly result: 'wrong-version'; readonly current: number }
  | { readonly result: 'deleted' };

export type Log = {
  readonly records: readonly LogRecord[];
  /** The place in `records` of the record that starts at a position, or null. */
  readonly indexOf: (position: number) => number | null;
  /** What can be read of a stream; null: there is nothing to be found. */
  readonly stream: (name: string) => readonly LogRecord[] | 'deleted' | null;
  readonly append: (stream: string, expected: Expected, events: readonly Proposed[]) => Appended;
  /** `for-ever`: a tombstone. Otherwise the stream reads as not found and goes on behind its old end. */
  readonly remove: (stream: string, forEver: boolean) => void;
  /** Woken whenever something was written. */
  readonly waiters: Waiters;
};

type Stream = { readonly records: LogRecord[]; truncateBefore: number; tombstoned: boolean };

const text = new TextEncoder();
/** What the server writes for a stream that was deleted and may begin again: the largest revision there is. */
const removed = 2 ** 63;
const metadataOf = (stream: string) => `$$${stream}`;

/** What a server keeps: one log, positions with gaps, system events among the others. */
export const createLog = (now: () => number, journal: Journal | null): Log => {
  const records: LogRecord[] = [];
  const places = new Map<number, number>();
  const streams = new Map<string, Stream>();
  const waiters = createWaiters();
  let end = 0;

  const streamOf = (name: string): Stream => {
    let found = streams.get(name);
    if (found === undefined) {
      found = { records: [], truncateBefore: 0, tombstoned: false };
      streams.set(name, found);
    }
    return found;
  };

  const take = (record: LogRecord): void => {
    places.set(record.position, records.length);
    records.push(record);
    end = record.position + 80 + record.stream.length + record.data.length + record.metadata.length;
    if (record.type === '$streamDeleted') streamOf(record.stream).tombstoned = true;
    else streamOf(record.stream).records.push(record);
    if (record.type !== '$metadata') return;
    const { $tb } = JSON.parse(Buffer.from(record.data).toString()) as { $tb?: number };
    streamOf(record.stream.slice(2)).truncateBefore = $tb ?? 0;
  };

  const write = (stream: string, events: readonly Proposed[]): void => {
    const created = now();
    const written: LogRecord[] = [];
    for (const event of events) {
      const record = { ...event, stream, revision: streamOf(stream).records.length, position: end, created };
      take(record);
      written.push(record);
    }
    journal?.write(written);
    waiters.wake();
  };

  const writeSystem = (stream: string, type: string, data: unknown): void =>
    write(stream, [
      {
        id: crypto.randomUUID(),
        type,
        contentType: 'application/json',
        data: text.encode(JSON.stringify(data)),
        metadata: new Uint8Array(),
      },
    ]);

  const isRemoved = (stream: Stream) => stream.truncateBefore === removed;

  const repeats = (stream: Stream, from: number, events: readonly Proposed[]): number => {
    const differs = events.findIndex(({ id }, index) => stream.records[from + index]?.id !== id);
    return differs < 0 ? events.length : differs;
  };

  const decide = (stream: Stream, expected: Expected, events: readonly Proposed[]): Appended | 'write' => {
    const current = stream.records.length - 1;
    if (stream.tombstoned) return { result: 'deleted' };
    const wrong = { result: 'wrong-version', current } as const;
    const repeated = (last: number): Appended => ({
      result: 'appended',
      revision: last,
      position: stream.records[last]!.position,
      repeated: true,
    });
    if (typeof expected === 'string') {
      if (expected === 'exists' && (current < 0 || isRemoved(stream))) return wrong;
      const first = stream.records.findIndex(({ id }) => id === events[0]?.id);
      if (first < 0) return 'write';
      return repeats(stream, first, events) === events.length ? repeated(first + events.length - 1) : wrong;
    }
    if (expected === current) return 'write';
    if (expected > current) return wrong;
    const same = repeats(stream, expected + 1, events);
    if (same === events.length && same > 0) return repeated(expected + same);
    if (same === 0 && expected === -1 && isRemoved(stream)) return 'write';
    return wrong;
  };

  for (const record of journal?.read() ?? []) take(record);
  if (records.length === 0) writeSystem('$stats-double', '$statsCollected', { 'proc-cpu': 0 });

  return {
    records,
    indexOf: (position) => places.get(position) ?? null,
    stream: (name) => {
      const stream = streams.get(name);
      if (stream === undefined) return null;
      if (stream.tombstoned) return 'deleted';
      const kept = stream.truncateBefore === 0 ? stream.records : stream.records.slice(stream.truncateBefore);
      return kept.length === 0 ? null : kept;
    },
    append: (name, expected, events) => {
      const stream = streamOf(name);
      const decision = decide(stream, expected, events);
      if (decision !== 'write') return decision;
      const goesOn = isRemoved(stream) ? stream.records.length : null;
      write(name, events);
      const last = stream.records.at(-1);
      if (goesOn !== null) writeSystem(metadataOf(name), '$metadata', { $tb: goesOn });
      return {
        result: 'appended',
        revision: last?.revision ?? -1,
        position: last?.position ?? 0,
        repeated: false,
      };
    },
    remove: (name, forEver) =>
      forEver ? writeSystem(name, '$streamDeleted', {}) : writeSystem(metadataOf(name), '$metadata', { $tb: removed }),
    waiters,
  };
};
