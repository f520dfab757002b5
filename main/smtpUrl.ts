import type { MailAccess } from '../commands/ports/mailer.ts';
import { isLoopback, mailServerErrors } from '../domain/mailServer.ts';

const securities = ['none', 'starttls', 'tls'] as const;

/**
 * `smtp://user:password@host:port?from=…&security=…`, or `smtps://` for TLS from the start. Without `security`, smtp means
 * STARTTLS, and no encryption to this very machine; without `from`, no-reply at the host of the pages or of the server.
 * @param publicHost of the pages, where it is set
 * @returns what is wrong as a text: never more of the value than the name of its part
 */
export const readSmtpUrl = (text: string, publicHost: string | null): MailAccess | string => {
  if (!URL.canParse(text)) return 'must be a URL as smtp://user:password@host:587';
  const url = new URL(text);
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') return 'must start with smtp:// or smtps://';
  if (url.pathname !== '' && url.pathname !== '/') return 'must have no path';
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'from' && name !== 'security');
  if (unknown !== undefined || url.hash !== '') return 'knows no parameters but from and security';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') return 'must name a host';
  const tls = url.protocol === 'smtps:';
  const asked = url.searchParams.get('security');
  if (asked !== null && !(securities as readonly string[]).includes(asked))
    return 'security must be none, starttls or tls';
  if (tls && asked !== null && asked !== 'tls') return 'smtps:// means security=tls';
  const security = (asked ?? (tls ? 'tls' : isLoopback(host) ? 'none' : 'starttls')) as MailAccess['security'];
  let username: string;
  let password: string;
  try {
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    return 'user and password must be percent-encoded';
  }
  const port = url.port === '' ? (security === 'tls' ? 465 : 587) : Number(url.port);
  const domain =
    publicHost !== null && /[A-Za-z]/.test(publicHost) ? publicHost : /^[\d.:]+$/.test(host) ? 'localhost' : host;
  const access: MailAccess = {
    host,
    port,
    security,
    username: username === '' ? null : username,
    password: password === '' ? null : password,
    from: url.searchParams.get('from') ?? `Keyledger <no-reply@${domain}>`,
  };
  const wrong = mailServerErrors(access)[0];
  return wrong === undefined ? access : `${wrong.field.slice(1)}: ${wrong.detail}`;
};
