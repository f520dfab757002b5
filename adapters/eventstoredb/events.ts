import type { RecordedEvent } from '@eventstore/db-client';
import type { StoredEvent, StoredMetadata } from '../../commands/ports/eventStore.ts';
import type { EncodedEvent } from '../node/storedEvents.ts';
import type { WireEvent } from './batchAppends.ts';
import type { StreamNames } from './names.ts';
import { isLogPosition, positionOf } from './positions.ts';

/** What the server calls metadata: our envelope, and beside it what is sealed of the data. */
type Kept = { readonly envelope: StoredMetadata; readonly sealed?: NonNullable<StoredEvent['sealed']> };

const bytes = new TextEncoder();

export const toWire = ({ id, type, data, sealed, metadata }: EncodedEvent): WireEvent => ({
  id,
  type,
  data: bytes.encode(data),
  metadata: bytes.encode(sealed === null ? `{"envelope":${metadata}}` : `{"envelope":${metadata},"sealed":${sealed}}`),
});

/** Bytes as the server counts them against its limit for one append, or more. */
export const wireSize = (events: readonly WireEvent[]): number =>
  events.reduce((sum, { type, data, metadata }) => sum + data.length + metadata.length + 2 * type.length, 0);

/** @returns null for an event of others */
export const toStored = (names: StreamNames, event: RecordedEvent): StoredEvent | null => {
  const stream = names.streamOf(event.streamId);
  if (stream === null || !isKept(event.metadata) || !event.isJson || !isLogPosition(event.position)) return null;
  const { envelope, sealed } = event.metadata;
  const stored = {
    id: event.id,
    type: event.type,
    data: event.data as StoredEvent['data'],
    metadata: envelope,
    stream,
    revision: Number(event.revision),
    position: positionOf(event.position),
  };
  return sealed === undefined ? stored : { ...stored, sealed };
};

const isKept = (metadata: unknown): metadata is Kept =>
  typeof metadata === 'object' &&
  metadata !== null &&
  'envelope' in metadata &&
  typeof metadata.envelope === 'object' &&
  metadata.envelope !== null;
