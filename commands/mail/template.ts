import type { Instant } from '../../domain/instant.ts';

/** The languages that mails are written in; whoever reads another gets English. */
export type Language = 'en' | 'de';

/** A part of a letter. Every text is plain, wherever it comes from: what renders it does the escaping. */
export type Block =
  | { readonly text: string }
  /** Words of others, kept apart from ours; line breaks stay. */
  | { readonly quote: string }
  /** Label and value. */
  | { readonly facts: readonly (readonly [label: string, value: string])[] }
  | { readonly button: { readonly label: string; readonly url: string } };

export type Letter = {
  /** One line; control characters are taken out of it. */
  readonly subject: string;
  readonly blocks: readonly Block[];
};

/** Whoever reads it, and what a template needs to write for them. */
export type Reader = {
  /** How they are addressed; null: nobody knows a name. */
  readonly name: string | null;
  /** In their zone and language, with the zone's name. */
  readonly time: (at: Instant) => string;
  /** The absolute address of a page of the console. @param path with its slash, as `/api-keys` */
  readonly page: (path: string) => string;
};

/**
 * Where a mail goes.
 * `account`: to the address they sign in with, whatever the switch of their notices says; it is about signing in.
 * `notices`: to the address of their notices, where that is on and verified; with a way to unsubscribe.
 * `security`: like `notices`, and to the address they sign in with where those do not reach them.
 * `address`: to the address that the mail itself names, and nowhere else; it greets nobody, for it may be a stranger's.
 */
export type Audience = 'account' | 'notices' | 'security' | 'address';

/** One mail in all its languages. `category`: what the person's history calls it. */
export type Template<P extends object> = {
  readonly audience: Audience;
  readonly category: string | ((params: P) => string);
} & { readonly [language in Language]: (params: P, reader: Reader) => Letter };
