import type { OutboxTable } from '../../commands/mail/outbox.ts';
import type { UserId } from '../../domain/ids.ts';

/** A mail that carries a token. */
export type Queued = {
  readonly id: string;
  readonly userId: UserId;
  readonly template: string;
  readonly token: string;
};

/** What waits to be mailed, in the order in which it was put. */
export const mailsOf = async ({ mailTable }: { readonly mailTable: OutboxTable }): Promise<readonly Queued[]> => {
  const { rows } = await mailTable.find({}, { after: null, limit: 200 });
  return rows
    .map(({ id, person, value }) => ({ id, person, ...value }))
    .sort((a, b) => (a.queuedAt < b.queuedAt ? -1 : 1))
    .map(({ id, person, template, params }) => ({
      id,
      userId: person ?? '',
      template,
      token: (params as { token: string }).token,
    }));
};
