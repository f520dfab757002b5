import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { choosePassword, isTooShortAlone, tooShort } from '../../domain/password.ts';
import { isGone, type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Execute, Outcome, Request, Run } from '../command.ts';
import type { PasswordHasher, Randomness, Scheduler } from '../environment.ts';
import type { EmailAddresses } from '../users/emailAddresses.ts';
import type { Background } from './background.ts';
import type { Devices } from './devices.ts';
import type { PasswordTokens, ReadToken } from './passwordTokens.ts';
import type { Sessions } from './sessions.ts';
import { type Load, throttleKeys, userByClaim } from './signIn.ts';
import type { Throttling } from './throttling.ts';

/**
 * Somebody forgot their password, or says so. It answers nothing: what becomes of it, only whoever reads the mail learns.
 * @param device the device cookie's value
 */
export type RequestPasswordReset = (
  email: string,
  device: string | null,
  request: Request,
) => Promise<Outcome<{ readonly asked: true }>>;

/** Whoever signs in here by a password. An invitation is for administrators to repeat. */
const canReset = (account: User): boolean =>
  account.status === 'active' && account.externalProvider === null && account.passwordHash !== null;

export const createRequestPasswordReset = (deps: {
  readonly execute: Execute;
  readonly load: Load;
  readonly addresses: EmailAddresses;
  readonly devices: Pick<Devices, 'recognise'>;
  readonly throttling: Pick<Throttling, 'admit'>;
  readonly background: Background;
  readonly tokens: Pick<PasswordTokens, 'issue'>;
  readonly randomness: Randomness;
  readonly scheduler: Scheduler;
}): RequestPasswordReset => {
  const mail = async (claim: string, run: Run) => {
    // Neither in the answer nor in the one to the next request is to be felt what there was to do.
    await deps.scheduler.sleep(50 + 4 * (deps.randomness.bytes(1)[0] ?? 0));
    const account = await userByClaim(deps.load, claim);
    if (account === null || !canReset(account)) return;
    const made = { secret: run.secretBytes('password token', 32), id: run.commandId, at: run.request.at };
    await deps.tokens.issue('password-reset', structuredClone(account), made);
  };

  const ask: Command<{ readonly email: string; readonly shown: string | null }, { readonly asked: true }> = {
    name: 'RequestPasswordReset',
    several: false,
    run: async ({ email, shown }, run) => {
      const { request } = run;
      const address = deps.addresses.signInAddress(email);
      const claim = address?.claim ?? `no address ${email}`;
      const device = await deps.devices.recognise(shown, claim);
      const keys = throttleKeys(claim, request.ip, device).map(({ kind, of }) => ({
        kind,
        of: `password reset ${of}`,
      }));
      const admitted = await deps.throttling.admit(keys, request.at);
      // After the answer, and nobody is told: it takes as long, and says as much, for an address that nobody has.
      if (!isRejection(admitted)) deps.background.begin('mailing a password reset', () => mail(claim, run));
      return { result: { asked: true } };
    },
  };

  return (email, shown, request) => deps.execute(ask, { email, shown }, request);
};

export type ResetPasswordInput = {
  readonly token: string;
  readonly newPassword: string;
  readonly confirmPassword: string;
};

export type ResetPasswordAnswer = { readonly userId: UserId };

export type ResetPasswordDeps = {
  readonly tokens: PasswordTokens;
  readonly hasher: Pick<PasswordHasher, 'hash'>;
  readonly sessions: Pick<Sessions, 'endAll'>;
  /** @param password NFC and in lower case */
  readonly isCommonPassword: (password: string) => boolean;
};

/**
 * Sets the password by a mailed token, ends every session and takes up an invitation. The token works once: what guards
 * that is the stream, for it was made for the password that this replaces. Rejections: `code-invalid` (no such token,
 * used, too old, replaced or ended), `password-confirmation-differs`, `password-too-short` {min}, `password-too-long`
 * {max}, `password-common`.
 */
const resetPassword = (deps: ResetPasswordDeps): Command<ResetPasswordInput, ResetPasswordAnswer> => {
  const { tokens, hasher, sessions } = deps;

  /** Everything that takes long, and nothing that does for whoever has no token. */
  const prepare = async (
    token: ReadToken,
    input: ResetPasswordInput,
    run: Run,
  ): Promise<{ readonly passwordHash: string; readonly isShort: boolean } | Rejection> => {
    const { state } = await run.load(user, userStream(token.userId));
    if (state === null || !(await tokens.holds(token, state, run.request.at))) return reject('code-invalid');
    const { newPassword: password, confirmPassword: confirmation } = input;
    const chosen = choosePassword(
      { password, confirmation, twoFactor: state.twoFactor !== null },
      deps.isCommonPassword,
    );
    if (isRejection(chosen)) return chosen;
    return { passwordHash: await hasher.hash(chosen.password), isShort: isTooShortAlone(chosen.password) };
  };

  return {
    name: 'ResetPassword',
    several: false,
    run: async (input, run) => {
      const token = tokens.read(input.token);
      if (token === null) return reject('code-invalid');
      const { userId } = token;
      const prepared = await prepare(token, input, run);
      const step = await run.step(user, userStream(userId), async (state) => {
        if (isRejection(prepared)) return prepared;
        if (prepared.isShort && state?.twoFactor == null) return tooShort();
        if (!(await tokens.holds(token, state, run.request.at))) return reject('code-invalid');
        return user.decide({ type: 'ResetPassword', passwordHash: prepared.passwordHash }, state);
      });
      if (isRejection(step)) return step;
      await tokens.forget(token);
      await sessions.endAll(userId);
      return { result: { userId } };
    },
  };
};

/**
 * An administrator has somebody set a new password, or invites them again. Nothing changes before they do. Rejections:
 * `not-found`, `already-ended`, `externally-managed`, `email-required`, `conflict` {status}: they are turned off, or a
 * service that signs in by no password.
 */
const sendPasswordReset = ({
  tokens,
}: Pick<ResetPasswordDeps, 'tokens'>): Command<{ readonly userId: UserId }, ResetPasswordAnswer> => ({
  name: 'SendPasswordReset',
  several: false,
  run: async ({ userId }, run) => {
    const step = await run.step(user, userStream(userId), async (state) => {
      if (state === null) return reject('not-found');
      if (isGone(state)) return reject('already-ended');
      if (state.externalProvider !== null) return reject('externally-managed');
      if (state.email === null) return reject('email-required');
      const invited = state.status === 'invited';
      if (!invited && !canReset(state)) return reject('conflict', { status: state.status });
      const kind = invited ? 'invitation' : 'password-reset';
      const made = { secret: run.secretBytes('password token', 32), id: run.commandId, at: run.request.at };
      await tokens.issue(kind, state, made);
      return [];
    });
    return isRejection(step) ? step : { result: { userId } };
  },
});

export const passwordResetCommands = (deps: ResetPasswordDeps) => ({
  resetPassword: resetPassword(deps),
  sendPasswordReset: sendPasswordReset(deps),
});

export type PasswordResetCommands = ReturnType<typeof passwordResetCommands>;
