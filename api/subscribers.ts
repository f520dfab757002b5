import type { Position } from '../commands/ports/eventStore.ts';
import type { Row, VaultTable } from '../commands/sealing/vaultTable.ts';
import type { Acknowledgement } from '../commands/services/receipts.ts';
import { type Instant, millis } from '../domain/instant.ts';
import type { ProvenIndex } from '../projections/provenIndex.ts';

export type SubscribersContext = {
  readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find'>;
  readonly reader: Pick<ProvenIndex, 'feed'>;
};

/** A follower of the feed: one service token's name, with every process that has confirmed anything. */
export type Subscriber = { readonly name: string; readonly instances: readonly Row<Acknowledgement>[] };

/** A process that was not heard of for so long counts only where its subscriber has no other: it is gone for good. */
const goneMs = 24 * 60 * 60 * 1000;

const stillThere = (instances: readonly Row<Acknowledgement>[], now: Instant): readonly Row<Acknowledgement>[] => {
  const heard = instances.filter(({ value }) => millis(now) - millis(value.at) < goneMs);
  return heard.length > 0 ? heard : instances.toSorted((a, b) => (a.value.at < b.value.at ? 1 : -1)).slice(0, 1);
};

/** There are as many as there are services. */
export const readSubscribers = async (
  { acknowledgements }: Pick<SubscribersContext, 'acknowledgements'>,
  now: Instant,
): Promise<readonly Subscriber[]> => {
  const rows = await rowsOf(acknowledgements, {});
  const byName = Map.groupBy(rows, ({ value }) => value.name);
  return [...byName].map(([name, instances]) => ({ name, instances: stillThere(instances, now) }));
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

/** It has confirmed everything up to a position of this log: every one of its processes has. */
export const hasConfirmed = ({ instances }: Subscriber, epoch: string | null, position: Position): boolean =>
  instances.every(({ value }) => value.epoch === epoch && value.position >= position);

/** When it last confirmed anything. */
export const lastHeardAt = ({ instances }: Subscriber): Instant =>
  instances
    .map(({ value }) => value.at)
    .sort()
    .at(-1)!;

export type SubscriberState = 'acknowledged' | 'behind' | 'silent';

/** As long as a verifier goes on trusting its memory without having heard from here. */
const longestSilenceMs = 15_000;

/** Whether it has confirmed what was last told to all, is on its way, or is not heard of. */
export const stateOfSubscriber = (
  { reader }: SubscribersContext,
  subscriber: Subscriber,
  now: Instant,
): SubscriberState => {
  const newest = reader.feed().lastMessage();
  if (newest === null || hasConfirmed(subscriber, reader.feed().epoch(), newest)) return 'acknowledged';
  return millis(now) - millis(lastHeardAt(subscriber)) > longestSilenceMs ? 'silent' : 'behind';
};
