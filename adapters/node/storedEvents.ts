import type { EventToAppend, ExpectedRevision, StoredEvent } from '../../commands/ports/eventStore.ts';

/** What one append may hold: more is a mistake in the command, and would stop every other writer. */
const maxEventsPerAppend = 10_000;
/** Characters of all its events together, as JSON. */
export const maxAppendSize = 16 * 1024 * 1024;

/** An event as text. `sealed` is null where nothing is. */
export type EncodedEvent = {
  readonly id: string;
  readonly type: string;
  readonly data: string;
  readonly sealed: string | null;
  readonly metadata: string;
};

/** @throws TypeError for what no store may take: no events, ids that are no UUIDs or not distinct, a nameless stream, too much */
export const encodeAppend = (
  stream: string,
  expected: ExpectedRevision,
  events: readonly EventToAppend[],
): readonly EncodedEvent[] => {
  if (!isName(stream))
    throw new TypeError('a stream has a name of 1 to 500 characters, none of them a control character');
  if (expected !== 'no-stream' && !isRevision(expected)) throw new TypeError('an expected revision is 0 or more');
  if (events.length === 0) throw new TypeError('an append has at least one event');
  if (events.length > maxEventsPerAppend) throw new TypeError(`an append has at most ${maxEventsPerAppend} events`);
  if (new Set(events.map((event) => event.id)).size < events.length) throw new TypeError('two events of one id');
  const encoded = events.map(encode);
  if (encoded.reduce((size, event) => size + sizeOf(event), 0) > maxAppendSize)
    throw new TypeError(`an append has at most ${maxAppendSize} characters`);
  return encoded;
};

export const sizeOf = ({ data, sealed, metadata }: EncodedEvent): number =>
  data.length + (sealed?.length ?? 0) + metadata.length;

export const decode = (
  event: EncodedEvent,
  { stream, revision, position }: Pick<StoredEvent, 'stream' | 'revision' | 'position'>,
): StoredEvent => {
  const { id, type } = event;
  const data = JSON.parse(event.data) as StoredEvent['data'];
  const metadata = JSON.parse(event.metadata) as StoredEvent['metadata'];
  const stored = { id, type, data, metadata, stream, revision, position };
  return event.sealed === null
    ? stored
    : { ...stored, sealed: JSON.parse(event.sealed) as NonNullable<StoredEvent['sealed']> };
};

/** 0 or more, and exact as a number. */
export const isRevision = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const encode = ({ id, type, data, sealed, metadata }: EventToAppend): EncodedEvent => {
  if (!uuid.test(id)) throw new TypeError('the id of an event is a UUID in lower case');
  if (!isName(type)) throw new TypeError('an event has a type');
  return {
    id,
    type,
    data: JSON.stringify(data),
    sealed: sealed === undefined ? null : JSON.stringify(sealed),
    metadata: JSON.stringify(metadata),
  };
};

const isName = (text: string): boolean =>
  text.length > 0 && text.length <= 500 && text.isWellFormed() && !/\p{Cc}/u.test(text);
