import { z } from 'zod';
import type { Execute, Loaded } from '../../commands/command.ts';
import { noticeAddress } from '../../commands/mail/compose.ts';
import type { Mails } from '../../commands/mail/mail.ts';
import { type Fold, isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { notificationsOf, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { Refusal } from '../refusal.ts';
import { type Answer, type Route, route } from '../route.ts';

export type NotificationsContext = {
  readonly execute: Execute;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly mails: Pick<Mails, 'servers'> & {
    readonly commands: Pick<Mails['commands'], 'changeNotifications' | 'confirmNotificationAddress'>;
  };
};

const tag = 'Profile';

const said = {
  emailVerified: z
    .boolean()
    .meta({ description: 'Its owner signs in with it, or opened the link that was mailed to it.' }),
  deliverable: z.boolean().meta({ description: 'A notice sent now would be mailed.' }),
};

const shown = z
  .object({ email: z.string().nullable(), enabled: z.boolean(), ...said })
  .meta({ id: 'NotificationSettings' });

// What was answered can be sent back as it is: the rest is read and passed over.
const change = z.strictObject({
  email: z.string().max(320).nullable(),
  enabled: z.boolean(),
  emailVerified: said.emailVerified.optional(),
  deliverable: said.deliverable.optional(),
});

const answerSettings = async (
  { load, mails }: NotificationsContext,
  userId: UserId,
  answer: Omit<Answer, 'status'> = {},
): Promise<Answer> => {
  const { state } = await load(user, userStream(userId));
  if (state === null) throw new Refusal('not-found');
  const { email, enabled, verified } = notificationsOf(state);
  const deliverable = noticeAddress(state) !== null && (await mails.servers.current()) !== null;
  return {
    ...answer,
    status: 200,
    etag: state.revision,
    body: { email, enabled, emailVerified: verified, deliverable },
  };
};

const read = (context: NotificationsContext) =>
  route({
    method: 'GET',
    path: '/v1/profile/notifications',
    summary: 'Where your notices go, and whether they do',
    tag,
    access: 'session',
    answers: { 200: shown },
    handle: ({ caller }) => answerSettings(context, caller.userId),
  });

const set = (context: NotificationsContext) =>
  route({
    method: 'PUT',
    path: '/v1/profile/notifications',
    summary: 'Set where your notices go; another address than the one you sign in with is sent a link first',
    tag,
    access: 'session',
    body: change,
    answers: { 200: shown },
    command: {
      command: 'ChangeNotifications',
      stream: 'user-<id>',
      events: ['NotificationSettingsChanged'],
      message: 'none',
      rejections: ['validation-failed', 'email-required', 'revision-mismatch', 'too-many-requests', 'already-ended'],
    },
    handle: async ({ caller, body, command }) => {
      const { userId } = caller;
      const input = { userId, email: body.email, enabled: body.enabled };
      const outcome = await context.execute(context.mails.commands.changeNotifications, input, command());
      if (isRejection(outcome)) return outcome;
      return answerSettings(context, userId, { position: outcome.position, replayed: outcome.replayed });
    },
  });

const confirm = (context: NotificationsContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/notifications/confirm',
    summary: 'Confirm an address by the token from the link that was mailed to it',
    tag,
    access: 'open',
    body: z.strictObject({ token: z.string().min(1).max(2000) }),
    answers: { 204: null },
    command: {
      command: 'ConfirmNotificationAddress',
      stream: 'user-<id>',
      events: ['NotificationSettingsChanged'],
      message: 'none',
      rejections: ['code-invalid', 'conflict'],
    },
    handle: async ({ body, command }) => {
      const outcome = await context.execute(context.mails.commands.confirmNotificationAddress, body, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** Where a person's notices go. */
export const notificationsRoutes = (context: NotificationsContext): readonly Route[] => [
  read(context),
  set(context),
  confirm(context),
];
