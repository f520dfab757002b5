import { z } from 'zod';
import { id, instant } from './common.ts';

export const keyStatuses = ['active', 'expired', 'revoked'] as const;

/** A key as its owner sees it; never its text. */
export const keySchema = z
  .object({
    id,
    ownerId: id,
    name: z.string().nullable(),
    description: z.string().nullable(),
    mask: z.string(),
    status: z.enum(keyStatuses),
    usable: z.boolean(),
    unusableBecause: z.string().nullable().meta({ description: 'What verification would answer.' }),
    scopes: z.array(z.string()).nullable().meta({ description: 'Null: all the owner may.' }),
    recoverable: z.boolean(),
    createdAt: instant,
    createdBy: z.object({ kind: z.string(), id: z.string().nullable() }),
    createdIp: z.string().nullable(),
    expiresAt: instant.nullable(),
    graceUntil: instant.nullable(),
    lastUsedAt: instant.nullable(),
    lastUsedIp: z.string().nullable(),
    revokedAt: instant.nullable(),
    revokedReason: z.string().nullable(),
    revokedNote: z.string().nullable(),
    replaces: id.nullable(),
    replacedBy: id.nullable(),
  })
  .meta({ id: 'Key' });

/** A key with its text: only ever answered to whoever made it. */
export const keyWithText = keySchema.extend({ key: z.string() });

export const keyForAdministrators = keySchema.extend({
  owner: z.object({ id, email: z.string().nullable(), displayName: z.string(), status: z.string() }),
});

export type KeyShape = z.infer<typeof keySchema>;

export type KeyForAdministrators = z.infer<typeof keyForAdministrators>;
