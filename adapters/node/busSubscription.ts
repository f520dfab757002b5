import type { BusEvent } from '../../commands/ports/bus.ts';

/** What one subscriber may be behind; beyond it, its subscription ends. */
export const defaultBacklog = 10_000;

export type BusSubscription = {
  readonly events: AsyncIterable<BusEvent>;
  /** @returns whether there was room */
  readonly offer: (event: BusEvent) => boolean;
  /** No more will come; what waits is still given. */
  readonly end: () => void;
};

/**
 * What waits for one subscriber of a bus, from the call on. One whose reader falls more than `backlog` events behind gives
 * what it still holds, without a gap, and then ends although its signal has not fired: whoever reads on asks for the rest
 * elsewhere. Of heartbeats that wait one behind the other only the newest is given.
 *
 * @param leave called when nothing more is wanted
 */
export const busSubscription = (backlog: number, signal: AbortSignal, leave: () => void): BusSubscription => {
  let waiting: BusEvent[] = [];
  // How many of them were given: an array is not shifted once for every event of a long backlog.
  let given = 0;
  let ended = false;
  let wake: (() => void) | null = null;

  const wakeUp = () => {
    wake?.();
    wake = null;
  };
  const abort = () => {
    leave();
    wakeUp();
  };
  const end = () => {
    ended = true;
    wakeUp();
  };
  const offer = (event: BusEvent): boolean => {
    if (event.kind === 'heartbeat' && given < waiting.length && waiting.at(-1)?.kind === 'heartbeat') waiting.pop();
    if (waiting.length - given >= backlog) {
      end();
      return false;
    }
    if (given > 1_000 && given > waiting.length / 2) {
      waiting = waiting.slice(given);
      given = 0;
    }
    waiting.push(event);
    wakeUp();
    return true;
  };
  async function* events(): AsyncGenerator<BusEvent, void, undefined> {
    try {
      while (!signal.aborted) {
        if (given < waiting.length) yield waiting[given++]!;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      leave();
      signal.removeEventListener('abort', abort);
    }
  }

  // Before the first reading nobody runs the generator's `finally`: the signal alone ends the subscription then.
  signal.addEventListener('abort', abort, { once: true });
  return { events: events(), offer, end };
};
