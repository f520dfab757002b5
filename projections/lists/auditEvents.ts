import type { StoredEvent } from '../../commands/ports/eventStore.ts';
import type { Condition, Document, ListSchema } from '../../commands/ports/lists.ts';
import { type AnyEvent, idInStream, isEventName, keyIdsOf, type SubjectKind, subjectOf } from '../../domain/events.ts';
import type { Instant } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { SealedProjection } from '../projection.ts';

/**
 * Every event, by position, sealed as in the log: whoever answers opens it. Erasing a person needs nothing here, and
 * this list holds nothing personal. Signed checkpoints are the log's own book-keeping and left out.
 */
const auditEventsSchema: ListSchema = {
  name: 'auditEvents',
  version: 1,
  columns: {
    subjects: 'texts',
    actorId: 'text',
    actorKind: 'text',
    type: 'text',
    at: 'text',
    correlationId: 'text',
    stream: 'text',
  },
  // `stream` is asked for only beside a subject, which few events share: an index of it would be the largest of all.
  indexes: [['actorId'], ['type'], ['at'], ['correlationId']],
  volatile: [],
};

export const auditEventsList: SealedProjection = {
  input: 'sealed',
  schema: auditEventsSchema,
  apply: (event) => {
    if (event.stream === 'checkpoints') return [];
    const { id, type, stream, revision, data, metadata, sealed } = event;
    if (!isEventName(type)) throw new Error(`unknown event type ${type}`);
    // Neither asks for anything that is sealed.
    const known = event as unknown as AnyEvent & { stream: string };
    const { at, actor, correlationId, ...rest } = metadata;
    const fields = {
      eventId: id,
      type,
      stream,
      revision,
      at,
      actorId: actor.id,
      actorKind: actor.kind,
      correlationId,
      subjects: subjectsOf(known),
      data,
      metadata: rest,
      ...(sealed && { sealed }),
    };
    return [{ op: 'set', id: event.position, fields: fields as { [field: string]: Json } }];
  },
};

/** What it is about, every key that it names, and for a key its owner, so that a user's whole story is found by their id. */
const subjectsOf = (event: AnyEvent & { stream: string }): readonly string[] => {
  const { kind, id } = subjectOf(event);
  const subjects = new Set([`${kind}:${id}`, ...keyIdsOf(event).map((keyId) => `key:${keyId}`)]);
  if (kind === 'key' && /^(keyring|activity)-/.test(event.stream)) subjects.add(`user:${idInStream(event.stream)}`);
  return [...subjects];
};

/** The event that a document holds, exactly as the log has it. */
export const storedEvent = (document: Document): StoredEvent => {
  const { id, eventId, type, data, stream, revision, at, correlationId, sealed } = document;
  const actor = { kind: document.actorKind, id: document.actorId ?? null };
  const metadata = { at, actor, correlationId, ...(document.metadata as object) };
  const event = { id: eventId, type, data, metadata, stream, revision, position: id };
  return (sealed ? { ...event, sealed } : event) as unknown as StoredEvent;
};

/** `from` inclusive, `to` exclusive; `after` a position, exclusive. */
export type EventFilter = {
  /** `user:<id>`, `key:<id>` and so on; a bare id is looked for as each kind that has ids. */
  readonly subject?: string;
  readonly key?: string;
  readonly actor?: string;
  readonly type?: readonly string[];
  readonly from?: Instant;
  readonly to?: Instant;
  readonly correlation?: string;
  readonly after?: string;
};

const withIds: readonly SubjectKind[] = ['user', 'key', 'role', 'service', 'subscriber', 'list'];

export const eventsWhere = (filter: EventFilter): readonly Condition[] => [
  ...given(filter.subject, isAbout),
  ...given(filter.key, (keyId) => has(`key:${keyId}`)),
  ...given(filter.actor, (value) => ({ column: 'actorId', op: 'eq', value })),
  ...given(filter.type, (values) => ({ column: 'type', op: 'in', values })),
  ...given(filter.from, (value) => ({ column: 'at', op: 'gte', value })),
  ...given(filter.to, (value) => ({ column: 'at', op: 'lt', value })),
  ...given(filter.correlation, (value) => ({ column: 'correlationId', op: 'eq', value })),
  ...given(filter.after, (value) => ({ column: 'id', op: 'gt', value })),
];

const given = <T>(value: T | undefined, condition: (value: T) => Condition): readonly Condition[] =>
  value === undefined ? [] : [condition(value)];

const has = (value: string): Condition => ({ column: 'subjects', op: 'has', value });

const isAbout = (subject: string): Condition =>
  subject.includes(':') ? has(subject) : { any: withIds.map((kind) => [has(`${kind}:${subject}`)]) };
