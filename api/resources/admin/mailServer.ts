import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import type { Mails } from '../../../commands/mail/mail.ts';
import { type Fold, isRejection } from '../../../domain/decider.ts';
import { emailNormalForm } from '../../../domain/emailAddress.ts';
import { administratorRole, effectiveRights, roles, rolesStream } from '../../../domain/roles.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { requireHolding } from '../../holding.ts';
import type { Machine, Person } from '../../principal.ts';
import { Refusal } from '../../refusal.ts';
import { type Answer, type Route, route } from '../../route.ts';

export type MailServerContext = {
  readonly execute: Execute;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly mails: Pick<Mails, 'servers' | 'test'> & { readonly commands: Pick<Mails['commands'], 'changeMailServer'> };
};

const tag = 'Administration of settings';
const source = z.enum(['environment', 'stored']);

const fields = {
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535),
  security: z.enum(['none', 'starttls', 'tls']),
  username: z.string().min(1).max(255).nullable(),
  from: z
    .string()
    .min(1)
    .max(400)
    .meta({ description: 'An address, or a name with one: Keyledger <no-reply@example.com>' }),
};

const shown = z.object({ ...fields, source }).meta({ id: 'MailServer' });

// What was answered can be sent back as it is: `source` is read and passed over.
const change = z.strictObject({
  ...fields,
  username: fields.username.default(null),
  password: z.string().min(1).max(1024).nullable().optional().meta({
    description: 'Write only. Absent: as it is, as long as host, port, security and username are; null: none.',
  }),
  source: source.optional(),
});

/** An address that mails can go to. */
export const mailAddress = z
  .string()
  .max(320)
  .refine((text) => emailNormalForm(text) !== null, 'Not an e-mail address')
  .transform((text) => emailNormalForm(text) ?? text);

/** @throws Refusal not-found: none is set */
const answerServer = async ({ mails }: MailServerContext, answer: Omit<Answer, 'status'> = {}): Promise<Answer> => {
  const set = await mails.servers.current();
  if (set === null) throw new Refusal('not-found', { detail: 'No mail server is set' });
  const { host, port, security, username, from } = set.access;
  const body = { host, port, security, username, from, source: set.source };
  return { ...answer, status: 200, etag: set.revision ?? 'environment', body };
};

/**
 * Whoever runs the mail server reads the links that set passwords, those of administrators too, of whom there always is
 * one. So setting it takes what an administrator holds.
 * @throws Refusal forbidden
 */
const requireEverything = async ({ load }: MailServerContext, caller: Person | Machine): Promise<void> => {
  const { state } = await load(roles, rolesStream);
  requireHolding(caller, effectiveRights([administratorRole], state));
};

const read = (context: MailServerContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/mail-server',
    summary: 'Through which server mails go',
    tag,
    access: ['mail:write'],
    answers: { 200: shown },
    refuses: ['not-found'],
    handle: () => answerServer(context),
  });

const set = (context: MailServerContext) =>
  route({
    method: 'PUT',
    path: '/v1/admin/mail-server',
    summary:
      'Set the server that mails go through. It takes every permission and scope: mails carry links that set passwords',
    tag,
    access: ['mail:write'],
    body: change,
    answers: { 200: shown },
    command: {
      command: 'ChangeMailServer',
      stream: 'policy',
      events: ['MailServerChanged'],
      message: 'none',
      rejections: ['forbidden', 'validation-failed', 'set-by-environment', 'revision-mismatch'],
    },
    handle: async ({ caller, body, command }) => {
      await requireEverything(context, caller);
      const { password, source: _source, ...server } = body;
      const outcome = await context.execute(context.mails.commands.changeMailServer, { server, password }, command());
      if (isRejection(outcome)) return outcome;
      return answerServer(context, { position: outcome.position, replayed: outcome.replayed });
    },
  });

const test = (context: MailServerContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/mail-server/test',
    summary: 'Send a mail now, and hear what the server says to it',
    tag,
    access: ['mail:write'],
    body: z.strictObject({ to: mailAddress }),
    answers: { 200: z.object({ accepted: z.boolean(), response: z.string() }) },
    unlogged: 'Sends one mail and changes nothing',
    notIdempotent: true,
    handle: async ({ caller, body }) => {
      const { state } =
        caller.kind === 'session' ? await context.load(user, userStream(caller.userId)) : { state: null };
      const delivery = await context.mails.test(body.to, state?.profile ?? null);
      if (delivery === null) throw new Refusal('not-found', { detail: 'No mail server is set' });
      return { status: 200, body: { accepted: delivery.accepted, response: delivery.response } };
    },
  });

/** The mail server. */
export const mailServerRoutes = (context: MailServerContext): readonly Route[] => [
  read(context),
  set(context),
  test(context),
];
