import { parsePhoneNumberFromString } from 'libphonenumber-js/min';

/**
 * Whether a country's numbers can look like this: its calling code is there and the length is one of its lengths. Not
 * whether the number is given to somebody: numbering plans grow faster than the tables that know them.
 * @param e164 as in +4312345678
 */
export const isPhoneNumber = (e164: string): boolean => {
  const parsed = parsePhoneNumberFromString(e164);
  return parsed !== undefined && parsed.number === e164 && parsed.isPossible();
};
