import { z } from 'zod';
import type { StoredEvent } from '../../../commands/ports/eventStore.ts';
import { type AnyEvent, keyIdsOf } from '../../../domain/events.ts';
import type { KeyId, UserId } from '../../../domain/ids.ts';
import type { Instant } from '../../../domain/instant.ts';
import type { Json } from '../../../domain/json.ts';
import { keyringStream } from '../../../domain/keyring.ts';
import type { VerificationIndex } from '../../../projections/verificationIndex.ts';
import { historyText } from '../../eventLines.ts';
import { filterText, startOf } from '../../paging.ts';
import { Refusal } from '../../refusal.ts';
import { eventsOf, type Replay, replayAt } from '../../replay.ts';
import { route } from '../../route.ts';
import { asOf, paging, time } from '../../schemas/common.ts';
import { eventSchema } from '../../schemas/event.ts';
import { type KeyForAdministrators, keyForAdministrators } from '../../schemas/key.ts';
import { streamText } from '../../streaming.ts';
import { type AuditContext, auditTag, json, momentOf } from './context.ts';
import { keysAt, lastUseAt } from './histories.ts';

type OwnedKeys = { readonly ownerId: UserId; readonly keyIds: readonly KeyId[] };

/**
 * The next keys in an order that never changes: owners as the log named them first, of each the keys as they were made.
 * The verification index knows every key that there ever was, and is never behind by more than 2 s.
 */
const nextKeys = (
  { state: { owners, keys } }: VerificationIndex,
  after: readonly [UserId, KeyId] | null,
  limit: number,
): { readonly page: readonly OwnedKeys[]; readonly last: readonly [UserId, KeyId] | null } => {
  const page: OwnedKeys[] = [];
  let left = limit;
  for (let owner = after === null ? 0 : owners.find(after[0]); owner >= 0 && owner < owners.size(); owner++) {
    const ownerId = owners.userId(owner);
    const all = [...keys.ofOwner(owner)].map((key) => keys.keyId(key)).reverse();
    const rest = after !== null && ownerId === after[0] ? all.slice(all.indexOf(after[1]) + 1) : all;
    const last = page.at(-1);
    // Only once another key is found is it certain that there is a next page.
    if (left === 0 && rest.length > 0 && last !== undefined) return { page, last: [last.ownerId, last.keyIds.at(-1)!] };
    const keyIds = rest.slice(0, left);
    if (keyIds.length > 0) page.push({ ownerId, keyIds });
    left -= keyIds.length;
    if (keyIds.length < rest.length) return { page, last: [ownerId, keyIds.at(-1)!] };
  }
  return { page, last: null };
};

const list = 'keys as of';

const query = z.strictObject({
  limit: paging.limit.meta({
    description: 'How many keys are looked at; those not made yet at that time are left out.',
  }),
  cursor: paging.cursor,
  at: time.optional().meta({ description: 'As of this time, not in the future; without it, now.' }),
});

/**
 * All keys as of a time, by replaying: a page looks at so many keys, reads the streams of their owners up to that time,
 * one owner after the other, and folds them. What a page costs follows from its length and from how much happened to
 * those owners, never from how many keys there are; no list and no parked stream can hide a key.
 */
export const keysAsOf = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/api-keys',
    summary: 'All keys of everybody as they were at any time, by owner',
    tag: auditTag,
    access: ['audit:read'],
    query,
    answers: {
      200: z.object({
        events: z.array(eventSchema).meta({ description: 'Of the keys of this page: by owner, oldest first.' }),
        state: z.array(keyForAdministrators),
        nextCursor: z.string().nullable(),
        asOf,
      }),
    },
    refuses: ['cursor-mismatch'],
    handle: async ({ query: { at: asked, limit, cursor } }) => {
      const at = momentOf(context, asked);
      const filter = filterText(list, { at: asked });
      const after = startOf(context.cursors, cursor, filter) as [UserId, KeyId] | null;
      const index = context.reader.proven();
      if (index === null) throw new Refusal('unavailable');
      const { page, last } = nextKeys(index, after, limit);
      const rules = replayAt(context, asked ?? null);
      const state: KeyForAdministrators[] = [];
      for (const owned of page) state.push(...(await shapesAt(context, owned, rules, asked, at)));
      const nextCursor = last && context.cursors.write(last as readonly Json[], filter);
      const text = historyText(eventsOfPage(context, page, asked), context.labelled, {
        state,
        nextCursor,
        asOf: context.asOf(),
      });
      return { status: 200, headers: json, stream: (response) => streamText(response, text) };
    },
  });

const shapesAt = async (
  context: AuditContext,
  { ownerId, keyIds }: OwnedKeys,
  rules: Replay,
  asked: Instant | undefined,
  at: Instant,
): Promise<readonly KeyForAdministrators[]> => {
  const then = await keysAt(replayAt(context, asked ?? null), rules, ownerId);
  if (then === null) return [];
  const shapes = keyIds.map(async (keyId) => {
    const key = then.keys.get(keyId);
    return key === undefined ? null : then.shape(key, await lastUseAt(context, keyId, at), at);
  });
  return (await Promise.all(shapes)).filter((shape) => shape !== null);
};

async function* eventsOfPage(
  context: AuditContext,
  page: readonly OwnedKeys[],
  asked: Instant | undefined,
): AsyncGenerator<StoredEvent> {
  for (const { ownerId, keyIds } of page) {
    const wanted = new Set(keyIds);
    const stream = keyringStream(ownerId);
    const upTo = await replayAt(context, asked ?? null).upTo(stream);
    yield* eventsOf(context.store, stream, upTo, (event) =>
      keyIdsOf(event as unknown as AnyEvent).some((keyId) => wanted.has(keyId)),
    );
  }
}
