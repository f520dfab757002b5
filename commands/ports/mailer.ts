import type { MailServer } from '../../domain/keyPolicy.ts';

/** A mail server and how to sign in to it. */
export type MailAccess = MailServer & { readonly password: string | null };

/** A mail as it is handed over. Every text is as it is meant: the adapter encodes, and lets nothing become a header. */
export type MailMessage = {
  /** With its angle brackets; the same for every attempt at the same mail. */
  readonly messageId: string;
  /** The server's `from`. */
  readonly from: { readonly name: string; readonly address: string };
  /** One address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Milliseconds since 1970. */
  readonly date: number;
  readonly headers: { readonly [name: string]: string };
};

/** `response`: the server's words, or what kept it from saying any. It may hold the address. */
export type Delivery =
  | { readonly accepted: true; readonly response: string }
  /**
   * `server`: no mail would pass now, so others need not be tried. `mail`: this one; `permanent`: and never will. A
   * connection that ends before the answer is `mail`, not permanent: it may have been accepted.
   */
  | {
      readonly accepted: false;
      readonly blame: 'server' | 'mail';
      readonly permanent: boolean;
      readonly response: string;
    };

/** Hands mails to a server. Never rejects: whatever goes wrong is a Delivery. */
export type Mailer = {
  /** `signal`: it has taken too long; the connection is given up. */
  readonly send: (server: MailAccess, message: MailMessage, signal: AbortSignal) => Promise<Delivery>;
  readonly close: () => Promise<void>;
};
