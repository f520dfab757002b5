import type { Decider, Decision } from '../../domain/decider.ts';
import { isRejection } from '../../domain/decider.ts';
import { recorded } from './given.ts';

/** Puts commands to a decider one after the other, and tells of each what was decided and the state that it led to. */
export const played = <S, C, E extends { type: string; data: unknown }>(
  decider: Decider<S, C, E>,
  stream: string,
  commands: readonly C[],
  look: (command: C, decision: Decision<E>, state: S, revision: number) => void,
): void => {
  let state = decider.initialState();
  let revision = -1;
  for (const command of commands) {
    const decision = decider.decide(command, state);
    for (const event of isRejection(decision) ? [] : decision) {
      revision += 1;
      state = decider.evolve(state, recorded(event, revision, stream));
    }
    look(command, decision, state, revision);
  }
};
