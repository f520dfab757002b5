import { createMemoryMailer } from '../../adapters/memory/mailer.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import type { Scheduler } from '../../commands/environment.ts';
import { uuid7 } from '../../commands/handling/eventIds.ts';
import { createMails } from '../../commands/mail/mail.ts';
import { recordNotice } from '../../commands/mail/notifications.ts';
import type { OutboxRow } from '../../commands/mail/outbox.ts';
import { stillHolds } from '../../commands/mail/stillHolds.ts';
import type { MailAccess, Mailer } from '../../commands/ports/mailer.ts';
import type { Vault } from '../../commands/ports/vault.ts';
import { createThrottling } from '../../commands/signIn/throttling.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { type OutboxParts, outboxWorker } from '../../workers/outbox.ts';
import type { WorkerLog } from '../../workers/worker.ts';
import { createAccounts } from './accounts.ts';
import { type Bed, createBed, seededRandomness } from './commandBed.ts';
import { quiet } from './listsBed.ts';

export const memoryServer: MailAccess = {
  host: 'mail.example.com',
  port: 587,
  security: 'starttls',
  username: null,
  password: null,
  from: 'Keyledger <no-reply@example.com>',
};

/** Waits are over at once and move no clock, but for the deadline of a mail, which never comes. */
export const eager: Scheduler = {
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      if (ms < 100_000) setImmediate(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    }),
};

export type MailBed = ReturnType<typeof createMailBed>;

/** People, an outbox, and processes that send from it. */
export const createMailBed = (options: { readonly access?: MailAccess | null; readonly bed?: Bed } = {}) => {
  const bed = options.bed ?? createBed();
  const accounts = createAccounts(bed);
  const crypto = nodeCryptography();
  const access = options.access === undefined ? memoryServer : options.access;

  const mailsWith = (mailer: Mailer, own: { readonly vault?: Vault; readonly scheduler?: Scheduler } = {}) =>
    createMails({
      ...accounts,
      vault: own.vault ?? bed.vault,
      crypto,
      clock: bed.clock,
      scheduler: own.scheduler ?? eager,
      randomness: seededRandomness('mails'),
      throttling: createThrottling({ vault: bed.vault, crypto, purposeKeys: accounts.purposeKeys }),
      mailer,
      fromEnvironment: access,
      publicUrl: () => 'https://keys.example.com',
    });

  const userOf = async (userId: UserId) =>
    accounts.folds.read(user, userStream(userId), ({ state }) => state && structuredClone(state));

  let processes = 0;
  /** One process that sends. */
  const sender = (
    mailer: Mailer,
    own: {
      readonly vault?: Vault;
      readonly scheduler?: Scheduler;
      readonly dies?: (mailId: string) => void;
      readonly log?: WorkerLog;
    } & Pick<OutboxParts, 'told'> = {},
  ) => {
    processes += 1;
    const mails = mailsWith(mailer, own);
    const worker = outboxWorker({
      clock: bed.clock,
      scheduler: own.scheduler ?? eager,
      log: own.log ?? quiet,
      ...(own.told && { told: own.told }),
      ...mails,
      vault: own.vault ?? bed.vault,
      userOf,
      processId: `process ${processes}`,
      stillHolds: async ({ template, userId, row }) => {
        const person = await userOf(userId);
        return (
          person !== null &&
          stillHolds(accounts.folds, { ...row, template, userId }, person, bed.clock.now(), async () => true)
        );
      },
      recordNotice: async ({ userId, mailId, category, queuedAt }) => {
        own.dies?.(mailId);
        const eventId = uuid7(queuedAt, Buffer.from(mails.messageIdOf(mailId), 'hex').subarray(0, 10));
        const outcome = await accounts.execute(
          recordNotice,
          { userId, noticeId: mailId, category, eventId },
          bed.request(),
        );
        if (isRejection(outcome)) throw new Error(outcome.rejected);
      },
    });
    return { ...mails, worker };
  };

  const mailer = createMemoryMailer();
  const own = mailsWith(mailer);
  const notice = (n: string | number) => ({
    category: 'job.failed',
    subject: `Notice ${n}`,
    text: `Text ${n}`,
    sender: 'billing',
    occurredAt: null,
    link: null,
  });

  return {
    ...accounts,
    bed,
    mailer,
    mails: own,
    sender,
    mailsWith,
    queue: (userId: UserId, id: string) =>
      own.outbox.put({ id, userId, template: 'service-notice', params: notice(id) }),
    statusOf: async (id: string) => (await own.table.get(id))?.ref ?? null,
    row: async (id: string): Promise<OutboxRow | null> => (await own.table.get(id))?.value ?? null,
  };
};
