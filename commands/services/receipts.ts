import { isRejection } from '../../domain/decider.ts';
import type { Instant } from '../../domain/instant.ts';
import { type Receipt, receipts, receiptsStream } from '../../domain/receipts.ts';
import type { Command } from '../command.ts';

export const acknowledgementKind = 'subscriber';

// Stored shape of the vault's rows of that kind; `ref` is the subscriber's name.
export type Acknowledgement = {
  /** The token's. */
  readonly name: string;
  /** One of several processes of a subscriber; null where it did not say. */
  readonly instance: string | null;
  readonly epoch: string;
  readonly position: string;
  /** RFC 3339: when it was last heard of. */
  readonly at: Instant;
  /** The first position of this epoch that it confirmed: of what came before it remembers nothing. */
  readonly from?: string;
  /** It said that it ends: nobody waits for it any more. */
  readonly left?: true;
  /** Newest last: each confirmation of the last while, until it is in the log. */
  readonly recent?: readonly { readonly position: string; readonly at: Instant }[];
};

const recordReceipts: Command<{ readonly epoch: string; readonly items: readonly Receipt[] }, null> = {
  name: 'RecordReceipts',
  several: false,
  run: async (input, run) => {
    const step = await run.step(receipts, receiptsStream, (state) =>
      receipts.decide({ type: 'RecordReceipts', ...input }, state),
    );
    return isRejection(step) ? step : { result: null };
  },
};

export const receiptCommands = { recordReceipts };
