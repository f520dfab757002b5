import type { Decider, Decision } from './decider.ts';
import type { EventTypes } from './event.ts';
import type { Instant } from './instant.ts';

/** What services confirmed of the feed of revocations. */
export const receiptsStream = 'receipts';

/** A process of a service had taken in every message up to `position` at `at`. */
export type Receipt = {
  readonly subscriber: string;
  /** One of several processes; null where it did not say. */
  readonly instance: string | null;
  readonly position: string;
  readonly at: Instant;
};

// Stored shapes: add fields and events, never rename or reuse one.
export type ReceiptsEvent = {
  type: 'RevocationsAcknowledged';
  /** Of one log's epoch; in the order of their times. */
  data: { epoch: string; items: readonly Receipt[] };
};

export const receiptsEvents: EventTypes<ReceiptsEvent> = {
  RevocationsAcknowledged: { version: 1, personal: [], person: 'actor', narrows: false },
};

/** How far each process is known to be, by its name; who was heard of last comes last. */
export type Receipts = {
  epoch: string | null;
  confirmed: { [process: string]: string };
};

export type RecordReceipts = {
  readonly type: 'RecordReceipts';
  readonly epoch: string;
  readonly items: readonly Receipt[];
};

/** Instances come and go; who is forgotten here is at worst put down twice. */
const mostProcesses = 1_000;

const processOf = ({ subscriber, instance }: Receipt): string => JSON.stringify([subscriber, instance]);

const byTime = (a: Receipt, b: Receipt): number =>
  a.at < b.at ? -1 : a.at > b.at ? 1 : a.position < b.position ? -1 : a.position > b.position ? 1 : 0;

/** Only what goes further than what was put down already: who confirms the same again tells nothing. */
const decide = ({ epoch, items }: RecordReceipts, state: Receipts): Decision<ReceiptsEvent> => {
  const confirmed = new Map(state.epoch === epoch ? Object.entries(state.confirmed) : []);
  const newer = items.toSorted(byTime).filter((receipt) => {
    const process = processOf(receipt);
    if (receipt.position <= (confirmed.get(process) ?? '')) return false;
    confirmed.set(process, receipt.position);
    return true;
  });
  return newer.length === 0 ? [] : [{ type: 'RevocationsAcknowledged', data: { epoch, items: newer } }];
};

/** Nothing is refused. */
export const receipts: Decider<Receipts, RecordReceipts, ReceiptsEvent> = {
  name: 'receipts',
  foldVersion: 1,
  initialState: () => ({ epoch: null, confirmed: {} }),
  decide,
  evolve: (state, { data: { epoch, items } }) => {
    if (state.epoch !== epoch) state.confirmed = {};
    state.epoch = epoch;
    for (const receipt of items) {
      const process = processOf(receipt);
      delete state.confirmed[process];
      state.confirmed[process] = receipt.position;
    }
    const processes = Object.keys(state.confirmed);
    for (const process of processes.slice(0, Math.max(0, processes.length - mostProcesses)))
      delete state.confirmed[process];
    return state;
  },
};
