import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';
import { keyCalled, keyCalledInGerman, keyFacts, type NamedKey } from './keyFacts.ts';

/** `days`: how many are left. Sent only while the key still stands and still ends at `expiresAt`. */
export const keyExpiring: Template<NamedKey & { readonly days: number; readonly expiresAt: Instant }> = {
  audience: 'notices',
  category: 'api-key.expiring',
  en: (key, { time, page }) => ({
    subject: `API key ${keyCalled(key)} expires in ${key.days === 1 ? '1 day' : `${key.days} days`}`,
    blocks: [
      { text: 'One of your API keys expires soon. From then on, whatever uses it is refused.' },
      { facts: [...keyFacts(key, 'en'), ['Expires', time(key.expiresAt)]] },
      { button: { label: 'Your API keys', url: page('/profile/api-keys') } },
    ],
  }),
  de: (key, { time, page }) => ({
    subject: `API-Schlüssel ${keyCalledInGerman(key)} läuft in ${key.days === 1 ? '1 Tag' : `${key.days} Tagen`} ab`,
    blocks: [
      { text: 'Einer Ihrer API-Schlüssel läuft bald ab. Ab dann wird alles abgewiesen, was ihn verwendet.' },
      { facts: [...keyFacts(key, 'de'), ['Läuft ab', time(key.expiresAt)]] },
      { button: { label: 'Ihre API-Schlüssel', url: page('/profile/api-keys') } },
    ],
  }),
};
