import { z } from 'zod';
import type { Mails } from '../../../commands/mail/mail.ts';
import { mailStatuses } from '../../../commands/mail/outbox.ts';
import type { Cursors } from '../../cursor.ts';
import { filterText, startOf } from '../../paging.ts';
import { Refusal } from '../../refusal.ts';
import { type Route, route } from '../../route.ts';
import { cursor, id, instant, page, paging } from '../../schemas/common.ts';

export type MailsContext = {
  readonly mails: Pick<Mails, 'table' | 'queue'>;
  readonly cursors: Cursors;
  readonly asOf: () => { position: string | null; lagMs: number };
};

const tag = 'Operation';

const mailSchema = z
  .object({
    id: z.string(),
    template: z.string(),
    userId: id.nullable(),
    status: z.enum(mailStatuses),
    queuedAt: instant,
    until: instant.nullable(),
    attempts: z.int(),
    nextAt: instant.nullable(),
    lastError: z.string().nullable().meta({ description: 'What the server said last, without addresses.' }),
  })
  .meta({ id: 'QueuedMail' });

const list = (context: MailsContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/mails',
    summary: 'Mails in the outbox: without status, those that were given up; never what they say',
    tag,
    access: ['operations'],
    query: z.strictObject({
      limit: paging.limit,
      cursor: cursor.optional(),
      status: z.enum(mailStatuses).default('dead'),
    }),
    answers: { 200: page(mailSchema) },
    refuses: ['cursor-mismatch'],
    handle: async ({ query }) => {
      const { status, limit } = query;
      const filter = filterText('mails', query);
      const start = startOf(context.cursors, query.cursor, filter);
      const after = start === null ? null : (start[0] as string);
      const { rows, last } = await context.mails.table.find({ ref: status }, { after, limit });
      const items = rows.map(({ id: mailId, person, value }) => {
        const { template, queuedAt, until, attempts, nextAt, lastError } = value;
        return { id: mailId, template, userId: person, status, queuedAt, until, attempts, nextAt, lastError };
      });
      const nextCursor = last === null ? null : context.cursors.write([last], filter);
      return { status: 200, body: { items, nextCursor, asOf: context.asOf() } };
    },
  });

const params = z.strictObject({ id: z.string().regex(/^[A-Za-z0-9:._@-]{1,200}$/) });

const retry = (context: MailsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/mails/:id/retry',
    summary: 'Try a mail again that was given up',
    tag,
    access: ['operations'],
    params,
    answers: { 204: null },
    unlogged: 'The outbox lies in the vault; what is sent stands in the person’s history',
    handle: async ({ params: { id: mailId } }) => {
      if (!(await context.mails.queue.retry(mailId))) throw new Refusal('not-found');
      return { status: 204 };
    },
  });

const drop = (context: MailsContext) =>
  route({
    method: 'DELETE',
    path: '/v1/admin/mails/:id',
    summary: 'Forget a mail that was given up',
    tag,
    access: ['operations'],
    params,
    answers: { 204: null },
    unlogged: 'The outbox lies in the vault; nothing was sent',
    handle: async ({ params: { id: mailId } }) => {
      if (!(await context.mails.queue.forget(mailId))) throw new Refusal('not-found');
      return { status: 204 };
    },
  });

/** The outbox, for operators. */
export const mailsRoutes = (context: MailsContext): readonly Route[] => [list(context), retry(context), drop(context)];
