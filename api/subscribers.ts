import type { Position } from '../commands/ports/eventStore.ts';
import type { Row, VaultTable } from '../commands/sealing/vaultTable.ts';
import type { Acknowledgement } from '../commands/services/receipts.ts';
import { type Instant, millis } from '../domain/instant.ts';
import type { ProvenIndex } from '../projections/provenIndex.ts';

export type SubscribersContext = {
  readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find'>;
  readonly reader: Pick<ProvenIndex, 'feed' | 'feedPage'>;
};

/** A process that follows the feed, by what it confirmed last. */
export type SubscriberInstance = Acknowledgement & {
  /** When the first message was decided that it has not confirmed; null: it has confirmed all. */
  readonly owesSince: Instant | null;
};

/** A follower of the feed: one service token's name, with the processes that confirm for it. */
export type Subscriber = {
  readonly name: string;
  /** Those that are waited for: at least one. */
  readonly instances: readonly SubscriberInstance[];
  /** Those too that have left or are gone. */
  readonly known: readonly SubscriberInstance[];
};

/** Who was not heard of for so long, although there was something to confirm for as long, is gone for good. */
const goneMs = 24 * 60 * 60 * 1000;

const isOlder = (at: Instant, now: Instant, ms: number) => millis(now) - millis(at) > ms;

const isGone = ({ left, at, owesSince }: SubscriberInstance, now: Instant): boolean =>
  left === true || (owesSince !== null && isOlder(owesSince, now, goneMs) && isOlder(at, now, goneMs));

/** Where all are gone the one that was heard of last stands for its subscriber: it is still to be told of. */
const stillThere = (known: readonly SubscriberInstance[], now: Instant): readonly SubscriberInstance[] => {
  const there = known.filter((instance) => !isGone(instance, now));
  return there.length > 0 ? there : known.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, 1);
};

/** When the first message beyond what was confirmed was decided. */
const createDebts = ({ reader }: Pick<SubscribersContext, 'reader'>) => {
  const known = new Map<Position, Promise<Instant | null>>();
  const firstAfter = async (position: Position) => (await reader.feedPage(position, 1))[0]?.message.at ?? null;
  return async ({ epoch, position, at }: Acknowledgement): Promise<Instant | null> => {
    const newest = reader.feed().lastMessage();
    if (newest === null) return null;
    // Of another log: everything of this one.
    if (epoch !== reader.feed().epoch()) return at;
    if (position >= newest) return null;
    const found = known.get(position) ?? firstAfter(position);
    known.set(position, found);
    return found;
  };
};

/** There are as many as there are services. @throws Failure store-unavailable */
export const readSubscribers = async (context: SubscribersContext, now: Instant): Promise<readonly Subscriber[]> => {
  const rows = await rowsOf(context.acknowledgements, {});
  const debtOf = createDebts(context);
  const all = await Promise.all(rows.map(async ({ value }) => ({ ...value, owesSince: await debtOf(value) })));
  return [...Map.groupBy(all, ({ name }) => name)].map(([name, known]) => ({
    name,
    instances: stillThere(known, now),
    known,
  }));
};

/** All that is kept of one subscriber, processes that are gone too. */
export const rowsOf = async (
  acknowledgements: SubscribersContext['acknowledgements'],
  by: { readonly ref?: string },
): Promise<readonly Row<Acknowledgement>[]> => {
  const rows: Row<Acknowledgement>[] = [];
  for (let after: string | null = null; ; ) {
    const page = await acknowledgements.find(by, { after, limit: 200 });
    rows.push(...page.rows);
    if (page.last === null) return rows;
    after = page.last;
  }
};

/** When it last confirmed anything. */
export const lastHeardAt = ({ instances }: Subscriber): Instant =>
  instances
    .map(({ at }) => at)
    .sort()
    .at(-1)!;

export type SubscriberState = 'acknowledged' | 'behind' | 'silent';

/** As long as a verifier goes on trusting its memory without having heard from here. */
const longestSilenceMs = 15_000;

/**
 * Whether a process has confirmed what was last told to all, is on its way, or is not heard of although there has been
 * something to confirm for a while: who has nothing to say is not silent.
 */
export const stateOfInstance = ({ owesSince, at }: SubscriberInstance, now: Instant): SubscriberState => {
  if (owesSince === null) return 'acknowledged';
  return isOlder(owesSince, now, longestSilenceMs) && isOlder(at, now, longestSilenceMs) ? 'silent' : 'behind';
};

/** That of the worst of its processes: a service has confirmed when every one of them has. */
export const stateOfSubscriber = ({ instances }: Subscriber, now: Instant): SubscriberState => {
  const states = new Set(instances.map((instance) => stateOfInstance(instance, now)));
  return states.has('silent') ? 'silent' : states.has('behind') ? 'behind' : 'acknowledged';
};
