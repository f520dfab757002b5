import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';

/** `token`: one-time, opened by the page that sets the first password; `until`: when it no longer does. */
export const invitation: Template<{ readonly token: string; readonly until: Instant }> = {
  audience: 'account',
  category: 'account.invitation',
  en: ({ token, until }, { time, page }) => ({
    subject: 'An account was made for you',
    blocks: [
      { text: 'An administrator made an account for you. Choose a password, and you can sign in:' },
      { button: { label: 'Choose a password', url: page(`/reset-password#token=${token}`) } },
      { text: `It works once, until ${time(until)}. After that, ask your administrator for another invitation.` },
    ],
  }),
  de: ({ token, until }, { time, page }) => ({
    subject: 'Für Sie wurde ein Konto angelegt',
    blocks: [
      {
        text: 'Ein Administrator hat ein Konto für Sie angelegt. Wählen Sie ein Passwort, um sich anmelden zu können:',
      },
      { button: { label: 'Passwort wählen', url: page(`/reset-password#token=${token}`) } },
      {
        text: `Der Link funktioniert einmal, bis ${time(until)}. Danach bitten Sie Ihren Administrator um eine neue Einladung.`,
      },
    ],
  }),
};
