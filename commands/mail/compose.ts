import { senderOf } from '../../domain/mailServer.ts';
import { notificationsOf, type User } from '../../domain/user.ts';
import type { MailAccess, MailMessage } from '../ports/mailer.ts';
import type { OutboxRow } from './outbox.ts';
import { renderMail } from './render.ts';
import type { Audience, Template } from './template.ts';

export type ComposeOptions = {
  readonly server: MailAccess;
  readonly messageId: string;
  /** Scheme, host and port of the pages, without a slash at the end. */
  readonly publicUrl: string;
  readonly unsubscribeToken: string;
  /** Milliseconds since 1970. */
  readonly now: number;
};

type Recipient = { readonly address: string; readonly canUnsubscribe: boolean };

/** Where notices reach a person now; null: nowhere. */
export const noticeAddress = (user: User): string | null => {
  const { email, enabled, verified } = notificationsOf(user);
  return user.status === 'active' && enabled && verified ? email : null;
};

/** @returns null: nobody is to get it (any more) */
export const recipientOf = (audience: Audience, user: User, address: string | null): Recipient | null => {
  if (user.status !== 'active' && user.status !== 'invited') return null;
  const notices = noticeAddress(user);
  switch (audience) {
    case 'account':
      return user.email === null ? null : { address: user.email, canUnsubscribe: false };
    case 'notices':
      return notices === null ? null : { address: notices, canUnsubscribe: true };
    case 'security':
      if (notices !== null) return { address: notices, canUnsubscribe: true };
      return user.email === null ? null : { address: user.email, canUnsubscribe: false };
    case 'address':
      return address === null ? null : { address, canUnsubscribe: false };
  }
};

/** RFC 2369 and RFC 8058: mail programs offer a button that posts to the address by itself. */
const unsubscribeHeaders = (url: string) => ({
  'List-Unsubscribe': `<${url}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});

/** The mail as it is now, for the person as they are now. */
export const composeMail = (
  template: Template<object>,
  row: Pick<OutboxRow, 'params'>,
  user: User,
  to: Recipient,
  options: ComposeOptions,
): MailMessage => {
  const { server, messageId, publicUrl, now } = options;
  const unsubscribeUrl = to.canUnsubscribe ? `${publicUrl}/unsubscribe?token=${options.unsubscribeToken}` : null;
  const rendered = renderMail(template, row.params as object, { profile: user.profile, publicUrl, unsubscribeUrl });
  return {
    messageId,
    from: senderOf(server.from) ?? { name: '', address: server.from },
    to: to.address,
    ...rendered,
    date: now,
    headers: unsubscribeUrl === null ? {} : unsubscribeHeaders(unsubscribeUrl),
  };
};
