import type { Clock } from '../../commands/environment.ts';
import { createFeed } from '../../projections/feed/feed.ts';
import { feedPage } from '../../projections/feed/feedPage.ts';
import type { Proof } from '../../projections/provenIndex.ts';
import type { PublisherParts } from '../../workers/publisher.ts';
import { recorded } from './given.ts';

/** Of the n-th event, from 1. */
export const positionOf = (n: number) => n.toString(16).padStart(16, '0');

/** An index that is told what the log holds, and when its end was proven. */
export const createToldIndex = (
  clock: Pick<Clock, 'now' | 'monotonic'> & { readonly advance?: (ms: number) => void },
) => {
  const feed = createFeed(undefined, 10_000);
  let count = 0;
  let proof: Proof | null = null;
  const proofListeners = new Set<(proof: Proof) => void>();
  const push = (type: string, data: object) => {
    count += 1;
    feed.apply({
      ...recorded({ type, data }, count, 'keyring-u1'),
      eventId: `event-${count}`,
      position: positionOf(count),
    });
  };
  push('InstallationCreated', { epoch: 'e1' });
  return {
    index: {
      feed: () => feed,
      feedPage: (after: string | null, limit: number) => feedPage(feed, async () => null, after, limit),
      proof: () => proof,
      position: () => positionOf(count),
      onProof: (listener) => {
        proofListeners.add(listener);
        return () => {
          proofListeners.delete(listener);
        };
      },
      halted: () => null,
    } satisfies PublisherParts['index'],
    revoke: (times = 1) => {
      for (let n = 0; n < times; n++) push('ApiKeyRevoked', { keyId: `k${count}`, reason: 'owner', note: null });
    },
    pass: () => push('ApiKeyRenamed', { keyId: 'k', name: null, description: null }),
    restore: () => push('EpochOpened', { epoch: 'e2', previousEpoch: 'e1' }),
    prove: () => {
      clock.advance?.(1);
      proof = { wall: clock.now(), monotonic: clock.monotonic() };
      for (const listener of proofListeners) listener(proof);
    },
  };
};
