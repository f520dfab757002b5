import type { Decider } from './decider.ts';
import type { EventTypes } from './event.ts';
import type { KeyId } from './ids.ts';
import type { Json } from './json.ts';

/** Who looked, and what was let pass. */
export const auditStream = 'audit';

// Stored shapes: add fields and events, never rename or reuse one.
export type AuditEvent =
  | { type: 'AuditExported'; data: { filter: Json } }
  | { type: 'KeysExported'; data: { filter: Json; format: 'csv' | 'ndjson' } }
  | { type: 'KeyIdentified'; data: { keyId: KeyId } }
  | { type: 'LeakReported'; data: { source: string | null; reported: number; revoked: number } }
  | { type: 'ProjectionSkipped'; data: { list: string; stream: string; fromRevision: number; toRevision: number } };

export const auditEvents: EventTypes<AuditEvent> = {
  AuditExported: { version: 1, personal: ['filter'], person: 'actor', narrows: false },
  KeysExported: { version: 1, personal: ['filter'], person: 'actor', narrows: false },
  KeyIdentified: { version: 1, personal: [], person: 'actor', narrows: false },
  LeakReported: { version: 1, personal: ['source'], person: 'actor', narrows: false },
  ProjectionSkipped: { version: 1, personal: [], person: 'actor', narrows: false },
};

/** Nothing is decided here: what somebody looked at is recorded as it is. */
export const audit: Decider<null, AuditEvent, AuditEvent> = {
  name: 'audit',
  foldVersion: 1,
  initialState: () => null,
  decide: (event) => [event],
  evolve: () => null,
};
