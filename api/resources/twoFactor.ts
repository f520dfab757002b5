import { z } from 'zod';
import type { Execute, Outcome, Request } from '../../commands/command.ts';
import type { Identity } from '../../commands/signIn/identity.ts';
import type { TwoFactorAnswer, TwoFactorCommands } from '../../commands/signIn/twoFactor.ts';
import { isRejection, type Rejection } from '../../domain/decider.ts';
import type { Person } from '../principal.ts';
import { type Answer, type Route, route } from '../route.ts';
import { secretText } from './session.ts';

export type TwoFactorContext = {
  readonly execute: Execute;
  readonly commands: Pick<
    TwoFactorCommands,
    'enrolTwoFactor' | 'confirmTwoFactor' | 'disableTwoFactor' | 'renewRecoveryCodes'
  >;
  readonly identity: Pick<Identity, 'confirm'>;
};

const tag = 'Profile';
const stream = 'user-<id>';

const password = secretText
  .optional()
  .meta({ description: 'Needed unless it was shown within the last five minutes.' });
const code = secretText.meta({ description: 'Of the app, or a recovery code, which is used up by it.' });

const recoveryCodes = z
  .array(z.string())
  .meta({ description: 'Ten, each good once in place of a code of the app. They are not shown again.' });

const sensitive = [
  'reauthentication-required',
  'reauthentication-failed',
  'externally-managed',
  'too-many-requests',
] as const;

/**
 * What is shown once is shown again to whoever repeats the call, and proves again who they are: a session alone may have
 * been left open, or stolen.
 */
const shownTo = async (
  { identity }: TwoFactorContext,
  caller: Person,
  given: string | undefined,
  outcome: Outcome<TwoFactorAnswer>,
  request: Request,
): Promise<Answer | Rejection> => {
  if (isRejection(outcome)) return outcome;
  const { position, replayed, shown } = outcome;
  const unconfirmed = replayed ? await identity.confirm(caller, given, request) : null;
  return unconfirmed ?? { status: 200, body: shown?.texts, position, replayed };
};

const enrol = (context: TwoFactorContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/two-factor',
    summary: 'Begin two-factor: a secret for your authenticator app. It is on once a code of it was confirmed',
    tag,
    access: 'session',
    body: z.strictObject({ password }).default({}),
    answers: {
      200: z.object({
        secret: z.string().meta({ description: 'Base32, to be typed into the app.' }),
        otpauthUrl: z.string().meta({ description: 'The same, for a QR code.' }),
        recoveryCodes,
      }),
    },
    unlogged: 'Nothing is on before a code was confirmed; the secret waits in the vault for half an hour',
    refuses: [...sensitive, 'two-factor-already-on'],
    handle: async ({ caller, body, command }) => {
      const { userId, sessionId } = caller;
      const request = command();
      const input = { userId, sessionId, password: body.password };
      const outcome = await context.execute(context.commands.enrolTwoFactor, input, request);
      return shownTo(context, caller, body.password, outcome, request);
    },
  });

const confirm = (context: TwoFactorContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/two-factor/confirm',
    summary: 'Turn two-factor on by a code of the app, in the session in which it was begun',
    tag,
    access: 'session',
    body: z.strictObject({ code: secretText }),
    answers: { 204: null },
    command: {
      command: 'ConfirmTwoFactor',
      stream,
      events: ['TwoFactorEnabled'],
      message: 'none',
      rejections: ['code-invalid', 'conflict', 'two-factor-already-on', 'externally-managed'],
    },
    handle: async ({ caller, body, command }) => {
      const { userId, sessionId } = caller;
      const input = { userId, sessionId, code: body.code };
      const outcome = await context.execute(context.commands.confirmTwoFactor, input, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const withCode = z.strictObject({ password, code });

const disable = (context: TwoFactorContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/two-factor/disable',
    summary: 'Turn two-factor off. A password too short to stand alone is changed first',
    tag,
    access: 'session',
    body: withCode,
    answers: { 204: null },
    command: {
      command: 'DisableTwoFactor',
      stream,
      events: ['RecoveryCodeUsed', 'TwoFactorDisabled'],
      message: 'none',
      rejections: [...sensitive, 'code-invalid', 'password-too-short', 'conflict'],
    },
    handle: async ({ caller, body, command }) => {
      const { userId, sessionId } = caller;
      const input = { userId, sessionId, ...body };
      const outcome = await context.execute(context.commands.disableTwoFactor, input, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const renew = (context: TwoFactorContext) =>
  route({
    method: 'POST',
    path: '/v1/profile/two-factor/recovery-codes',
    summary: 'Get new recovery codes; those from before are good for nothing any more',
    tag,
    access: 'session',
    body: withCode,
    answers: { 200: z.object({ recoveryCodes }) },
    command: {
      command: 'RenewRecoveryCodes',
      stream,
      events: ['RecoveryCodeUsed', 'TwoFactorEnabled'],
      message: 'none',
      rejections: [...sensitive, 'code-invalid', 'conflict'],
    },
    handle: async ({ caller, body, command }) => {
      const { userId, sessionId } = caller;
      const input = { userId, sessionId, ...body };
      const request = command();
      const outcome = await context.execute(context.commands.renewRecoveryCodes, input, request);
      return shownTo(context, caller, body.password, outcome, request);
    },
  });

/** A person's own second factor. */
export const twoFactorRoutes = (context: TwoFactorContext): readonly Route[] => [
  enrol(context),
  confirm(context),
  disable(context),
  renew(context),
];
