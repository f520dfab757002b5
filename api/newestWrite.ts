import type { Execute } from '../commands/command.ts';
import type { Position } from '../commands/ports/eventStore.ts';
import { isRejection } from '../domain/decider.ts';

/**
 * Remembers how far the log had come with the newest command that somebody was answered here: the lists that they look
 * at next wait for it. What workers append in this process is nobody's own writing; a storm of expiries holds up no list.
 */
export const rememberNewest = (execute: Execute) => {
  let newest: Position | null = null;
  const remembering: Execute = async (command, input, request) => {
    const outcome = await execute(command, input, request);
    if (!isRejection(outcome) && outcome.position !== null && (newest === null || outcome.position > newest))
      newest = outcome.position;
    return outcome;
  };
  return { execute: remembering, newestWrite: (): Position | null => newest };
};
