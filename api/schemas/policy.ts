import { z } from 'zod';
import type { KeyPolicy } from '../../domain/keyPolicy.ts';

/** The fields of a key policy, by type alone: what goes together, the domain says. */
export const policyFields = {
  preset: z.enum(['qalyptus', 'idmp', 'aip', 'helmut']),
  enabled: z.boolean(),
  requireRole: z.boolean(),
  nameRequired: z.boolean(),
  nameEditable: z.boolean(),
  uniqueNames: z.boolean(),
  maxKeysPerUser: z.int(),
  whenFull: z.enum(['refuse', 'replace']),
  expiry: z.enum(['required', 'optional', 'none']),
  maxLifetimeDays: z.int().nullable(),
  expiryEditable: z.enum(['no', 'shorten', 'any']),
  secret: z.enum(['once', 'recoverable']),
  form: z.enum(['prefixed', 'dotted']),
  prefix: z.string().nullable(),
  scoped: z.boolean(),
  rotation: z.boolean(),
  maxGraceSeconds: z.int(),
  expiryNoticeDays: z.array(z.int()),
  endUnusedAfterDays: z.int().nullable(),
} satisfies { [field in keyof KeyPolicy]: z.ZodType };

/** What an installation asks of its API keys. */
export const policySchema = z.object(policyFields).meta({ id: 'KeyPolicy' });
