import type { Acknowledgement } from '../commands/receipts.ts';
import type { VaultTable } from '../commands/vaultTable.ts';
import type { Receipt } from '../domain/receipts.ts';
import { periodic } from './periodic.ts';
import type { Worker, WorkerParts } from './worker.ts';

const everyMs = 2_000;
const pageSize = 200;

/** Puts down in the log, batched, who confirmed which revocations when. Two of them put down nothing twice. */
export const receiptRecorder = (
  parts: WorkerParts & {
    readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find'>;
    /** Of the log; null: not known yet. */
    readonly epoch: () => string | null;
    readonly record: (epoch: string, items: readonly Receipt[]) => Promise<void>;
  },
): Worker => {
  // Of each process, by its row: what is in the log already, so that in quiet times nothing is asked of it.
  const recorded = new Map<string, string>();

  /** Every confirmation that a row has, and what the row's newest is. */
  const read = async (epoch: string) => {
    const items: Receipt[] = [];
    const newest = new Map<string, string>();
    for (let after: string | null = null; ; ) {
      const page = await parts.acknowledgements.find({}, { after, limit: pageSize });
      for (const { id, value } of page.rows) {
        const { name: subscriber, instance, position, at, recent = [{ position, at }] } = value;
        if (value.epoch !== epoch) continue;
        newest.set(id, position);
        if (recorded.get(id) !== position) items.push(...recent.map((one) => ({ subscriber, instance, ...one })));
      }
      if (page.last === null) return { items, newest };
      after = page.last;
    }
  };

  return periodic(parts, 'receipt-recorder', everyMs, async () => {
    const epoch = parts.epoch();
    if (epoch === null) return { more: false };
    const { items, newest } = await read(epoch);
    if (items.length > 0) await parts.record(epoch, items);
    recorded.clear();
    for (const [id, position] of newest) recorded.set(id, position);
    return { more: false };
  });
};
