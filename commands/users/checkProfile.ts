import { type Rejection, reject } from '../../domain/decider.ts';
import { type Profile, readProfile } from '../../domain/profile.ts';

/** @param e164 well-formed. @returns whether there can be such a number in its country */
export type IsPhoneNumber = (e164: string) => boolean;

/** What is wrong with a profile, of all its fields at once: what the domain says, and whether there is such a phone number. */
export const checkProfile = (given: Partial<Profile>, isPhoneNumber: IsPhoneNumber): Rejection | null => {
  const { fields, errors } = readProfile(given);
  const { phone } = fields;
  const noNumber =
    typeof phone === 'string' && !errors.some(({ field }) => field === '/phone') && !isPhoneNumber(phone);
  const all = noNumber ? [...errors, { field: '/phone', detail: 'No country has such a number.' }] : errors;
  return all.length === 0 ? null : reject('validation-failed', undefined, all);
};
