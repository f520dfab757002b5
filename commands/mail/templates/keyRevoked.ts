import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';
import { keyCalled, keyCalledInGerman, keyFacts, type NamedKey } from './keyFacts.ts';

type Revoked = NamedKey & {
  readonly revokedAt: Instant;
  readonly reason: 'administrator' | 'incident';
  /** What whoever revoked it wrote. */
  readonly note: string | null;
};

export const keyRevoked: Template<Revoked> = {
  audience: 'notices',
  category: 'api-key.revoked',
  en: (key, { time, page }) => ({
    subject: `API key ${keyCalled(key)} was revoked`,
    blocks: [
      {
        text:
          key.reason === 'administrator'
            ? 'An administrator revoked one of your API keys. It no longer works, and cannot be brought back.'
            : 'One of your API keys was revoked during an incident. It no longer works, and cannot be brought back.',
      },
      { facts: [...keyFacts(key, 'en'), ['Revoked', time(key.revokedAt)]] },
      ...(key.note === null ? [] : [{ text: 'The reason given:' }, { quote: key.note }]),
      { button: { label: 'Your API keys', url: page('/api-keys') } },
    ],
  }),
  de: (key, { time, page }) => ({
    subject: `API-Schlüssel ${keyCalledInGerman(key)} wurde widerrufen`,
    blocks: [
      {
        text:
          key.reason === 'administrator'
            ? 'Ein Administrator hat einen Ihrer API-Schlüssel widerrufen. Er funktioniert nicht mehr und kommt nicht zurück.'
            : 'Einer Ihrer API-Schlüssel wurde wegen eines Vorfalls widerrufen. Er funktioniert nicht mehr und kommt nicht zurück.',
      },
      { facts: [...keyFacts(key, 'de'), ['Widerrufen', time(key.revokedAt)]] },
      ...(key.note === null ? [] : [{ text: 'Die angegebene Begründung:' }, { quote: key.note }]),
      { button: { label: 'Ihre API-Schlüssel', url: page('/api-keys') } },
    ],
  }),
};
