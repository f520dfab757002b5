import { excludeSystemEvents, START, streamNameFilter } from '@eventstore/db-client';
import type { Position } from '../../commands/ports/eventStore.ts';
import { createWaiters } from '../node/waiters.ts';
import { abandoning } from './abandon.ts';
import type { Connection } from './connection.ts';
import type { StreamNames } from './names.ts';
import { isLogPosition, logPositionOf, positionOf } from './positions.ts';
import { over, pauseAfter, type Time } from './timing.ts';

/** Says that something may stand after a position, and nothing else: what stands there is read. */
export type WakeUps = {
  readonly wait: (after: Position | null, signal: AbortSignal) => Promise<void>;
  /** Something of ours stands here. */
  readonly seen: (position: Position) => void;
  readonly end: () => Promise<void>;
};

/** A wait ends after this at the latest: a subscription that is alive and says nothing must not stop anybody for ever. */
const longestWaitMs = 15_000;
/** For a subscription to be confirmed. */
const confirmMs = 5_000;
/** After so many events in a row that were known, the subscription begins again at what is known. */
const longestLag = 1_000;

/** One subscription for all who wait, from the first of them on. It is opened again whenever it is lost. */
export const createWakeUps = (connection: Connection, names: StreamNames, time: Time): WakeUps => {
  const waiters = createWaiters();
  let waits = 0;
  /** Where the subscription rests until somebody waits. */
  const listeners = createWaiters();
  const ended = new AbortController();
  let newest: Position | null = null;
  let following: Promise<void> | null = null;

  const seen = (position: Position) => {
    if (newest !== null && position <= newest) return;
    newest = position;
    waiters.wake();
  };

  /** @returns whether it was ever confirmed */
  const subscribe = async (): Promise<boolean> => {
    const client = connection.client();
    const from = newest === null ? null : logPositionOf(newest);
    const subscription = client.subscribeToAll({ fromPosition: from ?? START, filter: filterFor(names) });
    const abandon = abandoning(subscription);
    const confirmed = new AbortController();
    const stop = () => subscription.destroy();
    ended.signal.addEventListener('abort', stop);
    subscription.on('confirmation', () => confirmed.abort(over));
    const late = time.sleep(confirmMs, confirmed.signal).then(() => {
      if (confirmed.signal.aborted) return;
      connection.silent(client);
      subscription.destroy();
    });
    let wasConfirmed = false;
    try {
      let known = 0;
      for await (const { event } of subscription) {
        if (!isLogPosition(event?.position)) continue;
        const position = positionOf(event.position);
        known = newest !== null && position <= newest ? known + 1 : 0;
        if (known > longestLag) break;
        seen(position);
        // What this process appends wakes everybody as it is answered. As long as that goes on, the server keeps its own
        // word to itself: to hear it costs as much as a fifth of a command.
        if (known > 0 && waits === 0) await listeners.wait(ended.signal);
      }
    } catch (error) {
      connection.failed(client, error);
    } finally {
      wasConfirmed = confirmed.signal.aborted;
      confirmed.abort(over);
      await late;
      ended.signal.removeEventListener('abort', stop);
      abandon();
    }
    return wasConfirmed;
  };

  const follow = async (): Promise<void> => {
    for (let failures = 1; !ended.signal.aborted; failures += 1) {
      if (await subscribe()) failures = 1;
      await time.sleep(pauseAfter(failures), ended.signal);
    }
  };

  return {
    wait: async (after, signal) => {
      // Where it starts, nothing between what the first reader read and what it tells is left out.
      if (after !== null) seen(after);
      if (signal.aborted || ended.signal.aborted || (newest !== null && (after === null || newest > after))) return;
      following ??= follow();
      waits += 1;
      listeners.wake();
      const resting = new AbortController();
      const end = () => resting.abort(over);
      signal.addEventListener('abort', end);
      const longest = time.sleep(longestWaitMs, resting.signal).then(end);
      await waiters.wait(resting.signal);
      signal.removeEventListener('abort', end);
      waits -= 1;
      end();
      await longest;
    },
    seen,
    end: async () => {
      ended.abort();
      waiters.wake();
      await following;
    },
  };
};

const filterFor = ({ prefix }: StreamNames) =>
  prefix === '' ? excludeSystemEvents() : streamNameFilter({ prefixes: [prefix] });
