import type { EventStore, Position, StoredEvent } from '../commands/ports/eventStore.ts';
import { type Receipt, receiptsStream } from '../domain/receipts.ts';

type Store = Pick<EventStore, 'readStream'>;

const pageSize = 200;
/** More are not looked through for one answer. */
const mostPages = 20;

const at = async (store: Store, revision: number): Promise<StoredEvent | null> =>
  (await store.readStream(receiptsStream, revision, 1)).events[0] ?? null;

/** The first revision whose event comes after a position: its place is found by halving, for the stream grows for years. */
const firstAfter = async (store: Store, position: Position): Promise<number> => {
  const isAfter = async (revision: number) => {
    const event = await at(store, revision);
    return event === null || event.position > position;
  };
  let [low, high] = [0, 1];
  while (!(await isAfter(high - 1))) [low, high] = [high, high * 2];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isAfter(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

/**
 * What the log says of who had confirmed everything up to a position, the first time of each process, until as many
 * have been found as are asked for.
 */
export const readReceipts = async (
  store: Store,
  epoch: string | null,
  position: Position,
  processes: number,
): Promise<readonly Receipt[]> => {
  const found = new Map<string, Receipt>();
  let from = await firstAfter(store, position);
  for (let page = 0; page < mostPages; page += 1) {
    const { events, end } = await store.readStream(receiptsStream, from, pageSize);
    for (const { data } of events) {
      if (data.epoch !== epoch) continue;
      for (const receipt of data.items as unknown as readonly Receipt[]) {
        const process = JSON.stringify([receipt.subscriber, receipt.instance]);
        if (receipt.position >= position && !found.has(process)) found.set(process, receipt);
      }
    }
    if (end || found.size >= processes) break;
    from = events.at(-1)!.revision + 1;
  }
  return [...found.values()];
};
