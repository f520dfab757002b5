import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { AccountCommands } from '../../commands/users/account.ts';
import { isRejection } from '../../domain/decider.ts';
import { type Route, route } from '../route.ts';
import { secretText } from './session.ts';

export type PasswordContext = {
  readonly execute: Execute;
  readonly commands: Pick<AccountCommands, 'changePassword'>;
};

const change = (context: PasswordContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/password',
    summary: 'Change your password; keys stay',
    tag: 'Profile',
    access: 'session',
    beforePasswordChange: true,
    body: z.strictObject({
      currentPassword: secretText,
      newPassword: secretText,
      confirmPassword: secretText,
      endOtherSessions: z.boolean().default(true),
    }),
    answers: { 204: null },
    command: {
      command: 'ChangePassword',
      stream: 'user-<id>',
      events: ['PasswordChanged'],
      message: 'none',
      rejections: [
        'reauthentication-failed',
        'too-many-requests',
        'externally-managed',
        'password-confirmation-differs',
        'password-too-short',
        'password-too-long',
        'password-common',
        'password-unchanged',
      ],
    },
    handle: async ({ caller, body, command }) => {
      const { userId, sessionId } = caller;
      const outcome = await context.execute(context.commands.changePassword, { userId, sessionId, ...body }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** A person's own password. */
export const passwordRoutes = (context: PasswordContext): readonly Route[] => [change(context)];
