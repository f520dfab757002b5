import type { FieldError } from './decider.ts';
import { textError, tidy } from './text.ts';

/** The fields a person may change of themselves. Null: not given. */
export type Profile = {
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly fullName: string | null;
  /** E.164 */
  readonly phone: string | null;
  readonly position: string | null;
  readonly description: string | null;
  /** BCP 47 */
  readonly language: string | null;
  /** IANA */
  readonly timeZone: string | null;
};

export type ProfileField = keyof Profile;

export const emptyProfile: Profile = {
  firstName: null,
  lastName: null,
  fullName: null,
  phone: null,
  position: null,
  description: null,
  language: null,
  timeZone: null,
};

export const profileFields = Object.keys(emptyProfile) as readonly ProfileField[];

/** For who never said: the language of pages and mails, and the zone that times are shown in. */
export const defaultLanguage = 'en';
export const defaultTimeZone = 'UTC';

/** In code points. */
const longestText = {
  firstName: 100,
  lastName: 100,
  fullName: 200,
  position: 200,
  description: 2000,
} as const;

/** Full name, else first and last name, else the address; who has neither is known by their id. */
export const displayName = (profile: Profile, email: string | null, userId: string): string =>
  profile.fullName ??
  ([profile.firstName, profile.lastName].filter((name) => name !== null).join(' ') || email || userId);

/**
 * The fields in the form in which they are kept: texts trimmed and NFC, empty is null, the language tag and the zone in their
 * canonical spelling. `errors` says which of them no profile may hold.
 */
export const readProfile = (
  given: Partial<Profile>,
): { readonly fields: Partial<Profile>; readonly errors: readonly FieldError[] } => {
  const fields: { [field in ProfileField]?: string | null } = {};
  const errors: FieldError[] = [];
  for (const field of profileFields) {
    const value = given[field];
    if (value === undefined) continue;
    const { kept, error } = readField(field, tidy(value));
    fields[field] = kept;
    if (error) errors.push(error);
  }
  return { fields, errors };
};

/** Those of the fields that are not so already. */
export const changedFields = (now: Profile, wanted: Partial<Profile>): Partial<Profile> =>
  Object.fromEntries(Object.entries(wanted).filter(([field, value]) => now[field as ProfileField] !== value));

type Read = { readonly kept: string | null; readonly error?: FieldError | null };

const readField = (field: ProfileField, value: string | null): Read => {
  const pointer = `/${field}`;
  if (value === null) return { kept: null };
  switch (field) {
    case 'phone':
      return { kept: value, error: isPhone(value) ? null : wrong(pointer, 'A number as in +4312345678 (E.164).') };
    case 'language': {
      const tag = languageTag(value);
      return { kept: tag, error: tag === null ? wrong(pointer, 'A language tag as in de-AT (BCP 47).') : null };
    }
    case 'timeZone': {
      const zone = zoneName(value);
      return { kept: zone, error: zone === null ? wrong(pointer, 'A time zone as in Europe/Vienna (IANA).') : null };
    }
    case 'description':
      return { kept: value, error: textError(pointer, value, longestText[field], 'several lines') };
    default:
      return { kept: value, error: textError(pointer, value, longestText[field]) };
  }
};

const wrong = (field: string, detail: string): FieldError => ({ field, detail });

const isPhone = (text: string): boolean => /^\+[1-9]\d{1,14}$/.test(text);

/** Long tags are private extensions: legal, and of no use to who mails in a language. */
const longestTag = 35;

// Longer names of a language are well-formed, and none was ever registered: whoever sends `german` means `de`.
const languageTag = (text: string): string | null => {
  if (text.length > longestTag || /^[a-z]{4,8}(?:-|$)/i.test(text)) return null;
  try {
    return Intl.getCanonicalLocales(text)[0] ?? null;
  } catch {
    return null; // RangeError is how Intl says no
  }
};

/** Names only: an offset (`+02:00`) knows no summer. Spelt as its zone is; a name that is another's alias stays. */
const zoneName = (text: string): string | null => {
  if (!/^[A-Za-z][A-Za-z0-9+_/-]{0,63}$/.test(text)) return null;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions();
    return timeZone.toLowerCase() === text.toLowerCase() ? timeZone : text;
  } catch {
    return null; // RangeError is how Intl says no
  }
};
