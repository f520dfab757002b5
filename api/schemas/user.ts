import { z } from 'zod';
import { id, instant } from './common.ts';

export const userStatuses = ['invited', 'active', 'deactivated', 'deleted', 'erased'] as const;
export const userKinds = ['human', 'service'] as const;

const names = z.array(z.string());

/** A user as they see themselves and as administrators see them. */
export const userSchema = z
  .object({
    id,
    kind: z.enum(userKinds),
    email: z.string().nullable(),
    externalProvider: z.string().nullable(),
    firstName: z.string().nullable(),
    lastName: z.string().nullable(),
    fullName: z.string().nullable(),
    displayName: z.string().meta({ description: 'Full name, else first and last name, else the address.' }),
    phone: z.string().nullable().meta({ description: 'E.164' }),
    position: z.string().nullable(),
    description: z.string().nullable(),
    language: z.string().meta({ description: 'BCP 47: of pages and mails, where they are translated.' }),
    timeZone: z.string().meta({ description: 'IANA: of times shown and mailed, and of schedules that services run.' }),
    roles: names,
    groups: names,
    organizations: names,
    status: z.enum(userStatuses),
    twoFactor: z.boolean(),
    mustChangePassword: z.boolean(),
    keyCounts: z.object({ active: z.int(), expired: z.int() }),
    createdAt: instant,
    lastSignInAt: instant.nullable(),
  })
  .meta({ id: 'User' });

export type UserShape = z.infer<typeof userSchema>;

// How long, and what a phone number, a language or a zone is, the domain says: one rule for whoever sets it.
const field = (description: string) => z.string().max(4000).nullish().meta({ description });

/** What a person may change of themselves; null clears. */
export const profileFields = {
  firstName: field('Up to 100 characters.'),
  lastName: field('Up to 100 characters.'),
  fullName: field('Up to 200 characters.'),
  phone: field('E.164, as in +4312345678.'),
  position: field('Up to 200 characters.'),
  description: field('Up to 2000 characters, in several lines.'),
  language: field('BCP 47, as in de-AT.'),
  timeZone: field('IANA, as in Europe/Vienna.'),
};
