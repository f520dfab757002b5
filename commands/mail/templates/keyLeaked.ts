import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';
import { keyCalled, keyCalledInGerman, keyFacts, type NamedKey } from './keyFacts.ts';

type Leaked = NamedKey & {
  readonly revokedAt: Instant;
  /** Where it was found, as whoever reported it said. */
  readonly source: string | null;
};

export const keyLeaked: Template<Leaked> = {
  audience: 'security',
  category: 'api-key.leaked',
  en: (key, { time, page }) => ({
    subject: `API key ${keyCalled(key)} was found where others can read it, and was revoked`,
    blocks: [
      {
        text: 'The text of one of your API keys was found where others can read it. It was revoked at once and no longer works.',
      },
      {
        facts: [
          ...keyFacts(key, 'en'),
          ['Revoked', time(key.revokedAt)],
          ...(key.source === null ? [] : [['Found', key.source] as const]),
        ],
      },
      {
        text: 'Remove it from where it was found, look at what it was used for, and make a new key for what needs one.',
      },
      { button: { label: 'Your API keys', url: page('/profile/api-keys') } },
    ],
  }),
  de: (key, { time, page }) => ({
    subject: `API-Schlüssel ${keyCalledInGerman(key)} war öffentlich lesbar und wurde widerrufen`,
    blocks: [
      {
        text: 'Der Text eines Ihrer API-Schlüssel wurde an einer Stelle gefunden, an der andere ihn lesen können. Er wurde sofort widerrufen und funktioniert nicht mehr.',
      },
      {
        facts: [
          ...keyFacts(key, 'de'),
          ['Widerrufen', time(key.revokedAt)],
          ...(key.source === null ? [] : [['Gefunden', key.source] as const]),
        ],
      },
      {
        text: 'Entfernen Sie ihn von dort, sehen Sie nach, wofür er verwendet wurde, und erstellen Sie einen neuen Schlüssel, wo einer gebraucht wird.',
      },
      { button: { label: 'Ihre API-Schlüssel', url: page('/profile/api-keys') } },
    ],
  }),
};
