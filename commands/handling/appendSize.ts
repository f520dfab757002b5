import { toUtf8 } from '../sealing/encoding.ts';

/** EventStoreDB takes at most 1 MiB in one append; what of it the events of one may take, with what stands around them. */
const appendBytes = 900_000;

/** Of an event whatever it says: ids, times, and who asked from where, sealed, at its longest. */
export const envelopeBytes = 2_600;

/** What a text takes in an event at most: as JSON, sealed, and that as base64. */
export const textBytes = (text: string | null): number =>
  text === null ? 0 : Math.ceil((toUtf8(JSON.stringify(text)).length * 4) / 3);

/** Of all user agents in one append, in characters: each event names it. */
const agentsPerAppend = 128 * 1024;

/** The browser, as far as there is room for it in so many events: a decision is one append however much it ends. */
export const agentWithin = (userAgent: string | null, events: number): string | null =>
  userAgent?.slice(0, Math.floor(agentsPerAppend / events)) ?? null;

/**
 * Cut into runs that fit into one append each. By what is known before anything is decided, so that a run that takes over
 * cuts in the same places.
 * @param bytesOf what one takes at most; one alone that takes more is a run of its own
 */
export const cutToFit = <T>(items: readonly T[], bytesOf: (item: T) => number): readonly (readonly T[])[] => {
  const runs: T[][] = [];
  let left = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    if (runs.length === 0 || bytes > left) {
      runs.push([]);
      left = appendBytes;
    }
    runs.at(-1)!.push(item);
    left -= bytes;
  }
  return runs;
};
