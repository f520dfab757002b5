import type { Position } from '../commands/ports/eventStore.ts';
import type { VaultTable } from '../commands/sealing/vaultTable.ts';
import type { Acknowledgement } from '../commands/services/receipts.ts';
import type { Receipt } from '../domain/receipts.ts';
import type { Feed } from '../projections/feed/feed.ts';
import { periodic } from './periodic.ts';
import type { Worker, WorkerParts } from './worker.ts';

const everyMs = 2_000;
const pageSize = 200;
/** What one event holds at most: it is one append. */
const perEvent = 500;

/** Puts down in the log, batched, who confirmed which revocations when. Two of them put down nothing twice. */
export const receiptRecorder = (
  parts: WorkerParts & {
    readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find'>;
    readonly feed: () => Pick<Feed, 'epoch' | 'firstAfter' | 'positionOf'>;
    /** How far the feed was folded here. */
    readonly position: () => Position | null;
    readonly record: (epoch: string, items: readonly Receipt[]) => Promise<void>;
  },
): Worker => {
  // Of each process, by its row: what is in the log already, so that in quiet times nothing is asked of it.
  const recorded = new Map<string, string>();

  /**
   * The newest message that a position covers. Only messages are confirmed: were every position put down, this event
   * would move the log, whoever follows it would confirm that, and so on for ever.
   */
  const messageAt = (position: string): string | null => {
    const feed = parts.feed();
    const next = feed.firstAfter(position);
    return next === 0 ? null : feed.positionOf(next - 1);
  };

  /** Every confirmation that a row has, and what the row's newest is. */
  const read = async (epoch: string, upTo: Position) => {
    const items: Receipt[] = [];
    const newest = new Map<string, string>();
    for (let after: string | null = null; ; ) {
      const page = await parts.acknowledgements.find({}, { after, limit: pageSize });
      for (const { id, value } of page.rows) {
        const { name: subscriber, instance, position, at, recent = [{ position, at }] } = value;
        // What lies beyond what was read here is known to be a message, or none, the next time.
        if (value.epoch !== epoch || position > upTo) continue;
        newest.set(id, position);
        if (recorded.get(id) === position) continue;
        for (const one of recent) {
          const message = messageAt(one.position);
          if (message !== null) items.push({ subscriber, instance, position: message, at: one.at });
        }
      }
      if (page.last === null) return { items, newest };
      after = page.last;
    }
  };

  return periodic(parts, 'receipt-recorder', everyMs, async () => {
    const [epoch, upTo] = [parts.feed().epoch(), parts.position()];
    if (epoch === null || upTo === null) return { more: false };
    const { items, newest } = await read(epoch, upTo);
    const inOrder = items.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    for (let from = 0; from < inOrder.length; from += perEvent)
      await parts.record(epoch, inOrder.slice(from, from + perEvent));
    recorded.clear();
    for (const [id, position] of newest) recorded.set(id, position);
    return { more: false };
  });
};
