import { type ActivityEvent, activity, activityStream } from '../../domain/activity.ts';
import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import { emailNormalForm } from '../../domain/emailAddress.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, plusSeconds } from '../../domain/instant.ts';
import { isGone, notificationsOf, type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Done, Run } from '../command.ts';
import type { Throttling } from '../signIn/throttling.ts';
import type { Outbox } from './outbox.ts';
import type { ServiceNotice } from './templates/serviceNotice.ts';
import type { MailTokens } from './tokens.ts';

export type NotificationDeps = {
  readonly outbox: Outbox;
  readonly tokens: MailTokens;
  readonly throttling: Pick<Throttling, 'admit'>;
};

export type NotificationAnswer = { readonly userId: UserId };

/** How long the link in a mail that verifies an address works. */
const verificationSeconds = 48 * 3600;

/** What keeps one user, and all users together, from filling a stranger's mailbox. */
const admitted = async (deps: NotificationDeps, userId: UserId, email: string, run: Run): Promise<Rejection | null> => {
  const keys = [
    { kind: 'pair', of: `verification ${userId}` },
    { kind: 'account', of: `verification ${email}` },
  ] as const;
  const tried = await deps.throttling.admit(keys, run.request.at);
  return isRejection(tried) ? tried : null;
};

const mailVerification = async (deps: NotificationDeps, account: User, email: string, run: Run) => {
  const { userId } = account;
  const refused = await admitted(deps, userId, email, run);
  if (refused !== null) return refused;
  const until = plusSeconds(run.request.at, verificationSeconds);
  const token = deps.tokens.address({ userId, email, until }, account);
  const mail = { template: 'address-verification', params: { token, until } } as const;
  await deps.outbox.put({ ...mail, id: `address-verification:${run.commandId}`, userId, address: email, until });
  return null;
};

/** Whether the address still has to be confirmed by whoever reads what is sent to it. */
const awaitsProof = (email: string | null, account: User): email is string => {
  const now = notificationsOf(account);
  return email !== null && email !== account.email && !(email === now.email && now.verified);
};

export type ChangeNotificationsInput = {
  readonly userId: UserId;
  readonly email: string | null;
  readonly enabled: boolean;
};

/**
 * An address that is not the one they sign in with gets a mail with a link, again each time it is set while nobody has
 * opened the link. If-Match is about the user's own last event. Rejections: `validation-failed`, `email-required`,
 * `too-many-requests` {retryAfterSeconds}, `already-ended`.
 */
const changeNotifications = (deps: NotificationDeps): Command<ChangeNotificationsInput, NotificationAnswer> => ({
  name: 'ChangeNotifications',
  several: false,
  run: async ({ userId, email, enabled }, run) => {
    const step = await run.step(
      user,
      userStream(userId),
      async (state) => {
        const decision = user.decide({ type: 'ChangeNotifications', email, enabled }, state);
        if (isRejection(decision) || state === null) return decision;
        const wanted = email === null ? null : emailNormalForm(email);
        // Before the append: nobody is left without the mail that a crash in between would have kept from them.
        const refused = awaitsProof(wanted, state) ? await mailVerification(deps, state, wanted, run) : null;
        return refused ?? decision;
      },
      { revisionOf: (state) => state?.revision ?? null },
    );
    return isRejection(step) ? step : { result: { userId } };
  },
});

/**
 * Rejections: `code-invalid`: no token of ours, too old, or from before the password or the address to sign in with was
 * changed; `conflict`: the address is no longer the one set.
 */
const confirmNotificationAddress = ({
  tokens,
}: NotificationDeps): Command<{ readonly token: string }, NotificationAnswer> => ({
  name: 'ConfirmNotificationAddress',
  several: false,
  run: async ({ token }, run) => {
    const read = tokens.readAddress(token, run.request.at);
    if (read === null) return reject('code-invalid');
    const { userId, email, isOf } = read;
    const step = await run.step(user, userStream(userId), (state) =>
      state === null || isGone(state) || !isOf(state)
        ? reject('code-invalid')
        : user.decide({ type: 'ConfirmNotificationAddress', email }, state),
    );
    return isRejection(step) ? step : { result: { userId } };
  },
});

/** By the link in a mail: the address stays, the switch is off. Rejection: `not-found`. */
const unsubscribe: Command<{ readonly userId: UserId }, NotificationAnswer> = {
  name: 'Unsubscribe',
  several: true,
  run: async ({ userId }, run): Promise<Done<NotificationAnswer> | Rejection> => {
    const switched = await run.step(user, userStream(userId), (state) => {
      if (state === null || isGone(state)) return reject('not-found');
      const { email } = notificationsOf(state);
      return user.decide({ type: 'ChangeNotifications', email, enabled: false }, state);
    });
    if (isRejection(switched)) return switched;
    if (switched.events.length > 0) {
      const event: ActivityEvent = { type: 'Unsubscribed', data: {} };
      const told = await run.step(activity, activityStream(userId), () => [event]);
      if (isRejection(told)) return told;
    }
    return { result: { userId } };
  },
};

export type SendNoticeInput = { readonly userId: UserId } & ServiceNotice;

/**
 * Put into the outbox, to be mailed where the user wants it. What does not say when it happened did now. Rejection:
 * `not-found`: nobody, or no longer.
 */
const sendNotice = ({ outbox }: NotificationDeps): Command<SendNoticeInput, { readonly id: string }> => ({
  name: 'SendNotice',
  several: false,
  run: async ({ userId, ...notice }, run) => {
    const step = await run.step(user, userStream(userId), (state) =>
      state === null || isGone(state) ? reject('not-found') : [],
    );
    if (isRejection(step)) return step;
    const id = run.newId('notice');
    const params = { ...notice, occurredAt: notice.occurredAt ?? run.request.at };
    await outbox.put({ id: `notice:${id}`, userId, template: 'service-notice', params });
    return { result: { id } };
  },
});

export type RecordNoticeInput = {
  readonly userId: UserId;
  readonly noticeId: string;
  readonly category: string;
  /** The same for the same mail: it stands in the history once. */
  readonly eventId: string;
};

/** A mail was taken by the server. Nothing refuses it. */
export const recordNotice: Command<RecordNoticeInput, { readonly recorded: true }> = {
  name: 'RecordNotice',
  several: false,
  run: async ({ userId, noticeId, category, eventId }, run) => {
    const event: ActivityEvent = { type: 'NoticeSent', data: { noticeId, category } };
    const step = await run.step(activity, activityStream(userId), () => [event], { firstEventId: eventId });
    return isRejection(step) ? step : { result: { recorded: true } };
  },
};

export type ExpiryNoticeInput = {
  readonly userId: UserId;
  readonly keyId: string;
  readonly days: number;
  readonly expiresAt: Instant;
};

/** Written down once for the same key, days and end. Nothing refuses it. */
export const recordExpiryNotice: Command<ExpiryNoticeInput, { readonly recorded: boolean }> = {
  name: 'RecordExpiryNotice',
  several: false,
  run: async ({ userId, ...data }, run) => {
    const step = await run.step(activity, activityStream(userId), (state) =>
      activity.decide({ type: 'ApiKeyExpiryNoticed', data }, state),
    );
    return isRejection(step) ? step : { result: { recorded: step.events.length > 0 } };
  },
};

export const notificationCommands = (deps: NotificationDeps) => ({
  changeNotifications: changeNotifications(deps),
  confirmNotificationAddress: confirmNotificationAddress(deps),
  sendNotice: sendNotice(deps),
  unsubscribe,
  recordNotice,
  recordExpiryNotice,
});

export type NotificationCommands = ReturnType<typeof notificationCommands>;
