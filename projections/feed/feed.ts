import type { Recorded } from '../../domain/event.ts';
import { type FeedEvent, type RevocationMessage, revocationOf } from '../../domain/revocation.ts';
import { createPositionList, type PositionList } from './positionList.ts';

/** A message and its exact text: the same bytes on every way it goes and whenever it is made. */
export type FeedItem = { readonly message: RevocationMessage; readonly json: string };

/** From message number `from` (counted from 0) on, the log had this id. */
export type EpochFrom = { readonly from: number; readonly epoch: string };

/** What a snapshot keeps: where the messages stand, not what they say. */
export type FrozenFeed = {
  readonly positions: { readonly width: number; readonly bytes: Uint8Array };
  readonly epochs: readonly EpochFrom[];
};

type AnyRecorded = Recorded<{ readonly type: string; readonly data: object }>;

/**
 * All messages that the log makes, in its order: the places of all, and the newest as they are. Older ones are made
 * again from the events that stand at their places.
 */
export type Feed = {
  /** Folds the next event of the log. @throws where it is unknown: the feed stops rather than leaves one out */
  readonly apply: (event: AnyRecorded) => void;
  /** Id of the log now; null before its first event. */
  readonly epoch: () => string | null;
  /** Position of the newest message; null where there is none. */
  readonly lastMessage: () => string | null;
  readonly length: () => number;
  /** Number of the first message beyond a position; null: of the first of all. */
  readonly firstAfter: (position: string | null) => number;
  readonly positionOf: (number: number) => string;
  /** Where it is still at hand. */
  readonly recent: (number: number) => FeedItem | null;
  /** @param event the one that stands at the message's position. @throws where it is none that makes a message */
  readonly remake: (number: number, event: AnyRecorded) => FeedItem;
  /** Called with every message from now on, in order, while it is folded. @returns ends it */
  readonly listen: (listener: (item: FeedItem) => void) => () => void;
  readonly freeze: () => FrozenFeed;
};

const defaultAtHand = 2048;

// Written when first asked for: a start over a million old messages asks for few.
const feedItem = (message: RevocationMessage): FeedItem => {
  let written: string | null = null;
  return {
    message,
    get json() {
      written ??= JSON.stringify(message);
      return written;
    },
  };
};

export const createFeed = (frozen?: FrozenFeed, atHand = defaultAtHand): Feed => {
  const positions: PositionList = createPositionList(frozen?.positions);
  const epochs: EpochFrom[] = [...(frozen?.epochs ?? [])];
  const items = new Map<number, FeedItem>();
  const listeners = new Set<(item: FeedItem) => void>();

  const epochOf = (number: number) => {
    const held = epochs.findLast(({ from }) => from <= number);
    if (held === undefined) throw new Error('a revocation before the log had an epoch');
    return held.epoch;
  };

  // The fields in one fixed order: the text is the message.
  const itemOf = (number: number, event: AnyRecorded): FeedItem | null => {
    const revocation = revocationOf(event satisfies FeedEvent);
    if (revocation === null) return null;
    const { kind, effect, keyId, ownerId, reason, at, effectiveAt } = revocation;
    const message: RevocationMessage = {
      position: event.position,
      previous: number === 0 ? null : positions.at(number - 1),
      epoch: epochOf(number),
      id: event.eventId,
      kind,
      effect,
      ...(keyId !== undefined && { keyId }),
      ...(ownerId !== undefined && { ownerId }),
      reason,
      at,
      effectiveAt,
    };
    return feedItem(message);
  };

  const noteEpoch = ({ type, data }: AnyRecorded) => {
    if (type === 'InstallationCreated' || type === 'EpochOpened')
      epochs.push({ from: positions.length(), epoch: (data as { epoch: string }).epoch });
  };

  return {
    apply: (event) => {
      noteEpoch(event);
      const number = positions.length();
      const item = itemOf(number, event);
      if (item === null) return;
      positions.push(event.position);
      items.set(number, item);
      items.delete(number - atHand);
      for (const listener of listeners) listener(item);
    },
    epoch: () => epochs.at(-1)?.epoch ?? null,
    lastMessage: () => (positions.length() === 0 ? null : positions.at(positions.length() - 1)),
    length: positions.length,
    firstAfter: positions.firstAfter,
    positionOf: positions.at,
    recent: (number) => items.get(number) ?? null,
    remake: (number, event) => {
      const item = event.position === positions.at(number) ? itemOf(number, event) : null;
      if (item === null) throw new Error('the log does not hold the event of this message');
      return item;
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    freeze: () => ({ positions: positions.copy(), epochs: [...epochs] }),
  };
};
