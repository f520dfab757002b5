import { randomUUID } from 'node:crypto';
import type { Core } from '../../commands/core.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Actor } from '../../domain/event.ts';
import type { AnyEvent } from '../../domain/events.ts';
import { type Instant, instant } from '../../domain/instant.ts';

export type Written = { readonly at?: Instant; readonly actor?: Actor };

/**
 * Appends events as commands would write them, sealed under their persons' keys, without deciding anything: to make a
 * long log quickly. Streams must be this writer's alone; appends to one come one after the other.
 */
export const writer = (core: Pick<Core, 'codec' | 'keys'>, store: EventStore) => {
  const revisions = new Map<string, number>();

  return async (stream: string, events: readonly AnyEvent[], { at, actor }: Written = {}): Promise<void> => {
    const named = events.map(({ type, data }) => ({
      id: randomUUID(),
      type,
      data: data as { [field: string]: never },
    }));
    const requestId = randomUUID();
    const sealed = await core.codec.seal(stream, named, {
      at: at ?? instant(Date.now()),
      correlationId: requestId,
      causationId: null,
      actor: actor ?? { kind: 'worker', id: null },
      ip: actor ? '192.0.2.17' : null,
      userAgent: actor ? 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' : null,
      requestId,
      policyRevision: null,
      reason: null,
    });
    const toAppend = sealed.map((event) => event.toAppend);
    const result = await store.append(stream, revisions.get(stream) ?? 'no-stream', toAppend);
    if (!result.appended) throw new Error(`${stream} stands elsewhere`);
    revisions.set(stream, result.revision);
  };
};

export type Write = ReturnType<typeof writer>;
