import type { Instant } from '../../../domain/instant.ts';
import type { Letter, Template } from '../template.ts';

/** What a service tells a user. Subject, text and link are its own words. */
export type ServiceNotice = {
  /** As `job.failed`. */
  readonly category: string;
  readonly subject: string;
  readonly text: string;
  /** Of the service's token. */
  readonly sender: string;
  readonly occurredAt: Instant | null;
  readonly link: { readonly url: string; readonly label: string } | null;
};

type Words = {
  readonly what: string;
  readonly when: string;
  readonly from: string;
  readonly kinds: { readonly [category: string]: string };
};

const english: Words = {
  what: 'What',
  when: 'When',
  from: 'From',
  kinds: {
    'job.succeeded': 'A job succeeded',
    'job.failed': 'A job failed',
    'job.stopped': 'A job was stopped',
    'application.created': 'An application was made',
    'version.created': 'A version was made',
  },
};

const german: Words = {
  what: 'Was',
  when: 'Wann',
  from: 'Von',
  kinds: {
    'job.succeeded': 'Ein Job war erfolgreich',
    'job.failed': 'Ein Job ist fehlgeschlagen',
    'job.stopped': 'Ein Job wurde angehalten',
    'application.created': 'Eine Anwendung wurde angelegt',
    'version.created': 'Eine Version wurde angelegt',
  },
};

const letter = (notice: ServiceNotice, time: (at: Instant) => string, words: Words): Letter => ({
  subject: notice.subject,
  blocks: [
    { quote: notice.text },
    {
      facts: [
        [words.what, (Object.hasOwn(words.kinds, notice.category) && words.kinds[notice.category]) || notice.category],
        ...(notice.occurredAt === null ? [] : [[words.when, time(notice.occurredAt)] as const]),
        [words.from, notice.sender],
      ],
    },
    ...(notice.link === null ? [] : [{ button: notice.link }]),
  ],
});

export const serviceNotice: Template<ServiceNotice> = {
  audience: 'notices',
  category: ({ category }) => category,
  en: (notice, { time }) => letter(notice, time, english),
  de: (notice, { time }) => letter(notice, time, german),
};
