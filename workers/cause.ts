import type { DomainEvent, Recorded } from '../domain/event.ts';

/** Why a worker acts: the event it follows, for the envelope of what it appends. */
export type Cause = { readonly causationId: string; readonly correlationId: string };

export const causeOf = (event: Pick<Recorded<DomainEvent>, 'eventId' | 'metadata'>): Cause => ({
  causationId: event.eventId,
  correlationId: event.metadata.correlationId,
});
