import type { StoredEvent } from '../commands/ports/eventStore.ts';
import type { Change, Document, ListSchema } from '../commands/ports/lists.ts';
import type { DomainEvent, Recorded } from '../domain/event.ts';
import type { Json } from '../domain/json.ts';

/** A document of the list as it stands after every event before this one, or null. Only what `reads` asked for is there. */
export type Reader = (id: string) => Document | null;

/**
 * A list that is filled from opened events. `types`: the events it takes; others move its checkpoint only.
 *
 * `reads`: ids of the documents that the event needs to see. A projection sees one event at a time, but a new key's
 * document must carry what is known of its owner, whose events came long before. The owner's facts therefore lie in a
 * document of the same build and move with the same checkpoint: a copy in memory would be lost at a restart, and one in
 * another list would be of another moment. Documents that are read are changed by id only, never by `updateWhere`, so
 * that the runner can tell what they hold in the middle of a batch.
 *
 * `apply` is pure, and what it says may be said again: after a crash between documents and checkpoint the same events
 * come again, over documents that may already be further, and must end where they ended before.
 */
export type OpenedProjection = {
  readonly input: 'opened';
  readonly schema: ListSchema;
  readonly types: ReadonlySet<string>;
  /** Those of which it needs what is sealed; of the others that may be null, so that nothing is decrypted for nobody. */
  readonly personal: ReadonlySet<string>;
  readonly reads: (event: Recorded<DomainEvent>) => readonly string[];
  readonly apply: (event: Recorded<DomainEvent>, read: Reader) => readonly Change[];
};

/** A list that keeps events as the log does, sealed: it needs no key to be filled and nothing of it has to be erased. */
export type SealedProjection = {
  readonly input: 'sealed';
  readonly schema: ListSchema;
  readonly apply: (event: StoredEvent) => readonly Change[];
};

export type Projection = OpenedProjection | SealedProjection;

type Handlers<E extends { type: string }> = {
  readonly [T in E['type']]?: (event: Recorded<Extract<E, { type: T }>>, read: Reader) => readonly Change[];
};

/**
 * Puts a projection together from one handler per event type.
 * @param personal the types of which a handler looks at what is sealed: personal fields of the data, ip, reason
 * @param reads handlers' needs, by event type; a type without one reads nothing
 */
export const projectionOf = <E extends { type: string; data: object }>(
  schema: ListSchema,
  handlers: Handlers<E>,
  personal: readonly E['type'][],
  reads: { readonly [T in E['type']]?: (event: Recorded<Extract<E, { type: T }>>) => readonly string[] },
): OpenedProjection => {
  const byType = new Map(Object.entries(handlers)) as Map<string, OpenedProjection['apply']>;
  const readsOf = new Map(Object.entries(reads)) as Map<string, OpenedProjection['reads']>;
  return {
    input: 'opened',
    schema,
    types: new Set(byType.keys()),
    personal: new Set(personal),
    reads: (event) => readsOf.get(event.type)?.(event) ?? [],
    apply: (event, read) => byType.get(event.type)?.(event, read) ?? [],
  };
};

/** For a document that is made: a field that is not there is null, and takes no room. */
export const withoutNulls = (fields: { readonly [field: string]: Json }): { readonly [field: string]: Json } => {
  const kept: { [field: string]: Json } = {};
  for (const field in fields) if (fields[field] !== null) kept[field] = fields[field]!;
  return kept;
};
