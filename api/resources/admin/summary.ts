import { z } from 'zod';
import type { Condition } from '../../../commands/ports/lists.ts';
import { type Instant, millis, plusDays } from '../../../domain/instant.ts';
import { keysWhere } from '../../../projections/lists/keyFilter.ts';
import { hasStatus } from '../../../projections/lists/keyStatus.ts';
import { usersWhere } from '../../../projections/lists/users.ts';
import { type AsOf, type ListingContext, type OpenList, openList } from '../../listing.ts';
import { type Route, route } from '../../route.ts';
import { asOf } from '../../schemas/common.ts';
import { keyStatuses } from '../../schemas/key.ts';
import { userStatuses } from '../../schemas/user.ts';
import { readSubscribers, type SubscribersContext } from '../../subscribers.ts';

export type SummaryContext = ListingContext & SubscribersContext & { readonly now: () => Instant };

const soonDays = 7;
const longDays = 90;

const summary = z.object({
  users: z.object(Object.fromEntries(userStatuses.map((status) => [status, z.int()]))),
  keys: z.object({
    ...Object.fromEntries(keyStatuses.map((status) => [status, z.int()])),
    expiringSoon: z.int().meta({ description: `Active, with an end within ${soonDays} days.` }),
    neverExpiring: z.int().meta({ description: 'Active, without an end.' }),
    unused: z.int().meta({ description: `Active, made and not used for ${longDays} days.` }),
  }),
  subscribers: z.int().meta({ description: 'Services that follow the feed of revocations.' }),
  asOf,
});

const keyConditions = (now: Instant): { readonly [name: string]: readonly Condition[] } => {
  const active = hasStatus('active', now);
  return {
    ...Object.fromEntries(keyStatuses.map((status) => [status, keysWhere({ status: [status] }, now)])),
    expiringSoon: [...keysWhere({}, now), ...active, { column: 'endsAt', op: 'lte', value: plusDays(now, soonDays) }],
    neverExpiring: [...keysWhere({ neverExpires: true }, now), ...active],
    unused: [...keysWhere({ unusedSince: plusDays(now, -longDays) }, now), ...active],
  };
};

const userConditions = Object.fromEntries(userStatuses.map((status) => [status, usersWhere({ status: [status] })]));

const counted = async (
  { lists }: SummaryContext,
  buildId: string,
  conditions: { readonly [name: string]: readonly Condition[] },
) => {
  const counts = Object.entries(conditions).map(async ([name, where]) => [name, await lists.count(buildId, where)]);
  return Object.fromEntries(await Promise.all(counts));
};

/** The list that is further behind says how old the answer is. */
const older = (a: AsOf, b: AsOf): AsOf => {
  const { position, lagMs } = a.lagMs >= b.lagMs ? a : b;
  return { position, lagMs };
};

type Counts = { readonly users: object; readonly keys: object };

const freshMs = 10_000;

/**
 * Counting looks at every key there is: whoever asks while another counts the same, or shortly after, gets that. Between
 * two counts of the same place in the log only the clock can have ended something.
 */
const sharedCounts = (context: SummaryContext) => {
  let last: { readonly of: string; readonly at: number; readonly counts: Promise<Counts> } | null = null;
  return (users: OpenList, keys: OpenList): Promise<Counts> => {
    const now = context.now();
    const at = millis(now);
    const of = [users, keys].map(({ buildId, position }) => `${buildId} ${position}`).join(' ');
    if (last !== null && last.of === of && at >= last.at && at - last.at < freshMs) return last.counts;
    const counts = Promise.all([
      counted(context, users.buildId, userConditions),
      counted(context, keys.buildId, keyConditions(now)),
    ]).then(([ofUsers, ofKeys]) => ({ users: ofUsers, keys: ofKeys }));
    last = { of, at, counts };
    // A count that failed is not given to anybody else.
    counts.catch(() => {
      if (last?.counts === counts) last = null;
    });
    return counts;
  };
};

/** Counts for a dashboard: no names, so whoever sees any of it sees all of it. */
export const summaryRoutes = (context: SummaryContext): readonly Route[] => {
  const counts = sharedCounts(context);
  return [
    route({
      method: 'GET',
      path: '/v1/admin/summary',
      summary: 'How many users, keys and subscribers there are',
      tag: 'Operations',
      access: ['keys:read', 'users:read', 'policy:read'],
      answers: { 200: summary },
      refuses: ['not-caught-up'],
      handle: async ({ minPosition }) => {
        const [users, keys] = await Promise.all([
          openList(context, 'users', minPosition),
          openList(context, 'apiKeys', minPosition),
        ]);
        const [found, subscribers] = await Promise.all([counts(users, keys), readSubscribers(context, context.now())]);
        return { status: 200, body: { ...found, subscribers: subscribers.length, asOf: older(users, keys) } };
      },
    }),
  ];
};
