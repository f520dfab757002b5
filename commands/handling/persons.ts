import { activityStream } from '../../domain/activity.ts';
import type { Actor } from '../../domain/event.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { userStream } from '../../domain/user.ts';

const personal = [userStream(''), keyringStream(''), activityStream('')];

/** The user whose stream it is, by its name; null for a stream of nobody's. */
export const personOfStream = (stream: string): string | null => {
  const prefix = personal.find((start) => stream.startsWith(start));
  return prefix === undefined ? null : stream.slice(prefix.length);
};

/** The id of a signed-in person; services, workers, the command line and strangers are none. */
export const personOfActor = (actor: Actor): string | null =>
  actor.kind === 'user' || actor.kind === 'admin' ? actor.id : null;
