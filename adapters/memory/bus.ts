import { Failure } from '../../commands/failure.ts';
import type { Bus, BusEvent, Heartbeat } from '../../commands/ports/bus.ts';
import type { Position } from '../../commands/ports/eventStore.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';

/** What one subscriber may be behind; beyond it, its subscription ends. */
const defaultBacklog = 10_000;

/**
 * The bus of a single process. A subscription starts with the call, not with the first reading. One whose reader falls
 * more than `backlog` events behind gives what it still holds, without a gap, and then ends although its signal has not
 * fired: whoever reads on asks for the rest elsewhere. So it does when the bus closes. Of heartbeats that wait one behind
 * the other only the newest is given.
 */
export const createMemoryBus = (backlog = defaultBacklog): Bus => {
  const subscriptions = new Set<Subscription>();
  let last: { readonly epoch: string; readonly position: Position } | null = null;
  let closed = false;

  const open = () => {
    if (closed) throw new Failure('bus-unavailable', 'The bus is closed.');
  };
  const tell = (event: BusEvent) => {
    for (const subscription of subscriptions) {
      if (!subscription.offer(event)) subscriptions.delete(subscription);
    }
  };

  return {
    last: async () => {
      open();
      return last;
    },
    publish: async (messages: readonly RevocationMessage[], after: Position | null) => {
      open();
      if (messages.length === 0) return;
      // A message of another log is none: the first of a new one comes after nothing.
      const stands = last !== null && last.epoch === messages[0]!.epoch ? last.position : null;
      if (stands !== after && last?.position !== after) {
        throw new Failure('bus-out-of-step', `The bus stands at ${stands}, not at ${after}.`);
      }
      for (const message of messages) {
        last = { epoch: message.epoch, position: message.position };
        tell({ kind: 'message', message });
      }
    },
    heartbeat: async (heartbeat: Heartbeat) => {
      open();
      tell({ kind: 'heartbeat', heartbeat });
    },
    subscribe: (signal) => {
      open();
      const subscription = subscribe(backlog, signal, () => subscriptions.delete(subscription));
      if (!signal.aborted) subscriptions.add(subscription);
      return subscription.events;
    },
    close: async () => {
      closed = true;
      for (const subscription of subscriptions) subscription.end();
      subscriptions.clear();
    },
  };
};

type Subscription = {
  readonly events: AsyncIterable<BusEvent>;
  /** @returns whether there was room */
  readonly offer: (event: BusEvent) => boolean;
  /** No more will come; what waits is still given. */
  readonly end: () => void;
};

const subscribe = (backlog: number, signal: AbortSignal, leave: () => void): Subscription => {
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
