import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';

/** `token`: one-time, opened by the page that sets the password; `until`: when it no longer does. */
export const passwordReset: Template<{ readonly token: string; readonly until: Instant }> = {
  audience: 'account',
  category: 'account.password-reset',
  en: ({ token, until }, { time, page }) => ({
    subject: 'Set a new password',
    blocks: [
      { text: 'Somebody asked to set a new password for your account. If it was you, open this page:' },
      { button: { label: 'Set a new password', url: page(`/reset-password#token=${token}`) } },
      { text: `It works once, until ${time(until)}.` },
      { text: 'If it was not you, do nothing: your password stays as it is.' },
    ],
  }),
  de: ({ token, until }, { time, page }) => ({
    subject: 'Neues Passwort setzen',
    blocks: [
      { text: 'Für Ihr Konto wurde ein neues Passwort angefordert. Wenn Sie das waren, öffnen Sie diese Seite:' },
      { button: { label: 'Neues Passwort setzen', url: page(`/reset-password#token=${token}`) } },
      { text: `Sie funktioniert einmal, bis ${time(until)}.` },
      { text: 'Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.' },
    ],
  }),
};
