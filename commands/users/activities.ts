import { type ActivityEvent, activity, activityStream } from '../../domain/activity.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import type { Command } from '../command.ts';

/** What happened to a user, as it happened. Nothing refuses it. */
export const recordActivity: Command<
  { readonly userId: UserId; readonly events: readonly ActivityEvent[] },
  { readonly recorded: number }
> = {
  name: 'RecordActivity',
  several: false,
  run: async ({ userId, events }, run) => {
    const step = await run.step(activity, activityStream(userId), () => events);
    return isRejection(step) ? step : { result: { recorded: step.events.length } };
  },
};
