import { z } from 'zod';
import type { PasswordResetCommands } from '../../../commands/signIn/passwordReset.ts';
import type { TwoFactorCommands } from '../../../commands/signIn/twoFactor.ts';
import type { AccountCommands } from '../../../commands/users/account.ts';
import { isRejection } from '../../../domain/decider.ts';
import { type Route, route } from '../../route.ts';
import { freeText, id, idParams } from '../../schemas/common.ts';
import { userSchema } from '../../schemas/user.ts';
import { answerUser, confirmOwn, requireUser } from './oneUser.ts';
import type { AdminUsersContext } from './users.ts';

export type AdminCredentialsContext = Omit<AdminUsersContext, 'commands'> & {
  readonly commands: Pick<TwoFactorCommands, 'resetTwoFactor'> &
    Pick<PasswordResetCommands, 'sendPasswordReset'> &
    Pick<AccountCommands, 'endSession'>;
};

const tag = 'Administration of users';

const resetTwoFactor = (context: AdminCredentialsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users/:id/reset-two-factor',
    summary:
      'Turn off the second factor of somebody who lost it: they sign in by password alone. Your own only once you showed again that it is you',
    tag,
    access: ['users:write'],
    params: idParams,
    body: z
      .strictObject({ reason: freeText(1000).nullish().meta({ description: 'For whoever reads the history.' }) })
      .default({}),
    answers: { 200: userSchema },
    command: {
      command: 'ResetTwoFactor',
      stream: 'user-<id>',
      events: ['TwoFactorDisabled'],
      message: 'none',
      rejections: ['forbidden', 'not-found', 'already-ended', 'externally-managed', 'reauthentication-required'],
    },
    handle: async ({ caller, params, body, command }) => {
      const userId = params.id;
      await requireUser(context, caller, userId);
      const request = command();
      const unconfirmed = await confirmOwn(context, caller, userId, request);
      if (unconfirmed !== null) return unconfirmed;
      const input = { userId, reason: body.reason?.trim() || null };
      const outcome = await context.execute(context.commands.resetTwoFactor, input, request);
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      return answerUser(context, userId, { status: 200, position, replayed });
    },
  });

const sendPasswordReset = (context: AdminCredentialsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users/:id/send-password-reset',
    summary: 'Mail somebody a link that sets a new password; to somebody invited, another invitation',
    tag,
    access: ['users:write'],
    params: idParams,
    answers: { 204: null },
    unlogged: 'Nothing has changed yet; that a mail was sent stands in the person’s history',
    refuses: ['forbidden', 'not-found', 'already-ended', 'externally-managed', 'email-required', 'conflict'],
    handle: async ({ caller, params, command }) => {
      const userId = params.id;
      await requireUser(context, caller, userId);
      const outcome = await context.execute(context.commands.sendPasswordReset, { userId }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const endSession = (context: AdminCredentialsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/users/:id/sessions/:sessionId/end',
    summary: 'End one session of somebody',
    tag,
    access: ['users:write'],
    params: z.strictObject({ id, sessionId: id }),
    answers: { 204: null },
    command: {
      command: 'EndSession',
      stream: 'activity-<userId>',
      events: ['SessionEnded'],
      message: 'none',
      rejections: ['forbidden', 'not-found'],
    },
    handle: async ({ caller, params, command }) => {
      const { id: userId, sessionId } = params;
      await requireUser(context, caller, userId);
      const outcome = await context.execute(context.commands.endSession, { userId, sessionId }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** How others sign in, for those who administer them. */
export const adminCredentialRoutes = (context: AdminCredentialsContext): readonly Route[] => [
  resetTwoFactor(context),
  sendPasswordReset(context),
  endSession(context),
];
