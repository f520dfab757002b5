import { z } from 'zod';
import type { StoredEvent } from '../../../commands/ports/eventStore.ts';
import type { Condition } from '../../../commands/ports/lists.ts';
import { activityStream } from '../../../domain/activity.ts';
import { type AnyEvent, keyIdsOf } from '../../../domain/events.ts';
import type { KeyId, UserId } from '../../../domain/ids.ts';
import type { Instant } from '../../../domain/instant.ts';
import { policyStream } from '../../../domain/keyPolicy.ts';
import { type Key, keyringFold, keyringStream } from '../../../domain/keyring.ts';
import { effectiveRights, roles, rolesOfUser, rolesStream } from '../../../domain/roles.ts';
import { policyStanding, settings } from '../../../domain/settings.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { eventsWhere, storedEvent } from '../../../projections/lists/auditEvents.ts';
import { historyText } from '../../eventLines.ts';
import { ownerShape } from '../../keyForAdministrators.ts';
import { keyShape } from '../../keyShape.ts';
import { allDocuments, openList } from '../../listing.ts';
import { readUser } from '../../readUser.ts';
import { Refusal } from '../../refusal.ts';
import { eventsOf, inLogOrder, type Replay, replayAt } from '../../replay.ts';
import { type Answer, route } from '../../route.ts';
import { asOf, id, idParams, instant, time } from '../../schemas/common.ts';
import { eventSchema } from '../../schemas/event.ts';
import { type KeyForAdministrators, keyForAdministrators } from '../../schemas/key.ts';
import { policyFields } from '../../schemas/policy.ts';
import { userSchema } from '../../schemas/user.ts';
import { streamText } from '../../streaming.ts';
import { ownerOfKey } from '../admin/apiKeys.ts';
import { type AuditContext, auditTag, json, momentOf } from './context.ts';

const atQuery = z.strictObject({
  at: time.optional().meta({ description: 'As of this time, not in the future; without it, now.' }),
});

const history = <S extends z.ZodType>(state: S) =>
  z.object({ events: z.array(eventSchema).meta({ description: 'Oldest first.' }), state, asOf });

/** The last use, as far as one of today says anything about that time: uses are kept newest only, and are no events. */
export const lastUseAt = async ({ lastUse }: Pick<AuditContext, 'lastUse'>, keyId: KeyId, at: Instant) => {
  const use = await lastUse(keyId);
  return use !== null && use.at <= at ? use : null;
};

/** Every key of an owner, and what their standing follows from, as of a time. `rules`: may be shared by all owners. */
export const keysAt = async (owned: Replay, rules: Replay, ownerId: UserId) => {
  const [ring, owner, rulesThen, rolesThen] = await Promise.all([
    owned.load(keyringFold, keyringStream(ownerId)),
    owned.load(user, userStream(ownerId)),
    rules.load(settings, policyStream),
    rules.load(roles, rolesStream),
  ]);
  const { keys } = ring.state;
  if (owner.state === null) return null;
  const { status, ownerEpoch, endedEpochs } = owner.state;
  const held = rolesOfUser(ownerId, owner.state.roles, rolesThen.state);
  const mayUseApi = effectiveRights(held, rolesThen.state).permissions.includes('api-keys:use');
  const standing = { status, ownerEpoch, endedEpochs, mayUseApi };
  const shownOwner = ownerShape(owner.state);
  const shape = (key: Key, lastUse: Awaited<ReturnType<typeof lastUseAt>>, at: Instant): KeyForAdministrators => ({
    ...keyShape({ ...key, ownerId, standing: key }, standing, policyStanding(rulesThen.state), lastUse, at),
    owner: shownOwner,
  });
  return { keys, shape };
};

const named = (keyId: KeyId) => (event: StoredEvent) => keyIdsOf(event as unknown as AnyEvent).includes(keyId);

/** What ends an epoch, in the keyring or of its owner, ends every key of it. */
const endsEpoch = (ownerEpoch: number) => (event: StoredEvent) => event.data.ownerEpoch === ownerEpoch;

/** Events of the stream in which all installations' looking is put down: from the list that finds them by key. */
async function* lookedAt(context: AuditContext, keyId: KeyId, at: Instant): AsyncGenerator<StoredEvent> {
  const where: readonly Condition[] = [
    ...eventsWhere({ key: keyId }),
    { column: 'stream', op: 'eq', value: 'audit' },
    { column: 'at', op: 'lte', value: at },
  ];
  const pages = allDocuments(context, 'auditEvents', { where, sort: { column: 'id', descending: false } });
  for await (const documents of pages) yield* documents.map(storedEvent);
}

const streamed = (
  context: AuditContext,
  events: AsyncIterable<StoredEvent>,
  rest: { readonly state: unknown },
): Answer => ({
  status: 200,
  headers: json,
  stream: (response) => streamText(response, historyText(events, context.labelled, { ...rest, asOf: context.asOf() })),
});

export const keyHistoryRoute = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/keys/:id',
    summary: 'The whole life of a key, and what it was at any time',
    tag: auditTag,
    access: ['audit:read'],
    params: idParams,
    query: atQuery,
    answers: { 200: history(keyForAdministrators.nullable()) },
    refuses: ['not-found', 'not-caught-up'],
    handle: async ({ params, query, minPosition }) => {
      const { store } = context;
      const at = momentOf(context, query.at);
      const keyId = params.id;
      const ownerId = ownerOfKey(context, keyId);
      await openList(context, 'auditEvents', minPosition);
      const then = replayAt(context, query.at ?? null);
      const owned = await keysAt(then, then, ownerId);
      const key = owned?.keys.get(keyId);
      if (owned === null || key === undefined)
        return { status: 200, body: { events: [], state: null, asOf: context.asOf() } };
      const [keyring, own, activity] = [keyringStream(ownerId), userStream(ownerId), activityStream(ownerId)];
      const isOwn = named(keyId);
      const ends = endsEpoch(key.ownerEpoch);
      const events = inLogOrder([
        eventsOf(store, keyring, await then.upTo(keyring), (event) =>
          event.type === 'KeyringClosed' ? ends(event) : isOwn(event),
        ),
        eventsOf(store, own, await then.upTo(own), ends),
        eventsOf(store, activity, await then.upTo(activity), isOwn),
        lookedAt(context, keyId, at),
      ]);
      return streamed(context, events, { state: owned.shape(key, await lastUseAt(context, keyId, at), at) });
    },
  });

export const userHistoryRoute = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/users/:id',
    summary: 'The whole life of an account, and what it was at any time; its keys have histories of their own',
    tag: auditTag,
    access: ['audit:read'],
    params: idParams,
    query: atQuery,
    answers: { 200: history(userSchema.nullable()) },
    refuses: ['not-found'],
    handle: async ({ params: { id: userId }, query }) => {
      const { store } = context;
      const at = momentOf(context, query.at);
      const [own, activity] = [userStream(userId), activityStream(userId)];
      const { events: first } = await store.readStream(own, 0, 1);
      if (first.length === 0) throw new Refusal('not-found');
      const then = replayAt(context, query.at ?? null);
      const found = await readUser({ load: then.load, now: () => at }, userId);
      const events = inLogOrder([
        eventsOf(store, own, await then.upTo(own)),
        eventsOf(store, activity, await then.upTo(activity)),
        // Who is administrator is decided there.
        eventsOf(store, rolesStream, await then.upTo(rolesStream), ({ data }) => data.userId === userId),
      ]);
      return streamed(context, events, { state: found?.shape ?? null });
    },
  });

const settingsSchema = z.object({
  ...policyFields,
  customized: z.boolean(),
  revision: z.int().nullable(),
  changedAt: instant.nullable(),
  changedBy: z.object({ kind: z.string(), id: id.nullable() }).nullable(),
  scopes: z.array(z.object({ application: z.string(), actions: z.array(z.string()) })),
});

export const policyHistoryRoute = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/policy',
    summary: 'Every change of the key policy, the catalog of scopes and the mail server, and the policy at any time',
    tag: auditTag,
    access: ['audit:read'],
    query: atQuery,
    answers: { 200: history(settingsSchema) },
    handle: async ({ query }) => {
      momentOf(context, query.at);
      const then = replayAt(context, query.at ?? null);
      const { policy, customized, policyChanged, catalog } = (await then.load(settings, policyStream)).state;
      const state = {
        ...policy,
        customized,
        revision: policyChanged?.revision ?? null,
        changedAt: policyChanged?.at ?? null,
        changedBy: policyChanged?.actor ?? null,
        scopes: catalog,
      };
      return streamed(context, eventsOf(context.store, policyStream, await then.upTo(policyStream)), { state });
    },
  });
