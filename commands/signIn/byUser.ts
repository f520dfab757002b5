import type { UserId } from '../../domain/ids.ts';
import type { Request } from '../command.ts';

/** A request that turned out to be this user's, for what follows from it: its own Idempotency-Key and If-Match are not meant. */
export const byUser = (request: Request, userId: UserId): Request => ({
  ...request,
  actor: { kind: 'user', id: userId },
  idempotency: null,
  ifMatch: null,
});
