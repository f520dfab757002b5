import { activity, activityStream, wasNoticed } from '../../domain/activity.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, millis } from '../../domain/instant.ts';
import { keyringFold, keyringStream } from '../../domain/keyring.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Clock } from '../environment.ts';
import type { Folds } from '../handling/folds.ts';
import { noticeAddress } from './compose.ts';
import type { Outbox } from './outbox.ts';
import { keyThatEnds } from './stillHolds.ts';

/** A key that comes so many days close to its end. */
export type ExpiryNotice = {
  readonly userId: UserId;
  readonly keyId: string;
  readonly days: number;
  readonly expiresAt: Instant;
};

const dayMs = 24 * 3600 * 1000;

/**
 * Tells the owner, once for the same key, days and end: the mail goes to the outbox under an id that follows from these,
 * then it is written down that it did. Nothing for a key that has ended or was rotated, or whose owner takes no notices.
 */
export const createExpiryNotice =
  (deps: {
    readonly folds: Pick<Folds, 'read'>;
    readonly clock: Clock;
    readonly outbox: Outbox;
    /** RecordExpiryNotice, as a worker. */
    readonly record: (notice: ExpiryNotice) => Promise<void>;
  }) =>
  async (notice: ExpiryNotice): Promise<void> => {
    const { folds, clock } = deps;
    const { userId, days, expiresAt } = notice;
    const now = clock.now();
    const owner = await folds.read(user, userStream(userId), ({ state }) => state && structuredClone(state));
    if (owner === null || noticeAddress(owner) === null) return;
    const key = await folds.read(keyringFold, keyringStream(userId), ({ state }) =>
      keyThatEnds(state, owner, notice, now),
    );
    if (key === null) return;
    if (await folds.read(activity, activityStream(userId), ({ state }) => wasNoticed(notice, state))) return;
    const { keyId, name, mask } = key;
    const left = Math.max(1, Math.ceil((millis(expiresAt) - now) / dayMs));
    await deps.outbox.put({
      id: `key-expiring:${keyId}:${days}:${millis(expiresAt)}`,
      userId,
      template: 'key-expiring',
      params: { keyId, name, mask, days: left, expiresAt },
      until: expiresAt,
    });
    await deps.record(notice);
  };
