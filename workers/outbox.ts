import { composeMail, recipientOf } from '../commands/mail/compose.ts';
import type { MailServers } from '../commands/mail/mailServers.ts';
import { keptMs, type MailStatus, type OutboxRow, type OutboxTable } from '../commands/mail/outbox.ts';
import type { Template } from '../commands/mail/template.ts';
import { templateNamed } from '../commands/mail/templates.ts';
import type { MailTokens } from '../commands/mail/tokens.ts';
import type { Delivery, MailAccess, Mailer, MailMessage } from '../commands/ports/mailer.ts';
import type { Vault } from '../commands/ports/vault.ts';
import type { Row } from '../commands/sealing/vaultTable.ts';
import type { UserId } from '../domain/ids.ts';
import { instant, millis } from '../domain/instant.ts';
import { senderOf } from '../domain/mailServer.ts';
import type { User } from '../domain/user.ts';
import { either, type Worker, type WorkerParts, worker } from './worker.ts';

/** What became of a mail in the end. */
export type MailOutcome = 'sent' | 'dropped' | 'given-up';

export type OutboxParts = WorkerParts & {
  readonly vault: Pick<Vault, 'lease' | 'releaseLease'>;
  readonly table: OutboxTable;
  readonly mailer: Mailer;
  readonly servers: MailServers;
  readonly tokens: MailTokens;
  readonly userOf: (userId: UserId) => Promise<User | null>;
  /** Whether what a mail says still holds; what no longer does is not sent. */
  readonly stillHolds: (mail: {
    readonly template: string;
    readonly userId: UserId;
    readonly row: OutboxRow;
  }) => Promise<boolean>;
  /** Into the person's history, once per mail. */
  readonly recordNotice: (notice: {
    readonly userId: UserId;
    readonly mailId: string;
    readonly category: string;
    readonly queuedAt: string;
  }) => Promise<void>;
  /** Lower-case hex, the same for the same mail. */
  readonly messageIdOf: (mailId: string) => string;
  /** Scheme, host and port of the pages, without a slash at the end. */
  readonly publicUrl: () => string;
  /** Of this run of this process. */
  readonly processId: string;
  /** Told what this process made of a mail, to be counted. */
  readonly told?: (outcome: MailOutcome, template: string) => void;
};

const name = 'outbox';
/** Whoever takes over after a crash waits so long. */
const leaseMs = 15_000;
const renewMs = 5_000;
const standByMs = 2_000;
/** Mails that another process queued are found this late, at most. */
const lookMs = 1_000;
const noServerMs = 5_000;
const pageSize = 50;
const atOnce = 4;
/** A server may think long about a mail; one that never comes to an end holds up no more than its place. */
const deadlineMs = 120_000;
const firstRetryMs = 10_000;
const lastRetryMs = 3_600_000;
/** Mails that wait while no server takes any are looked over this seldom, for those that are no longer of use. */
const sweepMs = 60_000;

type Held = Row<OutboxRow>;
type Kept = Pick<Held, 'id' | 'person' | 'expiresAt'>;
type Known = { readonly template: Template<object>; readonly row: OutboxRow };

/** The server takes no mails now: nothing is wrong with any of them. */
class ServerRefuses extends Error {}

const addressless = (response: string): string =>
  response.replace(/[^\s<>"']+@[^\s<>"',;]+/g, '(address)').slice(0, 300);

const backOff = (attempts: number): number => Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(attempts - 1, 20));

const categoryOf = ({ template, row }: Known): string =>
  typeof template.category === 'string' ? template.category : template.category(row.params as object);

/**
 * Sends what is in the outbox, each mail at least once and under one Message-ID. Only the holder of the lease works, and
 * claims each mail in the vault under the lease's fence before it is sent: whoever was deposed meanwhile finds the mail
 * changed and leaves it. A mail that was claimed and never settled (the process died, the answer got lost) is sent again.
 */
export const outboxWorker = (parts: OutboxParts): Worker => {
  const { vault, table, mailer, servers, clock, scheduler, log, processId } = parts;
  let fence: number | null = null;
  /** When the earliest mail that was tried before is due; it is only this worker that makes one wait. */
  let laterDue = Number.NEGATIVE_INFINITY;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let leasedAt = Number.NEGATIVE_INFINITY;

  const lease = async (): Promise<boolean> => {
    const held = await vault.lease(name, processId, leaseMs);
    // Taken over: what the one before left half done is looked for.
    if (held !== null && held.fence !== fence) laterDue = Number.NEGATIVE_INFINITY;
    fence = held?.fence ?? null;
    leasedAt = clock.monotonic();
    return held !== null;
  };

  /** @returns the row's new version, or null: somebody else has it */
  const write = async (mail: Kept, row: OutboxRow, status: MailStatus, version: number): Promise<number | null> => {
    const { id, person, expiresAt } = mail;
    const result = await table.put(id, row, version, { person, ref: status, expiresAt });
    if (status === 'later' && row.nextAt !== null) laterDue = Math.min(laterDue, millis(row.nextAt));
    return result.put ? result.version : null;
  };

  /** What stays of a mail that is done: that it was. Nothing of what it said. */
  const settle = async (mail: Kept, row: OutboxRow, status: 'sent' | 'taken' | 'dropped', version: number) => {
    const { template, params, queuedAt, messageId, attempts, fence: by } = row;
    const left = { template, queuedAt, until: null, messageId, attempts, nextAt: null, fence: by, lastError: null };
    const kept = status === 'taken' ? params : null;
    return write(
      { ...mail, expiresAt: clock.now() + keptMs },
      { ...left, params: kept, address: null },
      status,
      version,
    );
  };

  const bury = async (mail: Held, row: OutboxRow, reason: string) => {
    const expiresAt = clock.now() + keptMs;
    const given = { ...row, nextAt: null, lastError: addressless(reason) };
    if ((await write({ ...mail, expiresAt }, given, 'dead', mail.version)) === null) return;
    parts.told?.('given-up', row.template);
    log.warn({ worker: name, mail: mail.id, template: row.template, attempts: row.attempts }, 'a mail was given up');
  };

  const isLate = ({ until }: OutboxRow) => until !== null && millis(until) <= clock.now();

  /** What was sent stands in the person's history before it is forgotten that it has to. */
  const record = async (mail: Held) => {
    const { id, value: row, person, version } = mail;
    const template = templateNamed(row.template);
    if (person !== null && template !== null)
      await parts.recordNotice({
        userId: person,
        mailId: id,
        category: categoryOf({ template, row }),
        queuedAt: row.queuedAt,
      });
    if ((await settle(mail, row, 'sent', version)) !== null) parts.told?.('sent', row.template);
  };

  /** Under the deadline: a server that trickles is not waited for. */
  const handOver = async (access: MailAccess, message: MailMessage): Promise<Delivery> => {
    const slow = new AbortController();
    const done = new AbortController();
    void scheduler.sleep(deadlineMs, done.signal).then(() => {
      if (!done.signal.aborted) slow.abort();
    });
    try {
      return await mailer.send(access, message, slow.signal);
    } finally {
      done.abort();
    }
  };

  const settleDelivery = async (mail: Held, row: OutboxRow, delivery: Delivery, version: number) => {
    if (delivery.accepted) {
      const taken = await settle(mail, row, 'taken', version);
      if (taken !== null) await record({ ...mail, value: row, version: taken });
      return;
    }
    const lastError = addressless(delivery.response);
    if (delivery.blame === 'server') {
      await write(mail, { ...row, nextAt: instant(clock.now()), lastError }, 'later', version);
      throw new ServerRefuses(lastError);
    }
    if (delivery.permanent) await bury({ ...mail, version }, row, delivery.response);
    else await write(mail, { ...row, lastError }, 'later', version);
  };

  const attempt = async (mail: Held, access: MailAccess): Promise<void> => {
    const { id, person, value: row } = mail;
    if (fence === null || row.fence > fence) return;
    const template = templateNamed(row.template);
    if (template === null || person === null) return bury(mail, row, 'written by another release');
    if (isLate(row)) return bury(mail, row, row.lastError ?? 'too late');
    const user = await parts.userOf(person);
    const to = user && recipientOf(template.audience, user, row.address);
    const holds = to !== null && (await parts.stillHolds({ template: row.template, userId: person, row }));
    if (user === null || to === null || !holds) {
      if ((await settle(mail, row, 'dropped', mail.version)) !== null) parts.told?.('dropped', row.template);
      return;
    }
    const now = clock.now();
    const attempts = row.attempts + 1;
    const domain = senderOf(access.from)?.address.split('@').at(-1) ?? access.host;
    const messageId = row.messageId ?? `<${parts.messageIdOf(id)}@${domain}>`;
    const claimed = { ...row, attempts, messageId, fence, nextAt: instant(now + backOff(attempts)) };
    const version = await write(mail, claimed, 'later', mail.version);
    if (version === null) return;
    const message = composeMail(template, row, user, to, {
      server: access,
      messageId,
      publicUrl: parts.publicUrl(),
      unsubscribeToken: parts.tokens.unsubscribe(person),
      now,
    });
    await settleDelivery(mail, claimed, await handOver(access, message), version);
  };

  /** Several at a time; the first failure ends it, once what was begun has ended. */
  const attemptAll = async (mails: readonly Held[], access: MailAccess, signal: AbortSignal) => {
    if (clock.monotonic() - leasedAt >= renewMs) await lease();
    const waiting = [...mails];
    let failure: { readonly error: unknown } | null = null;
    const lane = async () => {
      for (let mail = waiting.shift(); mail !== undefined; mail = waiting.shift()) {
        if (failure !== null || signal.aborted || fence === null) return;
        await attempt(mail, access).catch((error: unknown) => {
          failure ??= { error };
        });
      }
    };
    const renewing = new AbortController();
    const renewal = (async () => {
      for (;;) {
        await scheduler.sleep(renewMs, renewing.signal);
        if (renewing.signal.aborted) return;
        await lease().catch((error: unknown) => {
          fence = null;
          failure ??= { error };
        });
      }
    })();
    await Promise.all(Array.from({ length: atOnce }, lane));
    renewing.abort();
    await renewal;
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  };

  /** Page by page: however many wait, few are in memory. */
  const eachPage = async (status: MailStatus, work: (mails: readonly Held[]) => Promise<void>, signal: AbortSignal) => {
    for (let after: string | null = null; ; ) {
      const { rows, last } = await table.find({ ref: status }, { after, limit: pageSize });
      if (rows.length > 0) await work(rows);
      if (last === null || signal.aborted || fence === null) return;
      after = last;
    }
  };

  const sendNew = (access: MailAccess, signal: AbortSignal) =>
    eachPage('waiting', (mails) => attemptAll(mails, access, signal), signal);

  const sendAgain = async (access: MailAccess, signal: AbortSignal) => {
    const now = clock.now();
    if (laterDue > now) return;
    laterDue = Number.POSITIVE_INFINITY;
    const due = (row: OutboxRow) => (row.nextAt === null ? now : millis(row.nextAt));
    try {
      await eachPage(
        'taken',
        async (mails) => {
          for (const mail of mails) await record(mail);
        },
        signal,
      );
      await eachPage(
        'later',
        async (mails) => {
          for (const { value } of mails) if (due(value) > now) laterDue = Math.min(laterDue, due(value));
          await attemptAll(
            mails.filter(({ value }) => due(value) <= now),
            access,
            signal,
          );
        },
        signal,
      );
    } catch (error) {
      laterDue = Number.NEGATIVE_INFINITY;
      throw error;
    }
  };

  /** What was of use for a time only is not kept for ever because no server takes it. */
  const sweep = async (signal: AbortSignal) => {
    if (clock.monotonic() - sweptAt < sweepMs) return;
    sweptAt = clock.monotonic();
    for (const status of ['waiting', 'later'] as const)
      await eachPage(
        status,
        async (mails) => {
          for (const mail of mails)
            if (isLate(mail.value))
              await bury(mail, mail.value, mail.value.lastError ?? 'no mail server took it in time');
        },
        signal,
      );
  };

  const step = async (signal: AbortSignal) => {
    if (!(await lease())) return standByMs;
    const server = await servers.current();
    if (server === null) {
      await sweep(signal);
      return noServerMs;
    }
    try {
      await sendAgain(server.access, signal);
      await sendNew(server.access, signal);
    } catch (error) {
      if (error instanceof ServerRefuses) await sweep(signal);
      throw error;
    }
    await mailer.close();
    const untilDue = Math.max(1, Math.min(lookMs, laterDue - clock.now()));
    return (stop: AbortSignal) => either(stop, (any) => scheduler.sleep(untilDue, any));
  };

  return worker(parts, name, step, {
    lastly: async () => {
      await mailer.close();
      if (fence !== null) await vault.releaseLease(name, processId);
    },
  });
};
