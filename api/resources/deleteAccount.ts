import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { Identity } from '../../commands/signIn/identity.ts';
import type { Sessions } from '../../commands/signIn/sessions.ts';
import type { Load } from '../../commands/signIn/signIn.ts';
import type { LastCalls } from '../../commands/users/lastCalls.ts';
import type { UserCommands } from '../../commands/users/users.ts';
import { isRejection } from '../../domain/decider.ts';
import { isGone, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { cookieOf } from '../authenticate.ts';
import type { Cookies } from '../cookies.ts';
import { type Route, route } from '../route.ts';
import { forgetSession, secretText } from './session.ts';

export type DeleteAccountContext = {
  readonly execute: Execute;
  readonly commands: Pick<UserCommands, 'deleteUser'>;
  readonly identity: Pick<Identity, 'confirm'>;
  readonly sessions: Pick<Sessions, 'endAll'>;
  readonly load: Load;
  readonly lastCalls: LastCalls;
  readonly cookies: Cookies;
};

/** A person's own account. */
export const deleteAccountRoutes = (context: DeleteAccountContext): readonly Route[] => [
  route({
    method: 'POST',
    path: '/v1/profile/delete',
    summary: 'Delete your account: your keys and sessions end at once, and nobody brings them back',
    tag: 'Profile',
    access: 'session',
    body: z
      .strictObject({
        password: secretText
          .optional()
          .meta({ description: 'Needed unless it was shown within the last five minutes.' }),
      })
      .default({}),
    answers: { 202: null },
    command: {
      command: 'DeleteUser',
      stream: 'roles, user-<id>',
      events: ['AdministratorRemoved', 'UserDeleted'],
      message: 'owner',
      rejections: [
        'reauthentication-required',
        'reauthentication-failed',
        'externally-managed',
        'too-many-requests',
        'last-administrator',
        'conflict',
      ],
    },
    afterwards: async (token, call) => {
      const userId = await context.lastCalls.whose(token, call);
      if (userId === null) return null;
      const { state, position } = await context.load(user, userStream(userId));
      if (state === null || !isGone(state)) return null;
      return { status: 202, position, replayed: true, headers: forgetSession(context.cookies) };
    },
    handle: async ({ caller, body, command, incoming }) => {
      const { userId } = caller;
      const request = command();
      const unconfirmed = await context.identity.confirm(caller, body.password, request);
      if (unconfirmed !== null) return unconfirmed;
      const token = cookieOf(incoming.headers, context.cookies.session);
      if (token !== null && request.idempotency !== null)
        await context.lastCalls.note(token, request.idempotency, userId);
      const outcome = await context.execute(context.commands.deleteUser, { userId, reason: null }, request);
      if (isRejection(outcome)) return outcome;
      await context.sessions.endAll(userId);
      const { position, replayed } = outcome;
      return { status: 202, position, replayed, headers: forgetSession(context.cookies) };
    },
  }),
];
