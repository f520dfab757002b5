import { Failure } from '../../commands/failure.ts';
import type { Bus, BusEvent, Heartbeat } from '../../commands/ports/bus.ts';
import type { Position } from '../../commands/ports/eventStore.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';
import { type BusSubscription, busSubscription, defaultBacklog } from '../node/busSubscription.ts';

/** The bus of a single process. A subscription starts with the call, not with the first reading, and ends when the bus closes. */
export const createMemoryBus = (backlog = defaultBacklog): Bus => {
  const subscriptions = new Set<BusSubscription>();
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
      const subscription = busSubscription(backlog, signal, () => subscriptions.delete(subscription));
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
