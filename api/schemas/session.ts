import { z } from 'zod';
import { absoluteEnd, idleEnd, type Session } from '../../commands/signIn/sessions.ts';
import { id, instant } from './common.ts';

/** A browser in which a user is signed in. */
export const sessionSchema = z
  .object({
    id,
    current: z.boolean(),
    createdAt: instant,
    lastSeenAt: instant.meta({ description: 'Within a minute.' }),
    idleExpiresAt: instant,
    expiresAt: instant,
    ip: z.string().nullable(),
    userAgent: z.string().nullable(),
    method: z.enum(['password', 'oidc']),
    twoFactor: z.boolean(),
  })
  .meta({ id: 'Session' });

export type SessionShape = z.infer<typeof sessionSchema>;

/** @param current id of the session that asks; null: none of theirs does */
export const sessionShape = (session: Session, current: string | null): SessionShape => ({
  id: session.id,
  current: session.id === current,
  createdAt: session.createdAt,
  lastSeenAt: session.lastSeenAt,
  idleExpiresAt: idleEnd(session),
  expiresAt: absoluteEnd(session),
  ip: session.ip,
  userAgent: session.userAgent,
  method: session.method,
  twoFactor: session.twoFactor,
});
