import type { NatsConnection } from 'nats';
import type { Bus, BusEvent } from '../../commands/ports/bus.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';
import { busSubscription, defaultBacklog } from '../node/busSubscription.ts';
import type { Connection } from './connection.ts';
import { heartbeatOf, heartbeats, messageOf, revocations } from './envelope.ts';

/** Ignores what has not the shape of either: it goes by the shape alone, and whoever listens decides nothing. */
const listen = (nc: NatsConnection, tell: (event: BusEvent) => void) => {
  const subscriptions = [
    nc.subscribe(`${revocations}.>`, {
      callback: (error, received) => {
        const message = error === null ? messageOf(received.data) : null;
        if (message !== null) tell({ kind: 'message', message });
      },
    }),
    nc.subscribe(heartbeats, {
      callback: (error, received) => {
        const heartbeat = error === null ? heartbeatOf(received.data) : null;
        if (heartbeat !== null) tell({ kind: 'heartbeat', heartbeat });
      },
    }),
  ];
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
};

/** Whether a message is beyond the one before it: two publishers at once are heard twice. */
const onlyNew = () => {
  let last: RevocationMessage | null = null;
  return (message: RevocationMessage): boolean => {
    if (last?.epoch === message.epoch && message.position <= last.position) return false;
    last = message;
    return true;
  };
};

/** Plain subscribers, each with a backlog of its own. What came while the connection was cut they do not get. */
export const createListening = (connection: Connection) => {
  const endings = new Set<() => void>();

  return {
    subscribe: ((signal) => {
      let detach = () => {};
      const leave = () => {
        detach();
        endings.delete(subscription.end);
      };
      const subscription = busSubscription(defaultBacklog, signal, leave);
      if (signal.aborted) return subscription.events;
      const isNew = onlyNew();
      endings.add(subscription.end);
      detach = connection.attach((nc) =>
        listen(nc, (event) => {
          if (event.kind === 'message' && !isNew(event.message)) return;
          if (!subscription.offer(event)) leave();
        }),
      );
      return subscription.events;
    }) satisfies Bus['subscribe'],

    /** Nothing more will come; what waits is still given. */
    end: () => {
      for (const end of endings) end();
      endings.clear();
    },
  };
};
