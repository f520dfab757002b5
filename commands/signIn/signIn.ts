import { type ActivityEvent, isFailureRecorded } from '../../domain/activity.ts';
import { clientPrefix } from '../../domain/clientAddress.ts';
import { type Fold, isRejection, type Rejection, reject } from '../../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../../domain/emailClaim.ts';
import type { UserId } from '../../domain/ids.ts';
import { isTooShortAlone } from '../../domain/password.ts';
import { throttleKinds } from '../../domain/signInThrottle.ts';
import { type TwoFactor, type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Execute, Loaded, Request } from '../command.ts';
import type { Position } from '../ports/eventStore.ts';
import { recordActivity } from '../users/activities.ts';
import type { EmailAddresses } from '../users/emailAddresses.ts';
import type { Background } from './background.ts';
import { byUser } from './byUser.ts';
import { codeThrottleKeys, type VerifyCode } from './codes.ts';
import type { Devices } from './devices.ts';
import { checkPassword, type PasswordCheckDeps } from './passwordCheck.ts';
import type { NewSession, Session, Sessions } from './sessions.ts';
import type { Admitted, ThrottleKey } from './throttling.ts';

export type Load = <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;

export type SignInDeps = PasswordCheckDeps & {
  readonly execute: Execute;
  readonly load: Load;
  readonly sessions: Sessions;
  readonly devices: Devices;
  readonly background: Background;
  readonly addresses: EmailAddresses;
  /** Without it nobody with a second factor gets in. */
  readonly verifyCode?: VerifyCode;
};

export type SignInInput = {
  /** As it was typed. */
  readonly email: string;
  readonly password: string;
  readonly code?: string | undefined;
  /** The device cookie's value. */
  readonly device: string | null;
  /** The cookie's value of a session in this browser, which the new one takes the place of. */
  readonly replaces: string | null;
};

export type SignedIn = {
  readonly session: Session;
  /** For the session's cookie. */
  readonly token: string;
  /** For the device's. */
  readonly device: string;
  /** Of the event that says so. */
  readonly position: Position | null;
};

/**
 * Rejections: `invalid-credentials`, the same for a wrong password, an unknown address and who may not sign in;
 * `second-factor-required`; `too-many-requests` {retryAfterSeconds}.
 * @throws Failure too-busy where too many passwords wait to be hashed
 */
export type SignIn = (input: SignInInput, request: Request) => Promise<SignedIn | Rejection>;

type Account = {
  readonly userId: UserId;
  readonly ownerEpoch: number;
  readonly sessionEpoch: number;
  /** Null: no password opens this account. */
  readonly passwordHash: string | null;
  readonly twoFactor: TwoFactor | null;
};

/** Whoever has the address now, in whatever state. */
export const userByClaim = async (load: Load, claim: string): Promise<User | null> => {
  const claimed = await load(emailClaim, emailClaimStream(claim));
  if (claimed.state === null) return null;
  const { state } = await load(user, userStream(claimed.state.userId));
  // A claim may be ahead of its user: until they have taken the address, nobody signs in with it.
  return state !== null && state.claim === claim ? state : null;
};

const accountOf = async (load: Load, claim: string): Promise<Account | null> => {
  const state = await userByClaim(load, claim);
  if (state === null) return null;
  const { userId, ownerEpoch, sessionEpoch, twoFactor } = state;
  const open = state.status === 'active' && state.externalProvider === null;
  return { userId, ownerEpoch, sessionEpoch, twoFactor, passwordHash: open ? state.passwordHash : null };
};

const rehashPassword: Command<{ userId: UserId; from: string; passwordHash: string }, { rehashed: boolean }> = {
  name: 'RehashPassword',
  several: false,
  run: async ({ userId, from, passwordHash }, run) => {
    const step = await run.step(user, userStream(userId), (state) =>
      user.decide({ type: 'RehashPassword', from, passwordHash }, state),
    );
    return isRejection(step) ? step : { result: { rehashed: step.events.length > 0 } };
  },
};

/** @param device as `Devices.recognise` says */
export const throttleKeys = (claim: string, ip: string | null, device: string | null): readonly ThrottleKey[] => {
  const client = (ip === null ? null : clientPrefix(ip)) ?? 'unknown';
  const of = { pair: `${claim} ${client}`, client, account: claim, device: device ?? '' };
  return throttleKinds(device !== null).map((kind) => ({ kind, of: of[kind] }));
};

/** What a failed attempt on an account is worth telling: the first and each tenth, and that it brought on a wait. */
const failureEvents = ({ counters }: Admitted): readonly ActivityEvent[] => {
  const { pair, account, device } = counters;
  const failures = (account ?? device)?.failures ?? 0;
  const blocked = [pair, account, device].some((counter) => counter != null && counter.blockedUntil !== null);
  return [
    ...(isFailureRecorded(failures) ? [{ type: 'SignInFailed', data: { failures } } as const] : []),
    ...(blocked ? [{ type: 'SignInBlocked', data: { failures } } as const] : []),
  ];
};

export const createSignIn = (deps: SignInDeps): SignIn => {
  const { execute, load, hasher, sessions, devices, background } = deps;

  // Told after the answer: an attempt on an account takes no longer than one on nothing.
  const failed = (account: Account | null, admitted: Admitted, request: Request): Rejection => {
    const events = account === null ? [] : failureEvents(admitted);
    if (account !== null && events.length > 0)
      background.begin('recording a failed sign-in', () =>
        execute(recordActivity, { userId: account.userId, events }, request),
      );
    return reject('invalid-credentials');
  };

  const renewHash = (userId: UserId, from: string, password: string, request: Request) =>
    background.begin('hashing a password anew', async () => {
      const passwordHash = await hasher.hash(password);
      await execute(rehashPassword, { userId, from, passwordHash }, byUser(request, userId));
    });

  const opened = async (given: NewSession, request: Request) => {
    const made = await sessions.open(given);
    if (made === null) return null;
    const { userId, method, twoFactor } = given;
    const event = { type: 'SignedIn', data: { sessionId: made.session.id, method, twoFactor } } as const;
    try {
      const recorded = await execute(recordActivity, { userId, events: [event] }, byUser(request, userId));
      return { ...made, position: isRejection(recorded) ? null : recorded.position };
    } catch (error) {
      await sessions.end(userId, made.session.id);
      throw error;
    }
  };

  return async ({ email, password, code, device: shown, replaces }, request) => {
    const address = deps.addresses.signInAddress(email);
    // What is no address is nobody's, and is counted like any other that is not.
    const claim = address?.claim ?? `no address ${email}`;
    const device = await devices.recognise(shown, claim);
    const found: { account: Account | null } = { account: null };
    const checked = await checkPassword(deps, {
      keys: throttleKeys(claim, request.ip, device),
      lane: device ?? (request.ip === null ? null : clientPrefix(request.ip)) ?? 'unknown',
      password,
      hashOf: async () => {
        found.account = address === null ? null : await accountOf(load, claim);
        return found.account?.passwordHash ?? null;
      },
      at: request.at,
    });
    if (isRejection(checked)) return checked;
    const { right, needsRehash, admitted } = checked;
    const { account } = found;
    if (account === null || account.passwordHash === null || !right) return failed(account, admitted, request);

    const { userId, ownerEpoch, sessionEpoch, twoFactor, passwordHash } = account;
    if (twoFactor !== null) {
      if (code === undefined) {
        await admitted.takeBack();
        return reject('second-factor-required');
      }
      const tried = await deps.throttling.admit(codeThrottleKeys(userId, { device }), request.at);
      if (isRejection(tried)) {
        await admitted.takeBack();
        return tried;
      }
      const verified = await deps.verifyCode?.({ userId, twoFactor }, code, request);
      if (verified !== true) return failed(account, admitted, request);
      await tried.succeeded();
    }
    await admitted.succeeded();
    if (needsRehash) renewHash(userId, passwordHash, password, request);

    const { ip, userAgent } = request;
    const given = {
      userId,
      ownerEpoch,
      sessionEpoch,
      ip,
      userAgent,
      method: 'password',
      twoFactor: twoFactor !== null,
      mustChangePassword: twoFactor === null && isTooShortAlone(password),
    };
    const made = await opened(given as NewSession, request);
    if (made === null) return reject('invalid-credentials');
    const replaced = replaces === null ? null : await sessions.find(replaces);
    if (replaced?.userId === userId) await sessions.end(userId, replaced.id);
    return { ...made, device: await devices.remember(shown, claim, userId) };
  };
};
