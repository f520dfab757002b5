import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';

export const mailServerTest: Template<{ readonly at: Instant }> = {
  audience: 'address',
  category: 'mail-server.test',
  en: ({ at }, { time }) => ({
    subject: 'Keyledger can send mail',
    blocks: [{ text: `An administrator tried the mail server on ${time(at)}. It works: you are reading its proof.` }],
  }),
  de: ({ at }, { time }) => ({
    subject: 'Keyledger kann Mails senden',
    blocks: [
      { text: `Ein Administrator hat am ${time(at)} den Mailserver erprobt. Er funktioniert: Sie lesen den Beweis.` },
    ],
  }),
};
