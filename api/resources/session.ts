import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import { deviceSeconds } from '../../commands/signIn/devices.ts';
import type { Identity } from '../../commands/signIn/identity.ts';
import { absoluteMs } from '../../commands/signIn/sessions.ts';
import type { SignIn } from '../../commands/signIn/signIn.ts';
import type { AccountCommands } from '../../commands/users/account.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { cookieOf } from '../authenticate.ts';
import type { Cookies } from '../cookies.ts';
import { type ReadUserContext, readUser } from '../readUser.ts';
import { Refusal } from '../refusal.ts';
import { type Answer, type Route, route } from '../route.ts';
import { userSchema } from '../schemas/user.ts';

export type SessionContext = ReadUserContext & {
  readonly execute: Execute;
  readonly signIn: SignIn;
  readonly commands: Pick<AccountCommands, 'signOut'>;
  readonly identity: Identity;
  readonly cookies: Cookies;
};

/** A password or code as it is sent; what a good one is, the domain says. */
export const secretText = z
  .string()
  .min(1)
  .max(4096)
  // Half a character is encoded like any other half: two passwords would be one.
  .refine((text) => text.isWellFormed(), 'Holds half a character');

const signedIn = z.object({ user: userSchema });

/**
 * Who is signed in, under the user's own ETag.
 * @param asked whether the password has to be changed here whatever the account says: it is too short for this session
 */
const answerUser = async (
  context: ReadUserContext,
  userId: UserId,
  asked: boolean,
  answer: Omit<Answer, 'status' | 'body' | 'etag'> = {},
): Promise<Answer> => {
  const found = await readUser(context, userId);
  if (found === null) throw new Refusal('not-found');
  const user = { ...found.shape, mustChangePassword: found.shape.mustChangePassword || asked };
  return { ...answer, status: 200, etag: found.revision, body: { user } };
};

/** Tells the browser to forget its session. */
export const forgetSession = (cookies: Cookies) => ({ 'Set-Cookie': [cookies.set(cookies.session, '', 0)] });

const signIn = (context: SessionContext) =>
  route({
    method: 'POST',
    path: '/v1/session',
    summary: 'Sign in',
    tag: 'Session',
    access: 'open',
    body: z.strictObject({ email: z.string().min(1).max(1000), password: secretText, code: secretText.optional() }),
    answers: { 200: signedIn },
    notIdempotent: true,
    command: {
      command: 'SignIn',
      stream: 'activity-<userId>, user-<id>',
      events: ['SignedIn', 'SignInFailed', 'SignInBlocked', 'PasswordRehashed', 'RecoveryCodeUsed'],
      message: 'none',
      rejections: ['invalid-credentials', 'second-factor-required', 'too-many-requests'],
    },
    handle: async ({ body, incoming, command }) => {
      const { cookies } = context;
      const device = cookieOf(incoming.headers, cookies.device);
      const replaces = cookieOf(incoming.headers, cookies.session);
      const done = await context.signIn({ ...body, device, replaces }, command());
      if (isRejection(done)) return done;
      const set = [
        cookies.set(cookies.session, done.token, absoluteMs / 1000),
        cookies.set(cookies.device, done.device, deviceSeconds),
      ];
      const { userId, mustChangePassword = false } = done.session;
      const headers = { 'Set-Cookie': set };
      return answerUser(context, userId, mustChangePassword, { position: done.position, headers });
    },
  });

const read = (context: SessionContext) =>
  route({
    method: 'GET',
    path: '/v1/session',
    summary: 'Who is signed in',
    tag: 'Session',
    access: 'session',
    beforePasswordChange: true,
    answers: { 200: signedIn },
    handle: ({ caller }) => answerUser(context, caller.userId, caller.mustChangePassword),
  });

const signOut = (context: SessionContext) =>
  route({
    method: 'DELETE',
    path: '/v1/session',
    summary: 'Sign out',
    tag: 'Session',
    access: 'session',
    beforePasswordChange: true,
    answers: { 204: null },
    notIdempotent: true,
    command: {
      command: 'SignOut',
      stream: 'activity-<userId>',
      events: ['SignedOut'],
      message: 'none',
      rejections: [],
    },
    handle: async ({ caller, command }) => {
      const { userId, sessionId } = caller;
      const outcome = await context.execute(context.commands.signOut, { userId, sessionId }, command());
      const headers = forgetSession(context.cookies);
      if (!isRejection(outcome)) return { status: 204, position: outcome.position, headers };
      // Ended at the same moment in another tab: they are signed out all the same.
      return outcome.rejected === 'not-found' ? { status: 204, headers } : outcome;
    },
  });

const reauthenticate = (context: SessionContext) =>
  route({
    method: 'POST',
    path: '/v1/session/reauthenticate',
    summary: 'Show again that it is you: sensitive calls go without a password for five minutes',
    tag: 'Session',
    access: 'session',
    beforePasswordChange: true,
    body: z
      .strictObject({ password: secretText.optional(), code: secretText.optional() })
      .refine(({ password, code }) => (password === undefined) !== (code === undefined), 'Give password or code'),
    answers: { 204: null },
    unlogged: 'Only the session, in the vault, remembers it',
    notIdempotent: true,
    refuses: ['reauthentication-failed', 'externally-managed', 'too-many-requests'],
    handle: async ({ caller, body, command }) => {
      const proof = body.password === undefined ? { code: body.code ?? '' } : { password: body.password };
      const refused = await context.identity.reauthenticate(caller, proof, command());
      return refused ?? { status: 204 };
    },
  });

const providers = () =>
  route({
    method: 'GET',
    path: '/v1/session/providers',
    summary: 'Identity providers to sign in through',
    tag: 'Session',
    access: 'open',
    answers: { 200: z.object({ items: z.array(z.object({ name: z.string(), label: z.string() })) }) },
    handle: async () => ({ status: 200, body: { items: [] } }),
  });

/** Signing in and out. */
export const sessionRoutes = (context: SessionContext): readonly Route[] => [
  signIn(context),
  read(context),
  signOut(context),
  reauthenticate(context),
  providers(),
];
