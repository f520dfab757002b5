import type { Position } from '../commands/ports/eventStore.ts';
import type { Row, VaultTable } from '../commands/vaultTable.ts';
import { type Instant, millis } from '../domain/instant.ts';
import type { ProvenIndex } from '../projections/provenIndex.ts';
import type { Acknowledgement } from './dataPlane/context.ts';

export type SubscribersContext = {
  readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find'>;
  readonly reader: Pick<ProvenIndex, 'feed'>;
};

/** A follower of the feed: one service token's name, with every process that has confirmed anything. */
export type Subscriber = { readonly name: string; readonly instances: readonly Row<Acknowledgement>[] };

/** There are as many as there are services. */
export const readSubscribers = async (
  { acknowledgements }: Pick<SubscribersContext, 'acknowledgements'>,
  name?: string,
): Promise<readonly Subscriber[]> => {
  const rows: Row<Acknowledgement>[] = [];
  for (let after: string | null = null; ; ) {
    const page = await acknowledgements.find(name === undefined ? {} : { ref: name }, { after, limit: 200 });
    rows.push(...page.rows);
    if (page.last === null) break;
    after = page.last;
  }
  const byName = Map.groupBy(rows, ({ value }) => value.name);
  return [...byName].map(([found, instances]) => ({ name: found, instances }));
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
