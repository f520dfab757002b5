import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { Mails } from '../../commands/mail/mail.ts';
import { isRejection } from '../../domain/decider.ts';
import { type Route, route } from '../route.ts';
import { freeText, id, time } from '../schemas/common.ts';

export type NoticesContext = {
  readonly execute: Execute;
  readonly mails: { readonly commands: Pick<Mails['commands'], 'sendNotice'> };
};

const line = (most: number) =>
  freeText(most)
    .min(1)
    .refine((text) => !/[\r\n\t\p{Zl}\p{Zp}]/u.test(text), 'Must be one line');

const link = z.strictObject({
  url: z
    .string()
    .max(2000)
    .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), 'Must be an http or https URL'),
  label: line(100),
});

const send = (context: NoticesContext) =>
  route({
    method: 'POST',
    path: '/v1/notices',
    summary: 'Tell a user something by mail, where and if they want it',
    tag: 'Services',
    access: ['notices:send'],
    body: z.strictObject({
      userId: id,
      category: z
        .string()
        .max(64)
        .regex(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/, 'Words with dots between them, as job.failed')
        .meta({
          description:
            'job.succeeded, job.failed, job.stopped, application.created, version.created or another like them',
        }),
      subject: line(200),
      text: freeText(10_000).min(1),
      occurredAt: time.nullable().default(null).meta({ description: 'Without it, the time of the call.' }),
      link: link.nullable().default(null),
    }),
    answers: { 202: z.object({ id }) },
    command: {
      command: 'SendNotice',
      stream: 'activity-<userId>',
      events: ['NoticeSent'],
      message: 'none',
      rejections: ['not-found'],
    },
    handle: async ({ caller, body, command }) => {
      const sender = caller.kind === 'service' ? caller.name : 'Keyledger';
      const outcome = await context.execute(context.mails.commands.sendNotice, { ...body, sender }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 202, body: outcome.result, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** What services tell users. */
export const noticesRoutes = (context: NoticesContext): readonly Route[] => [send(context)];
