import { type Decider, type FieldError, reject } from './decider.ts';
import { emailNormalForm } from './emailAddress.ts';
import type { Recorded } from './event.ts';
import type { MailServer, PolicyEvent } from './keyPolicy.ts';

/** The mail server that an administrator set. `changed`: by which event; null: nobody ever did. */
export type MailServerSetting = {
  readonly server: MailServer | null;
  readonly changed: { readonly revision: number; readonly eventId: string } | null;
};

export type MailServerCommand = {
  readonly type: 'ChangeMailServer';
  readonly server: MailServer;
  /** The password is set anew: the event is then due although everything else may be as it was. */
  readonly newPassword: boolean;
};

/** Whom mails come from: an address, or a name with an address in angle brackets. */
export type Sender = { readonly name: string; readonly address: string };

const longestName = 100;

/** @returns null where the text is neither */
export const senderOf = (text: string): Sender | null => {
  const named = /^([^<>]*)<([^<>]+)>$/.exec(text.trim());
  const name = (named?.[1] ?? '').trim().replace(/^"(.*)"$/, '$1');
  const address = (named?.[2] ?? text).trim();
  if (/[\p{Cc}\p{Zl}\p{Zp}"\\]/u.test(name) || name.length > longestName) return null;
  return emailNormalForm(address) === null ? null : { name, address };
};

const isHost = (text: string): boolean =>
  text.length <= 253 &&
  (/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) || /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text));

const isPlain = (text: string): boolean => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);

/** This very machine: what goes there goes over no wire. */
export const isLoopback = (host: string): boolean =>
  /^localhost$/i.test(host) || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Signing in there would send the password over the network as it is. */
export const showsPassword = ({ host, security }: Pick<MailServer, 'host' | 'security'>): boolean =>
  security === 'none' && !isLoopback(host);

export const mailServerErrors = ({ host, port, security, username, from }: MailServer): readonly FieldError[] => {
  const errors: FieldError[] = [];
  if (!isHost(host)) errors.push({ field: '/host', detail: 'A host name or address, without brackets.' });
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    errors.push({ field: '/port', detail: 'A port, 1 to 65535.' });
  if (username !== null && (username === '' || username.length > 255 || !isPlain(username)))
    errors.push({ field: '/username', detail: '1 to 255 characters, or null.' });
  else if (username !== null && showsPassword({ host, security }))
    errors.push({
      field: '/security',
      detail: 'starttls or tls: a password goes over no network unencrypted.',
    });
  if (senderOf(from) === null)
    errors.push({
      field: '/from',
      detail: 'An address, or a name and an address as in Keyledger <no-reply@example.com>.',
    });
  return errors;
};

const same = (a: MailServer, b: MailServer): boolean =>
  a.host === b.host && a.port === b.port && a.security === b.security && a.username === b.username && a.from === b.from;

/** Rejection: `validation-failed`, with the wrong fields. */
export const mailServer: Decider<MailServerSetting, MailServerCommand, PolicyEvent> = {
  name: 'mailServer',
  foldVersion: 1,
  initialState: () => ({ server: null, changed: null }),
  decide: ({ server, newPassword }, state) => {
    const errors = mailServerErrors(server);
    if (errors.length > 0) return reject('validation-failed', undefined, errors);
    if (!newPassword && state.server !== null && same(server, state.server)) return [];
    return [{ type: 'MailServerChanged', data: { server } }];
  },
  evolve: (state, event: Recorded<PolicyEvent>) =>
    event.type === 'MailServerChanged'
      ? { server: event.data.server, changed: { revision: event.revision, eventId: event.eventId } }
      : state,
};
