import { activity, activityStream } from '../../domain/activity.ts';
import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { choosePassword, isTooShortAlone, normalPassword, tooShort } from '../../domain/password.ts';
import type { Profile } from '../../domain/profile.ts';
import { type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import type { PasswordHasher } from '../environment.ts';
import { Failure } from '../failure.ts';
import type { Identity } from '../signIn/identity.ts';
import type { Sessions } from '../signIn/sessions.ts';
import { checkProfile, type IsPhoneNumber } from './checkProfile.ts';

export type AccountDeps = {
  readonly sessions: Sessions;
  readonly identity: Identity;
  readonly hasher: PasswordHasher;
  /** @param password NFC and in lower case */
  readonly isCommonPassword: (password: string) => boolean;
  readonly isPhoneNumber: IsPhoneNumber;
};

export type AccountAnswer = { readonly userId: UserId };

export type ChangeProfileInput = { readonly userId: UserId; readonly changes: Partial<Profile> };

/** If-Match is about the user's own last event. */
const changeProfile = ({ isPhoneNumber }: AccountDeps): Command<ChangeProfileInput, AccountAnswer> => ({
  name: 'ChangeProfile',
  several: false,
  run: async ({ userId, changes }, run) => {
    const step = await run.step(
      user,
      userStream(userId),
      (state) => checkProfile(changes, isPhoneNumber) ?? user.decide({ type: 'ChangeProfile', changes }, state),
      { revisionOf: (state) => state?.revision ?? null },
    );
    return isRejection(step) ? step : { result: { userId } };
  },
});

export type ChangePasswordInput = {
  readonly userId: UserId;
  /** Of the session that asks, which goes on. */
  readonly sessionId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly confirmPassword: string;
  readonly endOtherSessions: boolean;
};

type Prepared = { readonly from: string; readonly passwordHash: string; readonly isShort: boolean };

// Everything that takes long, before anything waits in the stream's queue.
const prepare = async (deps: AccountDeps, input: ChangePasswordInput, run: Run): Promise<Prepared | Rejection> => {
  const { userId, currentPassword, newPassword, confirmPassword } = input;
  const { state } = await run.load(user, userStream(userId));
  if (state === null) return reject('not-found');
  if (state.externalProvider !== null) return reject('externally-managed');
  const twoFactor = state.twoFactor !== null;
  const proven = await deps.identity.password(userId, currentPassword, run.request);
  if (isRejection(proven)) return proven;
  const choice = { password: newPassword, confirmation: confirmPassword, twoFactor };
  const chosen = choosePassword(choice, deps.isCommonPassword);
  if (isRejection(chosen)) return chosen;
  if (chosen.password === normalPassword(currentPassword)) return reject('password-unchanged');
  const isShort = isTooShortAlone(chosen.password);
  return { from: proven.hash, passwordHash: await deps.hasher.hash(chosen.password), isShort };
};

/** How often the hash that the current password was right for may turn out to be replaced meanwhile. */
const attempts = 3;

/**
 * Rejections: `reauthentication-failed`, `too-many-requests`, `externally-managed`, `password-confirmation-differs`,
 * `password-too-short` {min}, `password-too-long` {max}, `password-common`, `password-unchanged`.
 */
const changePassword = (deps: AccountDeps): Command<ChangePasswordInput, AccountAnswer> => {
  const decide = async (input: ChangePasswordInput, { passwordHash }: Prepared, state: User | null, at: Survivor) => {
    const { userId, sessionId, endOtherSessions } = input;
    const decision = user.decide({ type: 'ChangePassword', passwordHash, endOtherSessions }, state);
    if (state !== null && endOtherSessions && !isRejection(decision))
      await deps.sessions.surviveThrough(userId, sessionId, { ...at, sessionEpoch: state.sessionEpoch + 1 });
    return decision;
  };

  return {
    name: 'ChangePassword',
    several: false,
    run: async (input, run) => {
      const { userId, sessionId, endOtherSessions } = input;
      const stream = userStream(userId);
      for (let tried = 0; tried < attempts; tried += 1) {
        const prepared = await prepare(deps, input, run);
        let replaced = false;
        // A refusal goes through the step, too: an earlier run of this very command may have changed the password already,
        // and then the current one is wrong because of it.
        const step = await run.step(user, stream, (state, { revision }) => {
          if (isRejection(prepared)) return prepared;
          replaced = state?.passwordHash !== prepared.from;
          if (replaced) return reject('conflict');
          // The second factor beside which it would do was turned off meanwhile.
          if (prepared.isShort && state?.twoFactor == null) return tooShort();
          return decide(input, prepared, state, { revision: revision + 1, eventId: run.eventId(stream, 0) });
        });
        if (isRejection(step)) {
          if (replaced) continue;
          return step;
        }
        await deps.sessions.passwordChanged(userId, sessionId);
        if (endOtherSessions) await deps.sessions.endAll(userId, sessionId);
        return { result: { userId } };
      }
      throw new Failure('store-unavailable', 'a password changed again and again while another was to be set');
    },
  };
};

type Survivor = { readonly revision: number; readonly eventId: string };

export type EndSessionInput = { readonly userId: UserId; readonly sessionId: string };

/** The event first: a run that crashed between the two finds the session still there. Rejection: `not-found`. */
const ending = (
  { sessions }: AccountDeps,
  name: 'EndSession' | 'SignOut',
  type: 'SessionEnded' | 'SignedOut',
): Command<EndSessionInput, AccountAnswer> => ({
  name,
  several: false,
  run: async ({ userId, sessionId }, run) => {
    const session = await sessions.get(userId, sessionId);
    const step = await run.step(activity, activityStream(userId), () =>
      session === null ? reject('not-found') : [{ type, data: { sessionId } }],
    );
    if (isRejection(step)) return step;
    await sessions.end(userId, sessionId);
    return { result: { userId } };
  },
});

export const accountCommands = (deps: AccountDeps) => ({
  changeProfile: changeProfile(deps),
  changePassword: changePassword(deps),
  endSession: ending(deps, 'EndSession', 'SessionEnded'),
  signOut: ending(deps, 'SignOut', 'SignedOut'),
});

export type AccountCommands = ReturnType<typeof accountCommands>;
