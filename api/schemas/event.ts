import { z } from 'zod';
import { instant } from './common.ts';

/** One event of the log, decoded. */
export const eventSchema = z
  .object({
    position: z.string(),
    eventId: z.string(),
    stream: z.string(),
    revision: z.int(),
    type: z.string(),
    version: z.int(),
    at: instant,
    actor: z.object({ kind: z.string(), id: z.string().nullable(), label: z.string().nullable() }),
    subject: z.object({ kind: z.string(), id: z.string().nullable() }),
    correlationId: z.string(),
    causationId: z.string().nullable(),
    requestId: z.string().nullable(),
    policyRevision: z.int().nullable(),
    reason: z.string().nullable(),
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    personal: z.enum(['present', 'erased']),
    data: z.unknown(),
  })
  .meta({ id: 'Event' });
