import { type Decision, type Rejection, reject } from './decider.ts';
import type { User, UserEvent } from './user.ts';

/** Passwords and codes were checked before; a decision sees only what is kept of them. */
export type CredentialCommand =
  | { readonly type: 'ChangePassword'; readonly passwordHash: string; readonly endOtherSessions: boolean }
  /** By a mailed link, or on the machine itself: ends every session, and takes up an invitation. */
  | { readonly type: 'ResetPassword'; readonly passwordHash: string }
  /** The same password under newer parameters; nothing where `from` is no longer the hash. */
  | { readonly type: 'RehashPassword'; readonly from: string; readonly passwordHash: string }
  | { readonly type: 'EnableTwoFactor'; readonly secret: string; readonly recoveryCodeHashes: readonly string[] }
  | { readonly type: 'RenewRecoveryCodes'; readonly recoveryCodeHashes: readonly string[] }
  | { readonly type: 'DisableTwoFactor'; readonly by: 'user' | 'administrator' }
  | { readonly type: 'UseRecoveryCode'; readonly codeHash: string };

/**
 * Rejections: `externally-managed`; `conflict` {status} where they are not active (or, to reset, invited), or there is no
 * second factor whose codes could be renewed; `two-factor-already-on`; `code-invalid`.
 */
export const decideCredentials = (command: CredentialCommand, user: User): Decision<UserEvent> => {
  if (user.externalProvider !== null) return reject('externally-managed');
  switch (command.type) {
    case 'ChangePassword': {
      const { passwordHash, endOtherSessions: endedSessions } = command;
      return unlessActive(user) ?? [{ type: 'PasswordChanged', data: { passwordHash, endedSessions } }];
    }
    case 'ResetPassword': {
      const { passwordHash } = command;
      if (user.status !== 'invited' && user.status !== 'active') return reject('conflict', { status: user.status });
      return [{ type: 'PasswordReset', data: { passwordHash } }];
    }
    case 'RehashPassword': {
      const { from, passwordHash } = command;
      if (user.passwordHash !== from || from === passwordHash) return [];
      return [{ type: 'PasswordRehashed', data: { passwordHash } }];
    }
    case 'EnableTwoFactor': {
      const { secret, recoveryCodeHashes } = command;
      if (user.twoFactor !== null) return reject('two-factor-already-on');
      return unlessActive(user) ?? [{ type: 'TwoFactorEnabled', data: { secret, recoveryCodeHashes } }];
    }
    case 'RenewRecoveryCodes': {
      const { recoveryCodeHashes } = command;
      if (user.twoFactor === null) return reject('conflict', { status: user.status });
      const { secret } = user.twoFactor;
      return unlessActive(user) ?? [{ type: 'TwoFactorEnabled', data: { secret, recoveryCodeHashes } }];
    }
    case 'DisableTwoFactor':
      return user.twoFactor === null ? [] : [{ type: 'TwoFactorDisabled', data: { by: command.by } }];
    case 'UseRecoveryCode': {
      const { codeHash } = command;
      if (!user.twoFactor?.recoveryCodeHashes.includes(codeHash)) return reject('code-invalid');
      return unlessActive(user) ?? [{ type: 'RecoveryCodeUsed', data: { codeHash } }];
    }
  }
};

const unlessActive = (user: User): Rejection | null =>
  user.status === 'active' ? null : reject('conflict', { status: user.status });
