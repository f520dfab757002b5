import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { VaultTable } from '../../../commands/sealing/vaultTable.ts';
import type { Acknowledgement } from '../../../commands/services/receipts.ts';
import type { ServiceTokenCommands } from '../../../commands/services/serviceTokens.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Instant } from '../../../domain/instant.ts';
import { Refusal } from '../../refusal.ts';
import { type Route, route } from '../../route.ts';
import { instant } from '../../schemas/common.ts';
import {
  lastHeardAt,
  readSubscribers,
  rowsOf,
  type Subscriber,
  type SubscribersContext,
  stateOfInstance,
  stateOfSubscriber,
} from '../../subscribers.ts';

export type AdminSubscribersContext = SubscribersContext & {
  readonly acknowledgements: Pick<VaultTable<Acknowledgement>, 'find' | 'remove'>;
  readonly execute: Execute;
  readonly commands: Pick<ServiceTokenCommands, 'removeSubscriber'>;
  readonly now: () => Instant;
};

const tag = 'Operations';
const access = ['operations'] as const;

const state = z.enum(['acknowledged', 'behind', 'silent']).meta({
  description:
    'Whether it has confirmed the newest message; silent: not, although there has been one to confirm for 15 s and it was not heard of for as long. Of a service, that of the worst of its processes.',
});

const subscriberSchema = z.object({
  name: z.string().meta({ description: 'Of its service token.' }),
  state,
  position: z.string().meta({ description: 'What all of its processes have confirmed.' }),
  lastHeardAt: instant,
  instances: z.array(
    z.object({ instance: z.string().nullable(), state, epoch: z.string(), position: z.string(), at: instant }),
  ),
});

const shown = (subscriber: Subscriber, now: Instant) => {
  const instances = subscriber.instances.map((one) => {
    const { instance, epoch, position, at } = one;
    return { instance, state: stateOfInstance(one, now), epoch, position, at };
  });
  const [least] = instances.map(({ position }) => position).sort();
  return {
    name: subscriber.name,
    state: stateOfSubscriber(subscriber, now),
    position: least!,
    lastHeardAt: lastHeardAt(subscriber),
    instances,
  };
};

const list = (context: AdminSubscribersContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/subscribers',
    summary: 'Who follows the feed of revocations, and how far they are',
    tag,
    access,
    answers: {
      200: z.object({
        items: z.array(subscriberSchema),
        lastMessage: z.string().nullable().meta({ description: 'Position of the newest message.' }),
      }),
    },
    handle: async () => {
      const now = context.now();
      const items = (await readSubscribers(context, now)).map((subscriber) => shown(subscriber, now));
      return { status: 200, body: { items, lastMessage: context.reader.feed().lastMessage() } };
    },
  });

const remove = (context: AdminSubscribersContext) =>
  route({
    method: 'DELETE',
    path: '/v1/admin/subscribers/:name',
    summary: 'Wait no longer for a subscriber that is gone; should it come back, it is a new one',
    tag,
    access,
    params: z.strictObject({ name: z.string().min(1).max(200) }),
    answers: { 204: null },
    command: {
      command: 'RemoveSubscriber',
      stream: 'services',
      events: ['SubscriberRemoved'],
      message: 'none',
      rejections: ['not-found'],
    },
    // Sent again it finds nobody.
    notIdempotent: true,
    handle: async ({ params: { name }, command }) => {
      const rows = await rowsOf(context.acknowledgements, { ref: name });
      if (rows.length === 0) throw new Refusal('not-found');
      const outcome = await context.execute(context.commands.removeSubscriber, { name }, command());
      if (isRejection(outcome)) return outcome;
      for (const { id } of rows) await context.acknowledgements.remove(id);
      return { status: 204, position: outcome.position };
    },
  });

export const subscriberRoutes = (context: AdminSubscribersContext): readonly Route[] => [
  list(context),
  remove(context),
];
