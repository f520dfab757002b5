import type { KeyId } from '../../../domain/ids.ts';
import type { Language } from '../template.ts';

/** A key as its owner knows it. */
export type NamedKey = {
  readonly keyId: KeyId;
  /** Null: it has none. */
  readonly name: string | null;
  readonly mask: string;
};

const words = { en: { name: 'Name', key: 'Key' }, de: { name: 'Name', key: 'Schlüssel' } };

export const keyFacts = (
  { name, mask }: NamedKey,
  language: Language,
): readonly (readonly [label: string, value: string])[] => [
  ...(name === null ? [] : [[words[language].name, name] as const]),
  [words[language].key, mask],
];

/** How a key is called within a sentence or a subject. */
export const keyCalled = ({ name, mask }: NamedKey): string => (name === null ? mask : `“${name}”`);
export const keyCalledInGerman = ({ name, mask }: NamedKey): string => (name === null ? mask : `„${name}“`);
