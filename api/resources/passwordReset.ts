import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { PasswordResetCommands, RequestPasswordReset } from '../../commands/signIn/passwordReset.ts';
import { isRejection } from '../../domain/decider.ts';
import { cookieOf } from '../authenticate.ts';
import type { Cookies } from '../cookies.ts';
import { type Route, route } from '../route.ts';
import { secretText } from './session.ts';

export type PasswordResetContext = {
  readonly execute: Execute;
  readonly commands: Pick<PasswordResetCommands, 'resetPassword'>;
  readonly requestPasswordReset: RequestPasswordReset;
  readonly cookies: Cookies;
};

const tag = 'Session';

const request = (context: PasswordResetContext) =>
  route({
    method: 'POST',
    path: '/v1/password-reset',
    summary:
      'Have a link mailed that sets a new password. The answer is the same whether or not anybody has the address, and once too many mails were asked for',
    tag,
    access: 'open',
    ignoresCredentials: true,
    body: z.strictObject({ email: z.string().min(1).max(1000) }),
    answers: { 202: null },
    unlogged: 'Nothing has changed yet; that a mail was sent stands in the person’s history',
    handle: async ({ body, incoming, command }) => {
      const device = cookieOf(incoming.headers, context.cookies.device);
      const outcome = await context.requestPasswordReset(body.email, device, command());
      return isRejection(outcome) ? outcome : { status: 202, replayed: outcome.replayed };
    },
  });

const confirm = (context: PasswordResetContext) =>
  route({
    method: 'POST',
    path: '/v1/password-reset/confirm',
    summary:
      'Set a password by the token from the mailed link, or take up an invitation. Every session ends; keys stay',
    tag,
    access: 'open',
    ignoresCredentials: true,
    body: z.strictObject({
      token: z.string().min(1).max(2000),
      newPassword: secretText,
      confirmPassword: secretText,
    }),
    answers: { 204: null },
    command: {
      command: 'ResetPassword',
      stream: 'user-<id>',
      events: ['PasswordReset'],
      message: 'none',
      rejections: [
        'code-invalid',
        'password-confirmation-differs',
        'password-too-short',
        'password-too-long',
        'password-common',
      ],
    },
    handle: async ({ body, command }) => {
      const outcome = await context.execute(context.commands.resetPassword, body, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** For whoever forgot their password, or never had one. */
export const passwordResetRoutes = (context: PasswordResetContext): readonly Route[] => [
  request(context),
  confirm(context),
];
