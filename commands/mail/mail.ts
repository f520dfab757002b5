import { instant } from '../../domain/instant.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { mailServer, senderOf } from '../../domain/mailServer.ts';
import { emptyProfile, type Profile } from '../../domain/profile.ts';
import type { Clock, Cryptography, Randomness, Scheduler } from '../environment.ts';
import type { Folds } from '../handling/folds.ts';
import type { Delivery, MailAccess, Mailer } from '../ports/mailer.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { toHex } from '../sealing/encoding.ts';
import type { PurposeKeys } from '../sealing/purposeKeys.ts';
import type { Throttling } from '../signIn/throttling.ts';
import { createMailServers, mailPasswords, mailServerCommands } from './mailServers.ts';
import { notificationCommands } from './notifications.ts';
import { createMailQueue, createOutbox, outboxTable } from './outbox.ts';
import { renderMail } from './render.ts';
import { mailServerTest } from './templates/mailServerTest.ts';
import { createMailTokens } from './tokens.ts';

export type MailDeps = {
  readonly vault: Vault;
  readonly boxes: Boxes;
  readonly crypto: Cryptography;
  readonly purposeKeys: PurposeKeys;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly scheduler: Scheduler;
  readonly folds: Pick<Folds, 'read'>;
  readonly throttling: Pick<Throttling, 'admit'>;
  readonly mailer: Mailer;
  /** What KEYLEDGER_SMTP_URL says. */
  readonly fromEnvironment: MailAccess | null;
  /** Scheme, host and port of the pages, without a slash at the end. */
  readonly publicUrl: () => string;
};

export type Mails = ReturnType<typeof createMails>;

/** Whoever tries a mail server waits for it this long. */
const testMs = 20_000;

/** Everything about mails, over one set of stores. */
export const createMails = (deps: MailDeps) => {
  const { vault, boxes, clock, crypto, mailer, publicUrl } = deps;
  const table = outboxTable(vault, boxes);
  const outbox = createOutbox({ table, clock });
  const tokens = createMailTokens(deps);
  const passwords = mailPasswords(vault, boxes);
  const servers = createMailServers({
    fromEnvironment: deps.fromEnvironment,
    passwords,
    load: () => deps.folds.read(mailServer, policyStream, ({ state }) => state),
  });

  /**
   * One mail, now and past the outbox, to say whether the server takes it.
   * @param profile of whoever asks: in their language and zone @returns null: no server is set
   */
  const test = async (to: string, profile: Profile | null): Promise<Delivery | null> => {
    const set = await servers.current();
    if (set === null) return null;
    const { access } = set;
    const now = clock.now();
    const from = senderOf(access.from) ?? { name: '', address: access.from };
    const rendered = renderMail(
      mailServerTest,
      { at: instant(now) },
      { profile: profile ?? emptyProfile, publicUrl: publicUrl(), unsubscribeUrl: null },
    );
    const messageId = `<${toHex(deps.randomness.bytes(16))}@${from.address.split('@').at(-1)}>`;
    const slow = new AbortController();
    const done = new AbortController();
    void deps.scheduler.sleep(testMs, done.signal).then(() => {
      if (!done.signal.aborted) slow.abort();
    });
    try {
      return await mailer.send(access, { messageId, from, to, ...rendered, date: now, headers: {} }, slow.signal);
    } finally {
      done.abort();
    }
  };

  return {
    table,
    outbox,
    queue: createMailQueue({ table, clock }),
    tokens,
    servers,
    mailer,
    publicUrl,
    test,
    /** The same for the same mail, in every process. */
    messageIdOf: (mailId: string) => toHex(crypto.hmacSha256(deps.purposeKeys('message ids'), mailId)).slice(0, 40),
    commands: {
      ...notificationCommands({ outbox, tokens, throttling: deps.throttling }),
      ...mailServerCommands({ fromEnvironment: deps.fromEnvironment !== null, passwords }),
    },
  };
};
