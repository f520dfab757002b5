import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';

/** To the address from before, and not a word of the one that took its place: it may be nobody's business there. */
export const addressChanged: Template<{ readonly at: Instant }> = {
  audience: 'address',
  category: 'account.email-changed',
  en: ({ at }, { time }) => ({
    subject: 'This address no longer signs in',
    blocks: [
      {
        text: 'An administrator set another address for an account that was signed in to with this one. Mails about signing in go there from now on.',
      },
      { facts: [['When', time(at)]] },
      { text: 'If you still use the account and did not expect this, tell your administrator.' },
    ],
  }),
  de: ({ at }, { time }) => ({
    subject: 'Mit dieser Adresse meldet sich niemand mehr an',
    blocks: [
      {
        text: 'Ein Administrator hat für ein Konto, das sich mit dieser Adresse anmeldete, eine andere gesetzt. Mails über die Anmeldung gehen ab jetzt dorthin.',
      },
      { facts: [['Wann', time(at)]] },
      { text: 'Wenn Sie das Konto noch verwenden und nichts davon wissen, sagen Sie es Ihrem Administrator.' },
    ],
  }),
};
