import type { Instant } from './instant.ts';
import type { Json } from './json.ts';

/** `admin` is any call under the administration and audit routes, `user` any other call of a signed-in person. */
export type ActorKind = 'user' | 'admin' | 'service' | 'worker' | 'cli' | 'anonymous';
export type Actor = { readonly kind: ActorKind; readonly id: string | null };

/** The envelope of every event. `ip` and `userAgent` are personal, under the actor's key; null also once that is destroyed. */
export type Metadata = {
  readonly at: Instant;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly actor: Actor;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  /** Revision of the key policy that the decision was made under: for auditors, never checked. */
  readonly policyRevision: number | null;
  readonly version: number;
  readonly reason: string | null;
};

/** A thing that happened. Personal fields of `data` are null once their person's key is destroyed. */
export type DomainEvent = { readonly type: string; readonly data: { readonly [field: string]: Json | undefined } };

/** An event as it stands in the log, opened (decrypted) and upcast to its newest version. */
export type Recorded<E> = E & {
  readonly eventId: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly metadata: Metadata;
};

/**
 * What is declared beside an event's type.
 * `personal`: the fields of its data that speak of a person; they are sealed before they reach the log.
 * `person`: of whom: the user whose id the stream's name ends with, the field of the data that holds the id, or the actor.
 * `narrows`: it ends or narrows a right, so the vault's high-water mark is raised before its command is answered.
 * `upcast`: from version n (counted from 1) to n + 1, applied in order to what is read.
 */
export type EventType<Data> = {
  readonly version: number;
  readonly personal: readonly (keyof Data & string)[];
  readonly person: 'stream' | 'actor' | { readonly field: keyof Data & string };
  readonly narrows: boolean;
  readonly upcast?: readonly ((data: { readonly [field: string]: Json | undefined }) => {
    readonly [field: string]: Json | undefined;
  })[];
};

/** The declarations of all events of one union. */
export type EventTypes<E extends { type: string; data: unknown }> = {
  readonly [T in E['type']]: EventType<Extract<E, { type: T }>['data']>;
};
