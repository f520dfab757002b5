import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../../domain/emailClaim.ts';
import type { UserId } from '../../domain/ids.ts';
import { type UserEvent, userStream } from '../../domain/user.ts';
import type { SignInAddress } from '../../domain/userAccount.ts';
import { user } from '../../domain/userDecider.ts';
import type { Run } from '../command.ts';

export const notAnAddress = (): Rejection =>
  reject('validation-failed', undefined, [{ field: '/email', detail: 'Not an e-mail address.' }]);

/**
 * Claims the address for what the event says, which commits it, then gives the event to the user's stream. What a crash
 * leaves between the two, an effect that follows claims completes as well.
 * @param committedEventId the same in every run of the command
 * @param decide what is committed; null: they have the address already. Whatever can refuse the command refuses in it
 * @returns whether something was committed
 */
export const claimAndCommit = async (
  run: Run,
  claim: { readonly userId: UserId; readonly address: SignInAddress; readonly committedEventId: string },
  decide: () => Promise<UserEvent | null | Rejection>,
): Promise<boolean | Rejection> => {
  const { userId, address, committedEventId } = claim;
  const claimed = await run.step(
    emailClaim,
    emailClaimStream(address.claim),
    async (state) => {
      const committed = await decide();
      if (committed === null) return [];
      if (isRejection(committed)) return committed;
      return emailClaim.decide({ type: 'ClaimEmail', userId, committedEventId, committed: committed as never }, state);
    },
    { newPerson: userId },
  );
  if (isRejection(claimed)) return claimed;
  // The event of this very command: since then the address may have been released, and claimed by somebody else.
  const own = claimed.events.find((event) => event.type === 'EmailClaimed');
  if (own === undefined) return false;
  const { committed } = own.data;
  // Unreadable, because they were erased: there is nobody to give it to.
  if (committed === null) return reject('not-found');
  const done = await run.step(
    user,
    userStream(userId),
    (state) => user.decide({ type: 'CompleteClaim', committed }, state),
    { firstEventId: committedEventId },
  );
  return isRejection(done) ? done : true;
};
