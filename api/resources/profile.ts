import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { AccountCommands } from '../../commands/users/account.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { changesOf } from '../profileChanges.ts';
import { type ReadUserContext, readUser } from '../readUser.ts';
import { Refusal } from '../refusal.ts';
import { type Answer, type Route, route } from '../route.ts';
import { profileFields, type UserShape, userSchema } from '../schemas/user.ts';

export type ProfileContext = ReadUserContext & {
  readonly execute: Execute;
  readonly commands: Pick<AccountCommands, 'changeProfile'>;
};

const answerProfile = async (
  context: ReadUserContext,
  userId: UserId,
  answer: Omit<Answer, 'body' | 'etag' | 'status'> = {},
): Promise<Answer> => {
  const found = await readUser(context, userId);
  if (found === null) throw new Refusal('not-found');
  return { ...answer, status: 200, etag: found.revision, body: found.shape };
};

const read = (context: ProfileContext) =>
  route({
    method: 'GET',
    path: '/v1/profile',
    summary: 'Your profile',
    tag: 'Profile',
    access: 'session-or-key',
    beforePasswordChange: true,
    answers: { 200: userSchema },
    handle: async ({ caller }) => {
      const answer = await answerProfile(context, caller.userId);
      if (caller.kind === 'key' || !caller.mustChangePassword) return answer;
      // Also where only this session asks for it.
      return { ...answer, body: { ...(answer.body as UserShape), mustChangePassword: true } };
    },
  });

const change = (context: ProfileContext) =>
  route({
    method: 'PATCH',
    path: '/v1/profile',
    summary: 'Change your profile',
    tag: 'Profile',
    access: 'session',
    body: z.strictObject(profileFields),
    answers: { 200: userSchema },
    command: {
      command: 'ChangeProfile',
      stream: 'user-<id>',
      events: ['ProfileChanged'],
      message: 'none',
      rejections: ['validation-failed', 'revision-mismatch', 'already-ended'],
    },
    handle: async ({ caller, body, command }) => {
      const { userId } = caller;
      const input = { userId, changes: changesOf(body) };
      const outcome = await context.execute(context.commands.changeProfile, input, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      return answerProfile(context, userId, { position, replayed });
    },
  });

/** A person's own profile. */
export const profileRoutes = (context: ProfileContext): readonly Route[] => [read(context), change(context)];
