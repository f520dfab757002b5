import { createSmtpMailer } from '../adapters/smtp/mailer.ts';
import { createMails } from '../commands/mail/mail.ts';
import type { MailAccess } from '../commands/ports/mailer.ts';
import { createThrottling } from '../commands/signIn/throttling.ts';
import type { Configuration } from './configuration.ts';

/** What of the configuration mails need. `pages`: where links in them lead, once it is known. */
export type MailSettings = { readonly smtp: MailAccess | null; readonly pages: { url: string } };

export const mailSettings = ({ smtp, publicUrl, host, port }: Configuration): MailSettings => ({
  smtp,
  pages: { url: publicUrl?.origin ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}` },
});

/** For what opens stores without serving anybody. */
export const noMail = (): MailSettings => ({ smtp: null, pages: { url: 'http://localhost' } });

type Deps = Omit<Parameters<typeof createMails>[0], 'mailer' | 'fromEnvironment' | 'publicUrl' | 'throttling'>;

export const wireMails = (deps: Deps, { smtp, pages }: MailSettings) =>
  createMails({
    ...deps,
    throttling: createThrottling(deps),
    mailer: createSmtpMailer(),
    fromEnvironment: smtp,
    publicUrl: () => pages.url,
  });
