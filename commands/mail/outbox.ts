import type { UserId } from '../../domain/ids.ts';
import { type Instant, instant, millis } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { Clock } from '../environment.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { sealedTable, type VaultTable } from '../sealing/vaultTable.ts';
import type { ParamsOf, TemplateName } from './templates.ts';

/**
 * A mail to a person, to be written when it is sent: in their language and zone of then, to the address of then (the
 * template's audience says which). Only a template of audience `address` takes `address`: it goes there.
 */
export type Mail<N extends TemplateName = TemplateName> = {
  /**
   * Fixed by the caller, so that what is done again after a crash is the same mail: `password-reset:<command id>`,
   * `key-revoked:<event id>`. Stands in the vault in the clear: nothing personal. At most 200 characters of A-Za-z0-9:._@-
   */
  readonly id: string;
  readonly userId: UserId;
  readonly address?: string;
  readonly template: N;
  readonly params: ParamsOf<N>;
  /** Of no use afterwards: then it is dropped (the end of a link that it carries). Without it, it is tried for 3 days. */
  readonly until?: Instant;
};

/**
 * Mails to be sent. What was put is durable and goes out at least once, by a worker, each time under the same
 * Message-ID; the same id again, also once it was sent (for 30 days), is the same mail. Everything in it is sealed under
 * the person's key and goes with them. A command puts its mail before its append or inside it: put and not appended is
 * a mail too many, appended and not put one that nobody ever sends; where the mail must not go out without the event,
 * a worker that follows the log puts it. ApiKeyRevoked by an administrator or for a leak is mailed by such a worker
 * (workers/ownerNotices.ts) and needs nothing more.
 */
export type Outbox = {
  /** @returns false where the person is erased: nothing was kept */
  readonly put: <N extends TemplateName>(mail: Mail<N>) => Promise<boolean>;
};

/**
 * `waiting`: never tried. `later`: tried, to be tried again. `dead`: given up; an operator sees it. `taken`: by the server,
 * and not yet in the person's history. `sent`: that too. `dropped`: nobody was to get it any more.
 */
export const mailStatuses = ['waiting', 'later', 'dead', 'taken', 'sent', 'dropped'] as const;
export type MailStatus = (typeof mailStatuses)[number];

// Stored shape of a row, sealed under its person; `ref` holds the status.
export type OutboxRow = {
  readonly template: string;
  readonly params: Json;
  readonly address: string | null;
  readonly queuedAt: Instant;
  readonly until: Instant | null;
  /** Fixed before the first attempt. */
  readonly messageId: string | null;
  readonly attempts: number;
  readonly nextAt: Instant | null;
  /** Of the worker that tried it last: one with a lower fence was deposed and leaves it alone. */
  readonly fence: number;
  /** What the server said, without addresses. */
  readonly lastError: string | null;
};

const mailKind = 'mail';

const day = 24 * 3600 * 1000;
/** How long a mail that nobody took is kept for operators, and how long it is known that one was sent. */
export const keptMs = 30 * day;
/** How long a mail is tried where nothing else limits it. */
const triedMs = 3 * day;

export type OutboxTable = VaultTable<OutboxRow>;

export const outboxTable = (vault: Vault, boxes: Boxes): OutboxTable => sealedTable<OutboxRow>(vault, mailKind, boxes);

const isMailId = (id: string): boolean => /^[A-Za-z0-9:._@-]{1,200}$/.test(id);

export const createOutbox = (deps: { table: OutboxTable; clock: Clock }): Outbox => ({
  put: async ({ id, userId, address, template, params, until }) => {
    if (!isMailId(id)) throw new Error(`a mail of ${template} has an id that is none`);
    const now = deps.clock.now();
    const row: OutboxRow = {
      template,
      params: params as Json,
      address: address ?? null,
      queuedAt: instant(now),
      until: until ?? instant(now + triedMs),
      messageId: null,
      attempts: 0,
      nextAt: null,
      fence: 0,
      lastError: null,
    };
    const expiresAt = Math.max(now, millis(row.until ?? row.queuedAt)) + keptMs;
    const result = await deps.table.put(id, row, 'absent', {
      person: userId,
      ref: 'waiting' satisfies MailStatus,
      expiresAt,
    });
    return result.put || result.current !== null;
  },
});

/** What operators do with mails that were given up. */
export type MailQueue = {
  /** How many there are. @param most counted no further */
  readonly givenUp: (most: number) => Promise<number>;
  /** It is tried again, for as long as a new one. @returns whether there was such a mail */
  readonly retry: (id: string) => Promise<boolean>;
  /** @returns whether there was such a mail */
  readonly forget: (id: string) => Promise<boolean>;
};

export const createMailQueue = (deps: { table: OutboxTable; clock: Clock }): MailQueue => {
  const dead = async (id: string) => {
    const row = await deps.table.get(id);
    return row?.ref === ('dead' satisfies MailStatus) ? row : null;
  };
  return {
    givenUp: async (most) =>
      (await deps.table.find({ ref: 'dead' satisfies MailStatus }, { after: null, limit: most })).rows.length,
    retry: async (id) => {
      const row = await dead(id);
      if (row === null) return false;
      const until = deps.clock.now() + triedMs;
      const again = { ...row.value, until: instant(until), nextAt: null };
      const options = { person: row.person, ref: 'waiting' satisfies MailStatus, expiresAt: until + keptMs };
      return (await deps.table.put(id, again, row.version, options)).put;
    },
    forget: async (id) => {
      const row = await dead(id);
      return row !== null && (await deps.table.remove(id, row.version));
    },
  };
};
