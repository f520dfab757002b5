import type { Instant } from '../../../domain/instant.ts';
import type { Block, Reader, Template } from '../template.ts';

/** What of how somebody signs in changed. Stored: add, never rename. */
export type AccountChange =
  | 'password-changed'
  | 'password-reset'
  | 'two-factor-on'
  | 'two-factor-off'
  | 'two-factor-reset'
  | 'recovery-codes';

type Changed = { readonly what: AccountChange; readonly at: Instant };

type Said = { readonly [what in AccountChange]: readonly [subject: string, text: string] };

const english: Said = {
  'password-changed': ['Your password was changed', 'The password of your account was changed.'],
  'password-reset': [
    'A new password was set',
    'A new password was set for your account without the old one: by a mailed link, or by whoever runs Keyledger. Every session ended.',
  ],
  'two-factor-on': [
    'Two-factor sign-in was turned on',
    'From now on, signing in to your account asks for a code of an authenticator app as well.',
  ],
  'two-factor-off': [
    'Two-factor sign-in was turned off',
    'Signing in to your account no longer asks for a code: the password is enough.',
  ],
  'two-factor-reset': [
    'An administrator turned off your two-factor sign-in',
    'Signing in to your account no longer asks for a code: the password is enough. Turn two-factor sign-in on again as soon as you can.',
  ],
  'recovery-codes': [
    'New recovery codes were made',
    'New recovery codes were made for your account. The ones from before no longer work.',
  ],
};

const german: Said = {
  'password-changed': ['Ihr Passwort wurde geändert', 'Das Passwort Ihres Kontos wurde geändert.'],
  'password-reset': [
    'Ein neues Passwort wurde gesetzt',
    'Für Ihr Konto wurde ohne das alte ein neues Passwort gesetzt: über einen zugesandten Link oder vom Betreiber von Keyledger. Alle Sitzungen wurden beendet.',
  ],
  'two-factor-on': [
    'Die Zwei-Faktor-Anmeldung wurde eingeschaltet',
    'Ab jetzt wird bei der Anmeldung an Ihrem Konto auch ein Code einer Authenticator-App verlangt.',
  ],
  'two-factor-off': [
    'Die Zwei-Faktor-Anmeldung wurde ausgeschaltet',
    'Bei der Anmeldung an Ihrem Konto wird kein Code mehr verlangt: Das Passwort genügt.',
  ],
  'two-factor-reset': [
    'Ein Administrator hat Ihre Zwei-Faktor-Anmeldung ausgeschaltet',
    'Bei der Anmeldung an Ihrem Konto wird kein Code mehr verlangt: Das Passwort genügt. Schalten Sie die Zwei-Faktor-Anmeldung wieder ein, sobald Sie können.',
  ],
  'recovery-codes': [
    'Neue Wiederherstellungscodes wurden erstellt',
    'Für Ihr Konto wurden neue Wiederherstellungscodes erstellt. Die bisherigen gelten nicht mehr.',
  ],
};

const letter = (
  [subject, text]: Said[AccountChange],
  facts: readonly (readonly [string, string])[],
  warning: string,
  label: string,
  { page }: Reader,
) => {
  const blocks: readonly Block[] = [
    { text },
    { facts },
    { text: warning },
    { button: { label, url: page('/profile/security') } },
  ];
  return { subject, blocks };
};

/** To whoever can sign in, of what only they should have done: the switch of their notices does not turn it off. */
export const accountChanged: Template<Changed> = {
  audience: 'account',
  category: ({ what }) => `account.${what}`,
  en: ({ what, at }, reader) =>
    letter(
      english[what],
      [['When', reader.time(at)]],
      'If you did not expect this, set a new password at once, end all sessions, and tell your administrator.',
      'Security of your account',
      reader,
    ),
  de: ({ what, at }, reader) =>
    letter(
      german[what],
      [['Wann', reader.time(at)]],
      'Wenn Sie nichts davon wissen, setzen Sie sofort ein neues Passwort, beenden Sie alle Sitzungen und sagen Sie es Ihrem Administrator.',
      'Sicherheit Ihres Kontos',
      reader,
    ),
};
