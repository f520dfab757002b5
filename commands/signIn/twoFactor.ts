import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, instant, millis } from '../../domain/instant.ts';
import { recoveryCodeBytes, recoveryCodes } from '../../domain/oneTimeCode.ts';
import { isTooShortAlone, tooShort } from '../../domain/password.ts';
import { type User, type UserEvent, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import type { Clock, OneTimeCodes } from '../environment.ts';
import { createShownOnce } from '../handling/shownOnce.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { sealedTable } from '../sealing/vaultTable.ts';
import type { Codes, ProvenCode } from './codes.ts';
import type { Identity } from './identity.ts';

export type TwoFactorDeps = {
  readonly vault: Vault;
  readonly boxes: Boxes;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly codes: Codes;
  readonly oneTimeCodes: OneTimeCodes;
};

export type TwoFactorAnswer = { readonly userId: UserId };

/** Somebody signed in, and the password that came with what they ask; without one, what they showed lately counts. */
type Asking = { readonly userId: UserId; readonly sessionId: string; readonly password?: string | undefined };

/** A secret that nobody has shown a code of yet. One per user; the next takes its place. */
type Enrolment = {
  readonly sessionId: string;
  readonly secret: string;
  readonly recoveryCodeHashes: readonly string[];
  readonly until: Instant;
};

const enrolmentKind = 'two-factor-enrolment';
const enrolmentMs = 30 * 60_000;

/** What enrolling and renewing show once: `secret` and `otpauthUrl` are of an enrolment alone. */
export type ShownTexts = {
  readonly secret?: string;
  readonly otpauthUrl?: string;
  readonly recoveryCodes: readonly string[];
};

const shownOf = (userId: UserId) => `two-factor ${userId}`;

const refusalOf = (state: User | null): Rejection | null => {
  if (state === null) return reject('not-found');
  return state.externalProvider === null ? null : reject('externally-managed');
};

const newRecoveryCodes = ({ codes }: TwoFactorDeps, userId: UserId, run: Run) => {
  const texts = recoveryCodes(run.secretBytes('recovery codes', recoveryCodeBytes));
  return { texts, hashes: texts.map((text) => codes.recoveryHash(userId, text)) };
};

const createTable = ({ vault, boxes }: TwoFactorDeps) => sealedTable<Enrolment>(vault, enrolmentKind, boxes);
type Table = ReturnType<typeof createTable>;

/** What was shown before is good for nothing any more, so nobody is shown it again. */
const forgetShown = (deps: TwoFactorDeps, userId: UserId) => createShownOnce(deps).forget(shownOf(userId));

/**
 * A secret and recovery codes, which mean nothing before a code of the secret was shown from the same session.
 * Rejections: `two-factor-already-on`, `externally-managed`, `reauthentication-required`, `reauthentication-failed`,
 * `too-many-requests`.
 */
const enrolTwoFactor = (deps: TwoFactorDeps, table: Table): Command<Asking, TwoFactorAnswer> => ({
  name: 'EnrolTwoFactor',
  several: false,
  run: async ({ userId, sessionId, password }, run) => {
    const { at } = run.request;
    const proven = await deps.identity.confirm({ userId, sessionId }, password, run.request);
    const secret = deps.oneTimeCodes.secretOf(run.secretBytes('two-factor secret', 20));
    const { texts, hashes } = newRecoveryCodes(deps, userId, run);
    let account = '';
    const step = await run.step(user, userStream(userId), async (state) => {
      const refused = refusalOf(state) ?? proven;
      if (refused !== null) return refused;
      const decision = user.decide({ type: 'EnableTwoFactor', secret, recoveryCodeHashes: hashes }, state);
      if (isRejection(decision)) return decision;
      account = state?.email ?? userId;
      const until = instant(millis(at) + enrolmentMs);
      const row = { sessionId, secret, recoveryCodeHashes: hashes, until };
      await table.put(userId, row, 'any', { person: userId, expiresAt: millis(until) });
      return [];
    });
    if (isRejection(step)) return step;
    await forgetShown(deps, userId);
    const shown: ShownTexts = { secret, otpauthUrl: deps.oneTimeCodes.urlOf(secret, account), recoveryCodes: texts };
    return { result: { userId }, shown: { of: shownOf(userId), texts: shown } };
  },
});

export type ConfirmTwoFactorInput = { readonly userId: UserId; readonly sessionId: string; readonly code: string };

/**
 * Turns it on: the code says that the app has the secret, and is used up by it. Rejections: `code-invalid`; `conflict`
 * where nothing was begun, or too long ago; `two-factor-already-on`, `externally-managed`.
 */
const confirmTwoFactor = (deps: TwoFactorDeps, table: Table): Command<ConfirmTwoFactorInput, TwoFactorAnswer> => {
  const prepare = async ({ userId, sessionId, code }: ConfirmTwoFactorInput, run: Run) => {
    const { state } = await run.load(user, userStream(userId));
    const refused = refusalOf(state);
    if (refused !== null) return refused;
    if (state?.twoFactor != null) return reject('two-factor-already-on');
    const begun = (await table.get(userId))?.value ?? null;
    if (begun === null || begun.sessionId !== sessionId || begun.until <= run.request.at) return reject('conflict');
    const { secret, recoveryCodeHashes } = begun;
    // No recovery code turns it on: it would say nothing about the app.
    const twoFactor = { secret, recoveryCodeHashes: [] };
    const proven = await deps.codes.prove({ userId, twoFactor }, code, run.request.at, run.commandId);
    return proven === null ? reject('code-invalid') : { secret, recoveryCodeHashes };
  };

  return {
    name: 'ConfirmTwoFactor',
    several: false,
    run: async (input, run) => {
      const { userId } = input;
      const prepared = await prepare(input, run);
      // A refusal goes through the step: an earlier run of this very command may have turned it on already.
      const step = await run.step(user, userStream(userId), (state) =>
        isRejection(prepared) ? prepared : user.decide({ type: 'EnableTwoFactor', ...prepared }, state),
      );
      if (isRejection(step)) return step;
      await table.remove(userId);
      await forgetShown(deps, userId);
      return { result: { userId } };
    },
  };
};

export type CodeInput = Asking & { readonly code: string };

/** `passwordHash`: what the password was right for; null: none came with it. */
type Proven = ProvenCode & { readonly secret: string | null; readonly passwordHash: string | null };

/** Who they are by password, and by a code, which is used up by it or by what is appended. Null: there is no second factor. */
const proveBoth = async (
  deps: TwoFactorDeps,
  { userId, sessionId, password, code }: CodeInput,
  run: Run,
  /** What else refuses it, once the password was right. */
  unlessRefused: (passwordIsShort: boolean) => Rejection | null = () => null,
): Promise<Proven | null | Rejection> => {
  const { identity } = deps;
  const { state } = await run.load(user, userStream(userId));
  const refused = refusalOf(state);
  if (refused !== null) return refused;
  const shown =
    password === undefined
      ? await identity.confirm({ userId, sessionId }, undefined, run.request)
      : await identity.password(userId, password, run.request);
  if (isRejection(shown)) return shown;
  if (state?.twoFactor == null) return null;
  const wrong = unlessRefused(password !== undefined && isTooShortAlone(password));
  if (wrong !== null) return wrong;
  const { secret } = state.twoFactor;
  const proven = await identity.code(userId, code, run.request, run.commandId);
  return isRejection(proven) ? proven : { ...proven, secret, passwordHash: shown?.hash ?? null };
};

/** The recovery code that was shown is used up in the same append. */
const usingUp = (proven: Proven, state: User | null, then: readonly UserEvent[]): readonly UserEvent[] | Rejection => {
  const { secret, passwordHash } = proven;
  if (state?.twoFactor?.secret !== secret) return reject('conflict');
  if (passwordHash !== null && state.passwordHash !== passwordHash) return reject('conflict');
  if (proven.recoveryHash === null) return then;
  const used = user.decide({ type: 'UseRecoveryCode', codeHash: proven.recoveryHash }, state);
  return isRejection(used) ? used : [...used, ...then];
};

/**
 * Off, by a code of an app or a recovery code. A password that was long enough only beside it is changed first.
 * Rejections: `password-too-short` {min}, `code-invalid`, `externally-managed`, `reauthentication-required`,
 * `reauthentication-failed`, `too-many-requests`, `conflict`.
 */
const disableTwoFactor = (deps: TwoFactorDeps): Command<CodeInput, TwoFactorAnswer> => ({
  name: 'DisableTwoFactor',
  several: false,
  run: async (input, run) => {
    const { userId } = input;
    const proven = await proveBoth(deps, input, run, (passwordIsShort) => (passwordIsShort ? tooShort() : null));
    const step = await run.step(user, userStream(userId), (state) => {
      if (isRejection(proven)) return proven;
      const decision = user.decide({ type: 'DisableTwoFactor', by: 'user' }, state);
      if (isRejection(decision) || decision.length === 0) return decision;
      return proven === null ? reject('conflict') : usingUp(proven, state, decision);
    });
    if (isRejection(step)) return step;
    await forgetShown(deps, userId);
    return { result: { userId } };
  },
});

/**
 * Ten new recovery codes; the old ones are good for nothing. Rejections: `code-invalid`, `conflict` where there is no
 * second factor, `externally-managed`, `reauthentication-required`, `reauthentication-failed`, `too-many-requests`.
 */
const renewRecoveryCodes = (deps: TwoFactorDeps): Command<CodeInput, TwoFactorAnswer> => ({
  name: 'RenewRecoveryCodes',
  several: false,
  run: async (input, run) => {
    const { userId } = input;
    const proven = await proveBoth(deps, input, run);
    const { texts, hashes } = newRecoveryCodes(deps, userId, run);
    const step = await run.step(user, userStream(userId), (state) => {
      if (isRejection(proven)) return proven;
      if (proven === null) return reject('conflict');
      const decision = user.decide({ type: 'RenewRecoveryCodes', recoveryCodeHashes: hashes }, state);
      return isRejection(decision) ? decision : usingUp(proven, state, decision);
    });
    if (isRejection(step)) return step;
    await forgetShown(deps, userId);
    const shown: ShownTexts = { recoveryCodes: texts };
    return { result: { userId }, shown: { of: shownOf(userId), texts: shown } };
  },
});

/** For somebody who lost their app and their recovery codes. Rejections: `not-found`, `already-ended`, `externally-managed`. */
const resetTwoFactor: Command<{ readonly userId: UserId; readonly reason: string | null }, TwoFactorAnswer> = {
  name: 'ResetTwoFactor',
  several: false,
  run: async ({ userId, reason }, run) => {
    const step = await run.step(
      user,
      userStream(userId),
      (state) => user.decide({ type: 'DisableTwoFactor', by: 'administrator' }, state),
      { reason },
    );
    return isRejection(step) ? step : { result: { userId } };
  },
};

export const twoFactorCommands = (deps: TwoFactorDeps) => {
  const table = createTable(deps);
  return {
    enrolTwoFactor: enrolTwoFactor(deps, table),
    confirmTwoFactor: confirmTwoFactor(deps, table),
    disableTwoFactor: disableTwoFactor(deps),
    renewRecoveryCodes: renewRecoveryCodes(deps),
    resetTwoFactor,
  };
};

export type TwoFactorCommands = ReturnType<typeof twoFactorCommands>;
