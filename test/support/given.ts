import * as assert from 'uvu/assert';
import type { Decider, Fold } from '../../domain/decider.ts';
import { isRejection } from '../../domain/decider.ts';
import type { Metadata, Recorded } from '../../domain/event.ts';
import type { Json } from '../../domain/json.ts';
import type { RejectionCode } from '../../domain/rejectionCodes.ts';

/** An event of a test, with what of its envelope matters there; the rest is filled in. */
export type Happened<E> = E & Partial<Pick<Metadata, 'at' | 'actor' | 'ip' | 'reason'>>;

/** @param revision the event's place in its stream, from 0 */
export const recorded = <E extends { type: string; data: unknown }>(
  happened: Happened<E>,
  revision: number,
  stream: string,
): Recorded<E> => {
  const { type, data, at, actor, ip, reason } = happened;
  return {
    type,
    data,
    stream,
    revision,
    eventId: `${stream}/${revision}`,
    position: revision.toString(16).padStart(16, '0'),
    metadata: {
      at: at ?? '2027-01-01T00:00:00.000Z',
      correlationId: 'correlation',
      causationId: null,
      actor: actor ?? { kind: 'user', id: 'u1' },
      ip: ip ?? null,
      userAgent: null,
      requestId: null,
      policyRevision: null,
      version: 1,
      reason: reason ?? null,
    },
  } as unknown as Recorded<E>;
};

/** The state that a stream of these events folds to. */
export const folded = <S, E extends { type: string; data: unknown }>(
  fold: Fold<S, E>,
  stream: string,
  events: readonly Happened<E>[],
): S => events.reduce((state, event, i) => fold.evolve(state, recorded(event, i, stream)), fold.initialState());

/**
 * `const given = givenOf(keyring, 'keyring-u1')`, then `given(created('k1')).when(revoke('k1')).then(revoked('k1'))`.
 * `then()` without events: the command was understood and there was nothing left to do.
 */
export const givenOf =
  <S, C, E extends { type: string; data: unknown }>(decider: Decider<S, C, E>, stream: string) =>
  (...events: readonly Happened<E>[]) => ({
    when: (command: C) => {
      const decision = decider.decide(command, folded(decider, stream, events));
      return {
        // biome-ignore lint/suspicious/noThenProperty: given, when, then is how deciders are tested; nobody awaits this.
        then: (...expected: readonly E[]) => {
          assert.equal(decision, expected);
        },
        thenRejected: (code: RejectionCode, params?: { readonly [name: string]: Json }) => {
          assert.ok(isRejection(decision), `expected ${code}, got ${JSON.stringify(decision)}`);
          assert.is(decision.rejected, code);
          if (params) assert.equal(decision.params, params);
        },
        decision,
      };
    },
    state: () => folded(decider, stream, events),
  });
