import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import { readCode } from '../../domain/oneTimeCode.ts';
import type { TwoFactor } from '../../domain/user.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Execute, Request } from '../command.ts';
import type { Cryptography, OneTimeCodes, Randomness } from '../environment.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import { sealedTable } from '../sealing/vaultTable.ts';
import { byUser } from './byUser.ts';
import type { ThrottleKey } from './throttling.ts';

export type CodeAccount = { readonly userId: UserId; readonly twoFactor: TwoFactor };

/** A code that was right. `recoveryHash`: of a recovery code, still to be used up; null: a code of an app, used up by now. */
export type ProvenCode = { readonly recoveryHash: string | null };

/** Codes of the second factor. None is accepted twice, by however many processes and whoever dies when. */
export type Codes = {
  /** As it is kept of a recovery code. @param code in its own form */
  readonly recoveryHash: (userId: UserId, code: string) => string;
  /**
   * @param by who uses it up: the same again, after a crash, finds it used by itself and goes on
   * @returns null where it is wrong, or was used by another
   */
  readonly prove: (account: CodeAccount, typed: string, at: Instant, by: string) => Promise<ProvenCode | null>;
  /** The same, and a recovery code is used up as well. @returns whether it was right */
  readonly verify: (account: CodeAccount, typed: string, request: Request) => Promise<boolean>;
};

export type VerifyCode = Codes['verify'];

/**
 * What wrong codes are counted by: apart from passwords, or a right password would clear what wrong codes ran up, and
 * slowly, since there are only a million. Who signs in from a browser that is known is not kept out by others.
 * @param from the device that signs in; null: an unknown one; `inside`: they are signed in
 */
export const codeThrottleKeys = (userId: UserId, from: { readonly device: string | null } | 'inside') => {
  const of = from === 'inside' ? 'signed in' : (from.device ?? 'anywhere');
  return [{ kind: 'account', of: `code ${userId} ${of}` }] as const satisfies readonly ThrottleKey[];
};

/** The last thirty seconds of a secret whose code was used. */
type Used = { readonly step: number; readonly by: string };

const usedStepKind = 'one-time-step';
/** A clock that was set back must not make a used code good again. */
const keptMs = 30 * 24 * 3_600_000;

const useRecoveryCode: Command<{ readonly userId: UserId; readonly codeHash: string }, { readonly used: true }> = {
  name: 'UseRecoveryCode',
  several: false,
  run: async ({ userId, codeHash }, run) => {
    const step = await run.step(user, userStream(userId), (state) =>
      user.decide({ type: 'UseRecoveryCode', codeHash }, state),
    );
    return isRejection(step) ? step : { result: { used: true } };
  },
};

export const createCodes = (deps: {
  readonly vault: Vault;
  readonly boxes: Boxes;
  readonly crypto: Cryptography;
  readonly purposeKeys: PurposeKeys;
  readonly randomness: Randomness;
  readonly oneTimeCodes: OneTimeCodes;
  readonly execute: Execute;
}): Codes => {
  const { crypto, oneTimeCodes, randomness, execute } = deps;
  const table = sealedTable<Used>(deps.vault, usedStepKind, deps.boxes);
  const recoveryKey = deps.purposeKeys('recovery codes');
  const secretKey = deps.purposeKeys('one-time steps');

  const recoveryHash: Codes['recoveryHash'] = (userId, code) =>
    toHex(crypto.hmacSha256(recoveryKey, `${userId} ${code}`));

  // Only ever forward, by a conditional write: of two who show one code at the same moment, one is right.
  const useUp = async (userId: UserId, secret: string, used: Used, at: Instant): Promise<boolean> => {
    const id = `${userId}:${toHex(crypto.hmacSha256(secretKey, secret)).slice(0, 32)}`;
    for (;;) {
      const row = await table.get(id);
      if (row !== null && row.value.step >= used.step) return row.value.step === used.step && row.value.by === used.by;
      const options = { person: userId, expiresAt: millis(at) + keptMs };
      const written = await table.put(id, used, row?.version ?? 'absent', options);
      if (written.put) return true;
      if (written.current === null) return false;
    }
  };

  const prove: Codes['prove'] = async ({ userId, twoFactor }, typed, at, by) => {
    const code = readCode(typed);
    if (code === null) return null;
    if (code.kind === 'recovery') {
      const hash = recoveryHash(userId, code.code);
      return twoFactor.recoveryCodeHashes.includes(hash) ? { recoveryHash: hash } : null;
    }
    const { secret } = twoFactor;
    const step = secret === null ? null : oneTimeCodes.stepOf(secret, code.digits, millis(at));
    if (secret === null || step === null) return null;
    return (await useUp(userId, secret, { step, by }, at)) ? { recoveryHash: null } : null;
  };

  return {
    recoveryHash,
    prove,
    verify: async (account, typed, request) => {
      const proven = await prove(account, typed, request.at, toHex(randomness.bytes(16)));
      if (proven === null) return false;
      const { userId } = account;
      const { recoveryHash: codeHash } = proven;
      if (codeHash === null) return true;
      return !isRejection(await execute(useRecoveryCode, { userId, codeHash }, byUser(request, userId)));
    },
  };
};
