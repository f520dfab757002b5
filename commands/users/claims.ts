import { isRejection, reject } from '../../domain/decider.ts';
import { type CommittedUserEvent, emailClaim, emailClaimStream } from '../../domain/emailClaim.ts';
import type { UserId } from '../../domain/ids.ts';
import { isGone, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';

export type Claim = {
  /** The keyed hash that the claim's stream is named for. */
  readonly claim: string;
  readonly userId: UserId;
  readonly committedEventId: string;
};

type Carried = { readonly carried: 'completed' | 'released' | 'nothing' };

const release = async (run: Run, { claim, userId, committedEventId }: Claim): Promise<Carried> => {
  const step = await run.step(emailClaim, emailClaimStream(claim), (state) =>
    emailClaim.decide({ type: 'ReleaseEmail', userId, committedEventId }, state),
  );
  // It is another's by now: somebody was faster, and there is nothing of ours to release.
  return { carried: isRejection(step) || step.events.length === 0 ? 'nothing' : 'released' };
};

const stillHeld = async (run: Run, { claim, userId, committedEventId }: Claim): Promise<boolean> => {
  const { state } = await run.load(emailClaim, emailClaimStream(claim));
  return state?.userId === userId && state.committedEventId === committedEventId;
};

/** Gives the user what the claim committed, with its own id; releases the claim where they can no longer take it. */
const completeClaim: Command<Claim & { readonly committed: CommittedUserEvent | null }, Carried> = {
  name: 'CompleteClaim',
  several: true,
  run: async ({ committed, ...claim }, run) => {
    if (!(await stillHeld(run, claim))) return { result: { carried: 'nothing' } };
    // Erased: what it committed can be read by nobody any more.
    if (committed === null) return { result: await release(run, claim) };
    const step = await run.step(
      user,
      userStream(claim.userId),
      (state) => user.decide({ type: 'CompleteClaim', committed }, state),
      { firstEventId: claim.committedEventId },
    );
    if (isRejection(step)) return { result: await release(run, claim) };
    return { result: { carried: step.events.length > 0 ? 'completed' : 'nothing' } };
  },
};

/**
 * Releases an address that its user claimed and has left. One that is claimed for a change still on its way to them
 * stays: it is completed by the other command.
 */
const releaseEmail: Command<{ readonly claim: string; readonly userId: UserId }, Carried> = {
  name: 'ReleaseEmail',
  several: false,
  run: async ({ claim, userId }, run) => {
    const held = (await run.load(emailClaim, emailClaimStream(claim))).state;
    if (held?.userId !== userId) return { result: { carried: 'nothing' } };
    const { state } = await run.load(user, userStream(userId));
    if (state === null) return reject('not-found');
    const taken = state.addressEventIds.includes(held.committedEventId);
    const left = isGone(state) || (taken && state.claim !== claim);
    if (!left) return { result: { carried: 'nothing' } };
    return { result: await release(run, { claim, userId, committedEventId: held.committedEventId }) };
  },
};

export const claimCommands = { completeClaim, releaseEmail };
