import type { StoredEvent } from '../commands/ports/eventStore.ts';
import type { KeyId } from '../domain/ids.ts';
import type { Json } from '../domain/json.ts';
import { idIn } from './projection.ts';

export type SubjectKind =
  | 'user'
  | 'key'
  | 'role'
  | 'service-token'
  | 'subscriber'
  | 'policy'
  | 'installation'
  | 'incident'
  | 'list'
  | 'audit'
  | 'checkpoint';

/** What an event is about. */
export type Subject = { readonly kind: SubjectKind; readonly id: string };

type Event = Pick<StoredEvent, 'type' | 'stream' | 'data'>;

/** Nothing personal is looked at, so a sealed event will do. */
export const subjectOf = (event: Event): Subject => {
  const { stream, data } = event;
  const about = (kind: SubjectKind, field: string): Subject | null =>
    typeof data[field] === 'string' ? { kind, id: data[field] } : null;
  const itself = idIn(stream);
  switch (stream.split('-', 1)[0]) {
    case 'user':
      return { kind: 'user', id: itself };
    case 'keyring':
    case 'activity':
      return about('key', 'keyId') ?? { kind: 'user', id: itself };
    case 'roles':
      return about('user', 'userId') ?? about('role', 'name') ?? { kind: 'role', id: stream };
    case 'services':
      return about('service-token', 'tokenId') ?? about('subscriber', 'name') ?? { kind: 'audit', id: stream };
    case 'emailClaim':
      return about('user', 'userId') ?? { kind: 'audit', id: stream };
    case 'incident':
      return { kind: 'incident', id: itself };
    case 'policy':
      return { kind: 'policy', id: stream };
    case 'installation':
      return about('installation', 'installationId') ?? { kind: 'installation', id: stream };
    case 'checkpoints':
      return { kind: 'checkpoint', id: stream };
    default:
      return about('key', 'keyId') ?? about('list', 'list') ?? { kind: 'audit', id: stream };
  }
};

/** All it touches: its subject, and for a key its owner, so that a user's whole story is found by their id. */
export const subjectsOf = (event: Event): readonly Subject[] => {
  const subject = subjectOf(event);
  const owned = subject.kind === 'key' && /^(keyring|activity)-/.test(event.stream);
  return owned ? [subject, { kind: 'user', id: idIn(event.stream) }] : [subject];
};

/** Keys that an event names. KeyringClosed names none: the keys that it ends are those of an epoch. */
export const keysIn = (data: { readonly [field: string]: Json | undefined }): readonly KeyId[] => [
  ...new Set(['keyId', 'newKeyId', 'replaces'].map((field) => data[field]).filter((id) => typeof id === 'string')),
];

export const subjectText = ({ kind, id }: Subject): string => `${kind}:${id}`;
