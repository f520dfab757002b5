import type { Template } from './template.ts';
import { accountChanged } from './templates/accountChanged.ts';
import { addressChanged } from './templates/addressChanged.ts';
import { addressVerification } from './templates/addressVerification.ts';
import { invitation } from './templates/invitation.ts';
import { keyExpiring } from './templates/keyExpiring.ts';
import { keyLeaked } from './templates/keyLeaked.ts';
import { keyRevoked } from './templates/keyRevoked.ts';
import { mailServerTest } from './templates/mailServerTest.ts';
import { passwordReset } from './templates/passwordReset.ts';
import { serviceNotice } from './templates/serviceNotice.ts';

/** Every mail there is. The names stand in the vault: add, never rename. */
export const templates = {
  'password-reset': passwordReset,
  invitation,
  'address-verification': addressVerification,
  'account-changed': accountChanged,
  'address-changed': addressChanged,
  'key-expiring': keyExpiring,
  'key-revoked': keyRevoked,
  'key-leaked': keyLeaked,
  'service-notice': serviceNotice,
  'mail-server-test': mailServerTest,
} as const;

export type TemplateName = keyof typeof templates;

/** What a template is filled with: plain JSON. */
export type ParamsOf<N extends TemplateName> = (typeof templates)[N] extends Template<infer P> ? P : never;

/** @returns null: written by a newer release */
export const templateNamed = (name: string): Template<object> | null =>
  Object.hasOwn(templates, name) ? (templates[name as TemplateName] as Template<object>) : null;
