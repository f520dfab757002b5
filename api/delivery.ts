import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import type { UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import { type Key, keyringStream } from '../domain/keyring.ts';
import type { Receipt } from '../domain/receipts.ts';
import { revocationOf } from '../domain/revocation.ts';
import { userStream } from '../domain/user.ts';
import { readReceipts } from './receipts.ts';
import { readSubscribers, type Subscriber, type SubscriberInstance, type SubscribersContext } from './subscribers.ts';

export type DeliveryContext = SubscribersContext & {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly now: () => Instant;
};

/** Whether a subscriber has confirmed that a key has ended; `acknowledgedAt` null: not yet. */
export type Delivery = { readonly subscriber: string; readonly acknowledgedAt: string | null };

const endsSomething = (event: StoredEvent | undefined): event is StoredEvent =>
  event !== undefined && revocationOf(event)?.effect === 'ended';

/** Where the log says that the owner's epoch which the key belongs to ended; null: it has not. */
const ownerEnded = async (store: DeliveryContext['store'], ownerId: UserId, ownerEpoch: number) => {
  for (let from = 0; ; ) {
    const { events, end } = await store.readStream(userStream(ownerId), from, 500);
    const ending = events.find((event) => endsSomething(event) && event.data.ownerEpoch === ownerEpoch);
    if (ending !== undefined || end) return ending?.position ?? null;
    from = events.at(-1)!.revision + 1;
  }
};

/** Where the first message stands that told of the key's end. Of what the clock alone has ended, none is told yet. */
const endOf = async (store: DeliveryContext['store'], ownerId: UserId, key: Key): Promise<Position | null> => {
  const { events } = await store.readStream(keyringStream(ownerId), key.revision, 1);
  const own = endsSomething(events[0]) ? events[0].position : null;
  const owners = await ownerEnded(store, ownerId, key.ownerEpoch);
  return own !== null && owners !== null ? (own < owners ? own : owners) : (own ?? owners);
};

const isOf = ({ name }: Subscriber, receipt: Receipt) => receipt.subscriber === name;

/** Whether a process began to follow the feed after a position: it has never remembered what ended there. */
const beganAfter = ({ epoch, from }: SubscriberInstance, current: string | null, position: Position): boolean =>
  epoch === current && from !== undefined && from >= position;

const hasConfirmed = ({ epoch, position }: SubscriberInstance, current: string | null, end: Position): boolean =>
  epoch === current && position >= end;

const latest = (times: readonly Instant[]): Instant | null => times.toSorted().at(-1) ?? null;

/**
 * When a subscriber had confirmed what ended at a position; null: not yet. All of its processes count that followed the
 * feed then, those too that have left since; by the log, and where that is a moment behind, by when they were last heard
 * of. Where only later ones are known, nobody remembers it from their beginning on.
 */
const confirmedAt = (
  subscriber: Subscriber,
  epoch: string | null,
  end: Position,
  receipts: readonly Receipt[],
): Instant | null => {
  const { instances, known } = subscriber;
  const concerned = instances.filter((instance) => !beganAfter(instance, epoch, end));
  if (!concerned.every((instance) => hasConfirmed(instance, epoch, end))) return null;
  const later = new Set(known.filter((one) => beganAfter(one, epoch, end)).map(({ instance }) => instance));
  const own = receipts.filter((receipt) => isOf(subscriber, receipt) && !later.has(receipt.instance));
  const unwritten = concerned.filter(({ instance }) => !own.some((receipt) => receipt.instance === instance));
  const theirs = latest([...own, ...unwritten].map(({ at }) => at));
  if (theirs !== null) return theirs;
  const first = receipts.find((receipt) => isOf(subscriber, receipt));
  return first?.at ?? instances.map(({ at }) => at).toSorted()[0]!;
};

/**
 * Which services have confirmed that a key has ended: a subscriber has when every instance of it has, and the time is
 * that of the last of them. Empty as long as there is nothing to confirm.
 */
export const deliveryOf = async (context: DeliveryContext, ownerId: UserId, key: Key): Promise<readonly Delivery[]> => {
  const end = await endOf(context.store, ownerId, key);
  if (end === null) return [];
  const epoch = context.reader.feed().epoch();
  const subscribers = await readSubscribers(context, context.now());
  const processes = subscribers.reduce((count, { known }) => count + known.length, 0);
  const receipts = processes === 0 ? [] : await readReceipts(context.store, epoch, end, processes);
  return subscribers.map((subscriber) => ({
    subscriber: subscriber.name,
    acknowledgedAt: confirmedAt(subscriber, epoch, end, receipts),
  }));
};
