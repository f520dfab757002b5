import type { AppendResult, EventStore, ExpectedRevision } from '../../commands/ports/eventStore.ts';
import { encodeAppend } from '../node/storedEvents.ts';
import type { WireEvent } from './batchAppends.ts';
import type { Connection } from './connection.ts';
import { accessDenied, asFailure, isAccessDenied, unavailable } from './errors.ts';
import { toWire, wireSize } from './events.ts';
import type { StreamNames } from './names.ts';
import { positionOf } from './positions.ts';
import type { Reads } from './reads.ts';
import { type Patience, pauseAfter, type Time } from './timing.ts';

/** Bytes that the server takes in one append. */
export const maxAppendBytes = 1024 * 1024;

type Parts = {
  readonly connection: Connection;
  readonly reads: Reads;
  readonly names: StreamNames;
  readonly time: Time;
  readonly patience: Patience;
  readonly isClosing: () => boolean;
};

/** What is to stand in a stream, and behind which revision. */
type Wanted = {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly ids: readonly string[];
  readonly events: readonly WireEvent[];
};

type Outcome =
  | { readonly result: AppendResult }
  /** Nothing was written, and trying again would not help. */
  | { readonly refused: Error }
  /** Nobody knows. */
  | { readonly open: unknown };

/** An append that goes on until its outcome is known: the same ids at the same revision are written once. */
export const patientAppends = ({
  connection,
  reads,
  names,
  time,
  patience,
  isClosing,
}: Parts): EventStore['append'] => {
  /** The answer that the first try would have had, where exactly these events stand behind the expected revision. */
  const standing = async ({ stream, expected, ids }: Wanted): Promise<AppendResult | null> => {
    for (let found = 0; ; ) {
      const { events, end } = await reads.readStream(stream, firstOf(expected) + found, ids.length - found);
      for (const { id } of events) {
        if (id !== ids[found]) return null;
        found += 1;
      }
      const last = events.at(-1);
      if (last !== undefined && found === ids.length)
        return { appended: true, revision: last.revision, position: last.position };
      if (end || last === undefined) return null;
    }
  };

  /** @param again an earlier try may have been written */
  const tryOnce = async (wanted: Wanted, again: boolean): Promise<Outcome> => {
    const { stream, expected, ids, events } = wanted;
    const answer = await connection.append({ name: names.nameOf(stream), expected, events });
    switch (answer.result) {
      case 'appended': {
        const { revision, position } = answer;
        // A stream that was deleted goes on where it ended: it is not the one that the command was decided on.
        if (revision !== firstOf(expected) + ids.length - 1)
          return { refused: unavailable('a stream of ours was deleted by somebody else') };
        if (position !== null) return { result: { appended: true, revision, position: positionOf(position) } };
        const found = await standing(wanted);
        return found === null ? { open: unavailable('it does not show what it has appended') } : { result: found };
      }
      case 'wrong-version': {
        // On a first try the server has looked for these ids at this revision, and they are not there.
        const found = again ? await standing(wanted) : null;
        return { result: found ?? { appended: false, actual: answer.actual } };
      }
      case 'too-large':
        return { refused: new TypeError('the server takes no append of this size') };
      case 'deleted':
        return { refused: unavailable('a stream of ours was deleted for ever by somebody else') };
      case 'denied':
        return { refused: accessDenied() };
      case 'open':
        return { open: unavailable(answer.why) };
    }
  };

  return async (stream, expected, given) => {
    // An id that is no UUID would end the process in the client: encoding refuses it.
    const events = encodeAppend(stream, expected, given).map(toWire);
    if (wireSize(events) > maxAppendBytes) throw new TypeError(`an append has at most ${maxAppendBytes} bytes`);
    const wanted = { stream, expected, ids: events.map(({ id }) => id), events };
    const until = time.monotonic() + patience.append;
    for (let failures = 1; ; failures += 1) {
      const outcome = await tryOnce(wanted, failures > 1).catch(
        (error: unknown): Outcome => (isAccessDenied(error) ? { refused: asFailure(error) } : { open: error }),
      );
      if ('result' in outcome) return outcome.result;
      if ('refused' in outcome) throw outcome.refused;
      const pause = pauseAfter(failures);
      if (isClosing() || time.monotonic() + pause > until) {
        const found = await standing(wanted).catch(() => null);
        if (found !== null) return found;
        throw asFailure(outcome.open);
      }
      await time.sleep(pause);
    }
  };
};

const firstOf = (expected: ExpectedRevision): number => (expected === 'no-stream' ? 0 : expected + 1);
