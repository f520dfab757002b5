import type { ActorKind, DomainEvent, Recorded } from '../domain/event.ts';
import { type AnyEvent, type Subject, subjectOf } from '../domain/events.ts';
import type { Instant } from '../domain/instant.ts';
import type { Json } from '../domain/json.ts';

/** An event as people see it. */
export type EventShape = {
  readonly position: string;
  readonly eventId: string;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly version: number;
  readonly at: Instant;
  readonly actor: { readonly kind: ActorKind; readonly id: string | null; readonly label: string | null };
  readonly subject: Subject;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly requestId: string | null;
  readonly policyRevision: number | null;
  readonly reason: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** `erased`: it held something of a person whose key is destroyed. */
  readonly personal: 'present' | 'erased';
  readonly data: Json;
};

/** @param label the actor's display name, where there is one to show */
export const eventShape = (
  event: Recorded<DomainEvent> & { readonly personal: EventShape['personal'] },
  label: string | null,
): EventShape => {
  const { position, eventId, stream, revision, type, metadata } = event;
  const { version, at, actor, correlationId, causationId, requestId, policyRevision, reason, ip, userAgent } = metadata;
  return {
    position,
    eventId,
    stream,
    revision,
    type,
    version,
    at,
    actor: { kind: actor.kind, id: actor.id, label },
    subject: subjectOf(event as Recorded<DomainEvent> & AnyEvent),
    correlationId,
    causationId,
    requestId,
    policyRevision,
    reason,
    ip,
    userAgent,
    personal: event.personal,
    data: withoutSecrets(type, event.data),
  };
};

/** What proves or opens something: hashes of passwords, keys and codes, and the secret behind one-time codes. */
const secrets = new Set(['passwordHash', 'secretHash', 'recoveryCodeHashes', 'codeHash']);

const withoutSecrets = (type: string, data: Json): Json => {
  const isSecret = (field: string) => secrets.has(field) || (type === 'TwoFactorEnabled' && field === 'secret');
  const strip = (value: Json | undefined): Json | undefined => {
    if (Array.isArray(value)) return value.map((item) => strip(item) ?? null);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([field]) => !isSecret(field))
        .map(([field, inner]) => [field, strip(inner)]),
    );
  };
  return strip(data) ?? null;
};
