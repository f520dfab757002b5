import { createSmtpMailer } from '../adapters/smtp/mailer.ts';
import { createCounter, type Metric } from '../api/metrics.ts';
import { Failure } from '../commands/failure.ts';
import { createMails } from '../commands/mail/mail.ts';
import type { MailAccess } from '../commands/ports/mailer.ts';
import { createThrottling } from '../commands/signIn/throttling.ts';
import type { MailOutcome } from '../workers/outbox.ts';
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

/** Beyond that, how many there are makes no difference to anybody who is woken by it. */
const mostCounted = 100;

/** What whoever watches needs: mails that were given up wait for an operator, whichever process gave them up. */
const mailMetrics = ({ queue }: Pick<ReturnType<typeof createMails>, 'queue'>) => {
  const outcomes = createCounter('keyledger_mails_total', 'Mails that this process was done with, by outcome.');
  const givenUp: Metric = {
    name: 'keyledger_mails_given_up',
    help: `Mails that were given up and wait for an operator, counted to ${mostCounted}.`,
    type: 'gauge',
    samples: async () => {
      try {
        return [{ value: await queue.givenUp(mostCounted) }];
      } catch (error) {
        if (error instanceof Failure) return [];
        throw error;
      }
    },
  };
  return {
    metrics: [outcomes.metric, givenUp],
    told: (outcome: MailOutcome, template: string) => outcomes.add({ outcome, template }),
  };
};

export const wireMails = (deps: Deps, { smtp, pages }: MailSettings) => {
  const mails = createMails({
    ...deps,
    throttling: createThrottling(deps),
    mailer: createSmtpMailer(),
    fromEnvironment: smtp,
    publicUrl: () => pages.url,
  });
  return { ...mails, ...mailMetrics(mails) };
};
