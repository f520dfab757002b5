import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import type { TwoFactor } from '../../domain/user.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Request } from '../command.ts';
import { type CodeAccount, type Codes, codeThrottleKeys, type ProvenCode, type VerifyCode } from './codes.ts';
import { checkPassword, type PasswordCheckDeps } from './passwordCheck.ts';
import type { Session, Sessions } from './sessions.ts';
import type { Load } from './signIn.ts';
import type { ThrottleKey } from './throttling.ts';

/** Somebody signed in, asked to show once more that it is them. */
export type Asked = { readonly userId: UserId; readonly sessionId: string };

export type Proof = { readonly password: string } | { readonly code: string };

/** A password that was right, and the hash that it was right for. */
export type ProvenPassword = { readonly hash: string };

/** Rejections, unless said otherwise: `reauthentication-failed`, `externally-managed`, `too-many-requests` {retryAfterSeconds}. */
export type Identity = {
  /** @throws Failure too-busy */
  readonly password: (userId: UserId, password: string, request: Request) => Promise<ProvenPassword | Rejection>;
  /**
   * A code of their second factor beside a password. Rejections: `code-invalid`, also where it was used; `conflict` where
   * they have no second factor; `externally-managed`; `too-many-requests`.
   * @param by as `Codes.prove` takes it
   */
  readonly code: (userId: UserId, code: string, request: Request, by: string) => Promise<ProvenCode | Rejection>;
  /** Sensitive calls go without a password for five minutes from then on. */
  readonly reauthenticate: (who: Asked, proof: Proof, request: Request) => Promise<Rejection | null>;
  /**
   * Before a sensitive call: by a password that came with it, else by what was shown within the last five minutes.
   * Rejection, too: `reauthentication-required`.
   */
  readonly confirm: (who: Asked, password: string | undefined, request: Request) => Promise<Rejection | null>;
};

export const reauthenticationMs = 5 * 60_000;

const isRecent = (session: Session | null, at: Instant): boolean =>
  session !== null &&
  session.reauthenticatedAt !== null &&
  // A clock that was set back must not make five minutes an hour.
  Math.abs(millis(at) - millis(session.reauthenticatedAt)) < reauthenticationMs;

// Whoever is signed in cannot be kept out by strangers: only attempts from inside count, under names of their own.
const throttleKeys = (userId: UserId): readonly ThrottleKey[] => [
  { kind: 'device', of: `signed in ${userId}` },
  { kind: 'account', of: `signed in ${userId}` },
];

type Credentials = { readonly passwordHash: string | null; readonly twoFactor: TwoFactor | null };

export const createIdentity = (
  deps: PasswordCheckDeps & {
    readonly load: Load;
    readonly sessions: Sessions;
    /** Without it no code is right. */
    readonly proveCode?: Codes['prove'];
    readonly verifyCode?: VerifyCode;
  },
): Identity => {
  const { load, sessions } = deps;

  const credentialsOf = async (userId: UserId): Promise<Credentials | Rejection> => {
    const { state } = await load(user, userStream(userId));
    if (state === null || state.status !== 'active') return reject('forbidden');
    if (state.externalProvider !== null) return reject('externally-managed');
    return { passwordHash: state.passwordHash, twoFactor: state.twoFactor };
  };

  const password: Identity['password'] = async (userId, given, request) => {
    const credentials = await credentialsOf(userId);
    if (isRejection(credentials)) return credentials;
    const hash = credentials.passwordHash;
    const keys = throttleKeys(userId);
    const attempt = { keys, lane: userId, password: given, hashOf: async () => hash, at: request.at };
    const checked = await checkPassword(deps, attempt);
    if (isRejection(checked)) return checked;
    if (hash === null || !checked.right) return reject('reauthentication-failed');
    await checked.admitted.succeeded();
    return { hash };
  };

  /** What one attempt at a code comes to, behind its throttle. @returns null: it is wrong, which is counted */
  const attemptCode = async <T>(
    userId: UserId,
    request: Request,
    check: (account: CodeAccount) => Promise<T | null>,
  ): Promise<T | null | Rejection> => {
    const credentials = await credentialsOf(userId);
    if (isRejection(credentials)) return credentials;
    const { twoFactor } = credentials;
    if (twoFactor === null) return reject('conflict');
    const admitted = await deps.throttling.admit(codeThrottleKeys(userId, 'inside'), request.at);
    if (isRejection(admitted)) return admitted;
    const right = await check({ userId, twoFactor }).catch(async (error: unknown) => {
      await admitted.takeBack();
      throw error;
    });
    if (right !== null) await admitted.succeeded();
    return right;
  };

  const reauthenticateBy = async (userId: UserId, given: string, request: Request): Promise<Rejection | null> => {
    const right = await attemptCode(userId, request, async (account) =>
      (await deps.verifyCode?.(account, given, request)) === true ? true : null,
    );
    if (right === null || (isRejection(right) && right.rejected === 'conflict'))
      return reject('reauthentication-failed');
    return isRejection(right) ? right : null;
  };

  return {
    password,

    code: async (userId, given, request, by) => {
      const proven = await attemptCode(
        userId,
        request,
        async (account) => (await deps.proveCode?.(account, given, request.at, by)) ?? null,
      );
      return proven ?? reject('code-invalid');
    },

    reauthenticate: async ({ userId, sessionId }, proof, request) => {
      const shown =
        'password' in proof
          ? await password(userId, proof.password, request)
          : await reauthenticateBy(userId, proof.code, request);
      if (isRejection(shown)) return shown;
      await sessions.reauthenticated(userId, sessionId, request.at);
      return null;
    },

    confirm: async ({ userId, sessionId }, given, request) => {
      if (given !== undefined) {
        const shown = await password(userId, given, request);
        return isRejection(shown) ? shown : null;
      }
      const session = await sessions.get(userId, sessionId);
      return isRecent(session, request.at) ? null : reject('reauthentication-required');
    },
  };
};
