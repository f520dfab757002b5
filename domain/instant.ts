import { instantText, yearTenThousand, yearZero } from './instantText.ts';

/** A point in time: RFC 3339 in UTC with milliseconds (`2027-02-19T22:59:00.000Z`). Two of them compare as strings. */
export type Instant = string;

/** @param ms milliseconds since 1970-01-01T00:00:00Z; fractions are cut off. @throws RangeError where it is no time */
export const instant = (ms: number): Instant =>
  Number.isInteger(ms) && ms >= yearZero && ms < yearTenThousand ? instantText(ms) : new Date(ms).toISOString();

/** @returns milliseconds since 1970-01-01T00:00:00Z */
export const millis = (at: Instant): number => Date.parse(at);

/** Years have four digits: what lies beyond this does not compare as a string. */
export const latestInstant: Instant = '9999-12-31T23:59:59.999Z';

/** @param ms milliseconds since 1970; NaN is no time at all */
export const comparesAsText = (ms: number): boolean =>
  ms >= millis('0000-01-01T00:00:00.000Z') && ms <= millis(latestInstant);

/** @param seconds may be negative */
export const plusSeconds = (at: Instant, seconds: number): Instant => instant(millis(at) + seconds * 1000);

/** Days of 24 hours: a lifetime is a length, not a date in somebody's calendar. */
export const plusDays = (at: Instant, days: number): Instant => plusSeconds(at, days * 86_400);

export const earliest = (a: Instant | null, b: Instant | null): Instant | null =>
  a === null ? b : b === null ? a : millis(a) < millis(b) ? a : b;
