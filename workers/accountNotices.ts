import type { Outbox } from '../commands/mail/outbox.ts';
import type { AccountChange } from '../commands/mail/templates/accountChanged.ts';
import type { Recorded } from '../domain/event.ts';
import { type EventNamed, idInStream } from '../domain/events.ts';
import type { UserId } from '../domain/ids.ts';
import { millis } from '../domain/instant.ts';
import type { User } from '../domain/user.ts';
import { type FollowParts, follow } from './follow.ts';
import type { Worker } from './worker.ts';

export type AccountNoticesParts = FollowParts & {
  readonly outbox: Outbox;
  /** As they were right before their event of this revision; null where they can no longer be read. */
  readonly userBefore: (userId: UserId, revision: number) => Promise<User | null>;
  /** There is a server to hand mails to. */
  readonly canMail: () => Promise<boolean>;
};

const types = ['PasswordChanged', 'PasswordReset', 'TwoFactorEnabled', 'TwoFactorDisabled', 'EmailChanged'] as const;

type Change = Recorded<EventNamed<(typeof types)[number]>>;

/** What is older was told, or is no news any more: whoever follows the log for the first time mails nobody about last year. */
const freshMs = 7 * 24 * 3600 * 1000;

/** The address of the administrator that is made at the first start, until they have one of their own. */
const isNoMailbox = (email: string): boolean => email.endsWith('@localhost');

const changeOf = (event: Exclude<Change, { type: 'EmailChanged' }>, before: User): AccountChange | null => {
  switch (event.type) {
    case 'PasswordChanged':
      return 'password-changed';
    case 'PasswordReset':
      // Whoever takes up an invitation has just come.
      return before.status === 'invited' ? null : 'password-reset';
    case 'TwoFactorEnabled':
      return before.twoFactor === null ? 'two-factor-on' : 'recovery-codes';
    case 'TwoFactorDisabled':
      return event.data.by === 'administrator' ? 'two-factor-reset' : 'two-factor-off';
  }
};

/**
 * Tells people by mail how signing in to their account changed, whoever did it: somebody else may have. Of a change of
 * address the one from before is told, because that of now may already be somebody else's.
 */
export const accountNotices = (parts: AccountNoticesParts): Worker =>
  follow(parts, {
    name: 'account-notices',
    types,
    handle: async (event) => {
      const { at } = event.metadata;
      if (parts.clock.now() - millis(at) > freshMs || !(await parts.canMail())) return;
      const userId = idInStream(event.stream);
      const before = await parts.userBefore(userId, event.revision);
      if (before === null || before.email === null || isNoMailbox(before.email)) return;
      if (event.type === 'EmailChanged') {
        const mail = { id: `address-changed:${event.eventId}`, userId, template: 'address-changed' } as const;
        await parts.outbox.put({ ...mail, address: before.email, params: { at } });
        return;
      }
      const what = changeOf(event, before);
      if (what === null) return;
      const mail = { id: `account-changed:${event.eventId}`, userId, template: 'account-changed' } as const;
      await parts.outbox.put({ ...mail, params: { what, at } });
    },
  });
