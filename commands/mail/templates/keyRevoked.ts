import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';
import { keyCalled, keyCalledInGerman, keyFacts, type NamedKey } from './keyFacts.ts';

type Revoked = NamedKey & {
  readonly revokedAt: Instant;
  readonly reason: 'administrator' | 'incident' | 'unused';
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
        text: {
          administrator:
            'An administrator revoked one of your API keys. It no longer works, and cannot be brought back.',
          incident:
            'One of your API keys was revoked during an incident. It no longer works, and cannot be brought back.',
          unused:
            'One of your API keys was ended because it had not been used for a long time. It cannot be brought back; make a new one where you need it.',
        }[key.reason],
      },
      { facts: [...keyFacts(key, 'en'), ['Revoked', time(key.revokedAt)]] },
      ...(key.note === null ? [] : [{ text: 'The reason given:' }, { quote: key.note }]),
      { button: { label: 'Your API keys', url: page('/profile/api-keys') } },
    ],
  }),
  de: (key, { time, page }) => ({
    subject: `API-Schlüssel ${keyCalledInGerman(key)} wurde widerrufen`,
    blocks: [
      {
        text: {
          administrator:
            'Ein Administrator hat einen Ihrer API-Schlüssel widerrufen. Er funktioniert nicht mehr und kommt nicht zurück.',
          incident:
            'Einer Ihrer API-Schlüssel wurde wegen eines Vorfalls widerrufen. Er funktioniert nicht mehr und kommt nicht zurück.',
          unused:
            'Einer Ihrer API-Schlüssel wurde beendet, weil er lange nicht verwendet worden war. Er kommt nicht zurück; erstellen Sie einen neuen, wo Sie einen brauchen.',
        }[key.reason],
      },
      { facts: [...keyFacts(key, 'de'), ['Widerrufen', time(key.revokedAt)]] },
      ...(key.note === null ? [] : [{ text: 'Die angegebene Begründung:' }, { quote: key.note }]),
      { button: { label: 'Ihre API-Schlüssel', url: page('/profile/api-keys') } },
    ],
  }),
};
