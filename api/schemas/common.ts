import { z } from 'zod';
import { comparesAsText } from '../../domain/instant.ts';
import { textError, tidy } from '../../domain/text.ts';

const written =
  /^(\d{4}-\d{2}-\d{2})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Date takes the 30th of February for the 2nd of March. */
const isDay = (day: string) => {
  const start = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(start) && new Date(start).toISOString().startsWith(day);
};

/** RFC 3339 in UTC or with an offset; read as UTC with milliseconds. */
export const time = z
  .string()
  .max(40)
  .refine(
    (text) =>
      isDay(written.exec(text)?.[1] ?? '') &&
      // Once its offset is taken off, too.
      comparesAsText(Date.parse(text)),
    {
      message: 'Not a time: give RFC 3339, as 2027-02-19T22:59:00Z',
    },
  )
  .transform((text) => new Date(text).toISOString())
  .meta({ format: 'date-time' });

/** A time as it is answered. */
export const instant = z.string().meta({ format: 'date-time' });

export const id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'Not an id');
export const idParams = z.strictObject({ id });

/** Positions are opaque to callers; every store of ours writes them in hexadecimal digits. */
export const positionPattern = /^[0-9a-f]{1,64}$/;

/** A position of the log, as answers and messages carry it. */
export const position = z.string().regex(positionPattern, 'Not a position of this service');

/** A scope as keys have it: `application:action`. */
export const scope = z
  .string()
  .max(129)
  .regex(/^[A-Za-z0-9][\w.-]*:[A-Za-z0-9][\w.-]*$/, 'Not a scope: give application:action');

/** A cursor answered before; what it holds is nobody's business but ours. */
export const cursor = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[A-Za-z0-9_-]+$/, 'Not a cursor');

const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `Give a whole number, ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `Give a whole number, ${least} to ${most}`);

export const flag = z.enum(['true', 'false'], 'Give true or false').transform((text) => text === 'true');

/** The parameters that every list takes. */
export const paging = {
  limit: wholeNumber(1, 200).default(50).meta({ description: 'How many at most, 1 to 200; without it, 50.' }),
  cursor: cursor.optional().meta({ description: 'Where the page before ended: its nextCursor.' }),
  count: flag.default(false).meta({ description: 'Also say how many there are in all.' }),
};

/** One or several values, separated by commas. */
export const oneOf = <const V extends readonly [string, ...string[]]>(values: V) =>
  z
    .string()
    .max(200)
    .meta({ description: `Of ${values.join(', ')}; several with commas.` })
    .transform((text, context) => {
      const parts = text.split(',').filter((part) => part !== '');
      const wrong = parts.find((part) => !(values as readonly string[]).includes(part));
      if (wrong === undefined && parts.length > 0) return parts as V[number][];
      context.addIssue({ code: 'custom', message: `Give ${values.join(', ')}, several with commas` });
      return z.NEVER;
    });

/** `field` ascending, `-field` descending. */
export const sortBy = <const V extends readonly [string, ...string[]]>(fields: V) =>
  z.enum(
    [...fields, ...fields.map((field) => `-${field}`)] as [string, ...string[]],
    `Sort by ${fields.join(', ')}, with - before it descending`,
  );

/** Texts are kept composed: what is looked for is, too. */
export const search = z.string().normalize('NFC').trim().min(1).max(200);

export const asOf = z.object({ position: z.string().nullable(), lagMs: z.number() });

export const page = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable(), asOf, total: z.number().optional() });

/** Free text that people write: no control characters but line breaks and tabs, no half surrogates. */
export const freeText = (most: number) =>
  z
    .string()
    .max(most, `At most ${most} characters`)
    .refine((text) => text.isWellFormed() && !/[^\P{Cc}\n\r\t]/u.test(text), 'Holds characters that are no text');

/** What a thing is called: free text in one line, read as it stands there. */
export const nameText = (most: number) =>
  freeText(most).refine(
    (text) => textError('', tidy(text), most) === null,
    'Must be one line, without marks that turn its order around',
  );
