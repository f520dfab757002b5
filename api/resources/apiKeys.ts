import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { ApiKeyCommands } from '../../commands/keys/apiKeys.ts';
import type { KeySecrets } from '../../commands/keys/keySecrets.ts';
import { readableKey } from '../../commands/keys/revealKey.ts';
import type { Identity } from '../../commands/signIn/identity.ts';
import type { Load } from '../../commands/signIn/signIn.ts';
import { isRejection } from '../../domain/decider.ts';
import type { KeyId, Sha256Hex, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { classify } from '../../domain/keyText.ts';
import { eventShape } from '../../projections/eventShape.ts';
import type { Cursors } from '../cursor.ts';
import { filterText, pageOf, sortOf, startOf } from '../paging.ts';
import {
  keyHistory,
  type OpenedEvent,
  type ReadKeysContext,
  type Ring,
  readKey,
  readRing,
  shownKey,
  statusOf,
} from '../readKeys.ts';
import { Refusal } from '../refusal.ts';
import { type Answer, type CommandRow, type Route, route } from '../route.ts';
import {
  freeText,
  id,
  idParams,
  instant,
  nameText,
  oneOf,
  page,
  paging,
  scope,
  search,
  sortBy,
  time,
} from '../schemas/common.ts';
import { eventSchema } from '../schemas/event.ts';
import { type KeyShape, keySchema, keyStatuses, keyWithText } from '../schemas/key.ts';
import { secretText } from './session.ts';

export type OwnKeysContext = ReadKeysContext & {
  readonly execute: Execute;
  readonly commands: ApiKeyCommands;
  readonly load: Load;
  readonly secrets: Pick<KeySecrets, 'read'>;
  readonly identity: Pick<Identity, 'confirm'>;
  readonly sha256Hex: (text: string) => Sha256Hex;
  readonly cursors: Cursors;
  /** How far this process has read, and how long ago. */
  readonly asOf: () => { position: string | null; lagMs: number };
};

const listQuery = z.strictObject({
  ...paging,
  status: oneOf(keyStatuses).default(['active', 'expired']),
  q: search.optional(),
  unusedSince: time.optional(),
  sort: sortBy(['createdAt', 'expiresAt', 'lastUsedAt', 'name']).optional(),
});

const fields = {
  name: nameText(200).nullish(),
  description: freeText(2000).nullish(),
  expiresAt: time.nullish(),
  scopes: z.array(scope).max(500).nullish(),
};

const mentions = (key: KeyShape, words: string) => {
  const sought = words.toLowerCase();
  return [key.name, key.description, key.mask].some((text) => text?.toLowerCase().includes(sought)) || key.id === words;
};

const unused = (key: KeyShape, since: Instant) =>
  key.lastUsedAt === null ? key.createdAt < since : key.lastUsedAt < since;

/** From where an administrator brought a key over is theirs, not its owner's. */
const forOwner = (key: KeyShape): KeyShape => (key.createdBy.id === key.ownerId ? key : { ...key, createdIp: null });

/** That somebody else did something to a key is its owner's to know; their name, address and browser are not. */
const eventForOwner = ({ event, label }: OpenedEvent, ownerId: UserId) => {
  const shape = eventShape(event, label);
  if (shape.actor.id === ownerId) return shape;
  return { ...shape, actor: { ...shape.actor, label: null }, ip: null, userAgent: null };
};

const list = (context: OwnKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/api-keys',
    summary: 'List your API keys',
    tag: 'API keys',
    access: 'session',
    query: listQuery,
    answers: { 200: page(keySchema) },
    refuses: ['cursor-mismatch'],
    handle: async ({ caller, query }) => {
      const filter = filterText(`api-keys ${caller.userId}`, query);
      const after = startOf(context.cursors, query.cursor, filter);
      const ring = await readRing(context, caller.userId);
      if (ring === null) throw new Refusal('not-found');
      // Most of a long list are keys that ended: of those that are not asked for nothing is looked up.
      const wanted = [...ring.keys.values()].filter((key) => query.status.includes(statusOf(ring, key)));
      const shapes = await Promise.all(wanted.map((key) => shownKey(context, ring, key)));
      const found = shapes
        .map(forOwner)
        .filter(
          (key) =>
            (query.q === undefined || mentions(key, query.q)) &&
            (query.unusedSince === undefined || unused(key, query.unusedSince)),
        );
      const { field, descending } = sortOf(query.sort, '-createdAt');
      const { items, next } = pageOf(found, {
        value: (key) => key[field as 'createdAt' | 'name'],
        idOf: (key) => key.id,
        descending,
        after,
        limit: query.limit,
      });
      const nextCursor = next && context.cursors.write(next, filter);
      const total = query.count ? { total: found.length } : {};
      return { status: 200, body: { items, nextCursor, asOf: context.asOf(), ...total } };
    },
  });

const answerKey = async (
  context: OwnKeysContext,
  ownerId: UserId,
  keyId: KeyId,
  answer: Omit<Answer, 'body' | 'etag'>,
  text?: string,
): Promise<Answer> => {
  const { shape, revision } = await readKey(context, ownerId, keyId);
  const key = forOwner(shape);
  return { ...answer, etag: revision, body: text === undefined ? key : { ...key, key: text } };
};

const creating: CommandRow = {
  command: 'CreateApiKey',
  stream: 'keyring-<userId>',
  events: ['ApiKeyCreated', 'ApiKeyRevoked'],
  message: 'key',
  rejections: [
    'forbidden',
    'api-keys-disabled',
    'role-not-permitted',
    'name-required',
    'api-key-name-taken',
    'api-key-limit-reached',
    'expiry-required',
    'expiry-not-allowed',
    'expiry-in-past',
    'expiry-beyond-policy',
    'scopes-required',
    'scopes-not-allowed',
    'unknown-scope',
    'scope-not-held',
  ],
};

const create = (context: OwnKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/api-keys',
    summary: 'Make an API key; its text is answered once',
    tag: 'API keys',
    access: 'session',
    body: z.strictObject(fields).default({}),
    answers: { 201: keyWithText },
    command: creating,
    handle: async ({ caller, body, command }) => {
      const outcome = await context.execute(
        context.commands.createApiKey,
        { ownerId: caller.userId, asOfEpoch: caller.ownerEpoch, ...body },
        command(),
      );
      if (isRejection(outcome)) return outcome;
      const { keyId } = outcome.result;
      const headers = { Location: `/v1/api-keys/${keyId}` };
      return answerKey(context, caller.userId, keyId, { status: 201, ...outcome, headers }, outcome.secret?.text);
    },
  });

const read = (context: OwnKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/api-keys/:id',
    summary: 'One of your API keys',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    answers: { 200: keySchema },
    refuses: ['not-found'],
    handle: ({ caller, params }) => answerKey(context, caller.userId, params.id, { status: 200 }),
  });

const edit = (context: OwnKeysContext) =>
  route({
    method: 'PATCH',
    path: '/v1/api-keys/:id',
    summary: 'Change what a key is called, when it ends or what it may do',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    body: z.strictObject(fields),
    answers: { 200: keySchema },
    command: {
      command: 'EditKey',
      stream: 'keyring-<userId>',
      events: ['ApiKeyRenamed', 'ApiKeyScopesChanged', 'ApiKeyExpiryChanged'],
      message: 'key',
      rejections: [
        'forbidden',
        'not-found',
        'api-keys-disabled',
        'already-ended',
        'revision-mismatch',
        'name-required',
        'name-not-editable',
        'api-key-name-taken',
        'expiry-required',
        'expiry-not-allowed',
        'expiry-in-past',
        'expiry-beyond-policy',
        'expiry-not-editable',
        'scopes-required',
        'scopes-not-allowed',
        'unknown-scope',
        'scope-not-held',
      ],
    },
    handle: async ({ caller, params, body, command }) => {
      const input = { ownerId: caller.userId, keyId: params.id, ...body };
      const outcome = await context.execute(context.commands.editKey, input, command());
      if (isRejection(outcome)) return outcome;
      return answerKey(context, caller.userId, params.id, { status: 200, ...outcome });
    },
  });

const remove = (context: OwnKeysContext) =>
  route({
    method: 'DELETE',
    path: '/v1/api-keys/:id',
    summary: 'Delete a key: it is refused at once, for good',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    answers: { 204: null },
    command: {
      command: 'RevokeKey',
      stream: 'keyring-<userId>',
      events: ['ApiKeyRevoked'],
      message: 'key',
      rejections: ['not-found'],
    },
    handle: async ({ caller, params, command }) => {
      const input = { ownerId: caller.userId, keyId: params.id, reason: 'owner', note: null } as const;
      const outcome = await context.execute(context.commands.revokeKey, input, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const rotate = (context: OwnKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/api-keys/:id/rotate',
    summary: 'Replace a key by a new one; the old one may work on for a while',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    body: z.strictObject({ graceSeconds: z.int().min(0).max(86_400).default(0), expiresAt: time.nullish() }).default({
      graceSeconds: 0,
    }),
    answers: { 201: keyWithText },
    command: {
      command: 'RotateKey',
      stream: 'keyring-<userId>',
      events: ['ApiKeyRotated', 'ApiKeyCreated'],
      message: 'key',
      rejections: [
        'forbidden',
        'not-found',
        'api-keys-disabled',
        'role-not-permitted',
        'already-ended',
        'rotation-not-allowed',
        'grace-not-allowed',
        'name-required',
        'api-key-name-taken',
        'expiry-required',
        'expiry-not-allowed',
        'expiry-in-past',
        'expiry-beyond-policy',
        'scopes-required',
      ],
    },
    handle: async ({ caller, params, body, command }) => {
      const input = { ownerId: caller.userId, asOfEpoch: caller.ownerEpoch, keyId: params.id, ...body };
      const outcome = await context.execute(context.commands.rotateKey, input, command());
      if (isRejection(outcome)) return outcome;
      const { keyId } = outcome.result;
      const headers = { Location: `/v1/api-keys/${keyId}` };
      return answerKey(context, caller.userId, keyId, { status: 201, ...outcome, headers }, outcome.secret?.text);
    },
  });

const reveal = (context: OwnKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/api-keys/:id/reveal',
    summary: 'Copy a key again, where the policy lets its text be kept',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    body: z
      .strictObject({
        password: secretText
          .optional()
          .meta({ description: 'Needed unless it was shown within the last five minutes.' }),
      })
      .default({}),
    answers: { 200: z.object({ key: z.string() }) },
    command: {
      command: 'RevealKey',
      stream: 'activity-<userId>',
      events: ['ApiKeyRevealed'],
      message: 'none',
      rejections: [
        'forbidden',
        'not-found',
        'api-keys-disabled',
        'already-ended',
        'not-recoverable',
        'reauthentication-required',
        'reauthentication-failed',
        'externally-managed',
        'too-many-requests',
      ],
    },
    handle: async ({ caller, params, body, command }) => {
      const input = { ownerId: caller.userId, keyId: params.id };
      const request = command();
      // Nobody is asked for a password for what could not be shown; and a repeat shows nothing that has gone since.
      const found = await readableKey(context.secrets, { load: context.load, request }, input);
      if (isRejection(found)) return found;
      const unconfirmed = await context.identity.confirm(caller, body.password, request);
      if (unconfirmed !== null) return unconfirmed;
      const outcome = await context.execute(context.commands.revealKey, input, request);
      if (isRejection(outcome)) return outcome;
      const { position, replayed, secret } = outcome;
      return { status: 200, body: { key: secret?.text }, position, replayed };
    },
  });

const history = (context: OwnKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/api-keys/:id/history',
    summary: 'Everything that happened to a key, oldest first',
    tag: 'API keys',
    access: 'session',
    params: idParams,
    query: z.strictObject(paging),
    answers: { 200: page(eventSchema) },
    refuses: ['not-found', 'cursor-mismatch'],
    handle: async ({ caller, params, query }) => {
      const filter = filterText(`history of ${params.id}`, query);
      const after = startOf(context.cursors, query.cursor, filter);
      const { key } = await readKey(context, caller.userId, params.id);
      const events = await keyHistory(context, caller.userId, key);
      const { items, next } = pageOf(events, {
        value: ({ event }) => event.position,
        idOf: ({ event }) => event.eventId,
        descending: false,
        after,
        limit: query.limit,
      });
      const body = {
        items: items.map((event) => eventForOwner(event, caller.userId)),
        nextCursor: next && context.cursors.write(next, filter),
        asOf: context.asOf(),
        ...(query.count && { total: events.length }),
      };
      return { status: 200, body };
    },
  });

/** When that began which a key does not work for; null where it works or no single moment did it. */
const since = (key: KeyShape, ring: Ring): Instant | null => {
  switch (key.unusableBecause) {
    case 'revoked':
    case 'owner-inactive':
      return key.revokedAt ?? ring.owner.endedEpochs.at(-1)?.at ?? null;
    case 'expired':
      return key.expiresAt;
    case 'api-keys-disabled':
      return ring.rules.policyChanged?.at ?? null;
    default:
      return null;
  }
};

const check = (context: OwnKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/api-keys/check',
    summary: 'Why a key of yours does or does not work',
    tag: 'API keys',
    access: 'session',
    body: z.strictObject({ key: z.string().min(1).max(256) }),
    answers: { 200: z.object({ code: z.string(), keyId: id.nullable(), since: instant.nullable() }) },
    unlogged: 'Answers a question and changes nothing',
    notIdempotent: true,
    handle: async ({ caller, body }) => {
      const ring = await readRing(context, caller.userId);
      if (ring === null) throw new Refusal('not-found');
      const hash = context.sha256Hex(body.key);
      const key = [...ring.keys.values()].find(({ secretHash }) => secretHash === hash);
      if (key === undefined) {
        const code = classify(body.key) === 'malformed' ? 'malformed' : 'not-found';
        return { status: 200, body: { code, keyId: null, since: null } };
      }
      const shape = await shownKey(context, ring, key);
      const code = shape.unusableBecause ?? 'valid';
      return { status: 200, body: { code, keyId: key.keyId, since: since(shape, ring) } };
    },
  });

/** A person's own keys. */
export const apiKeyRoutes = (context: OwnKeysContext): readonly Route[] => [
  list(context),
  create(context),
  check(context),
  read(context),
  edit(context),
  remove(context),
  rotate(context),
  reveal(context),
  history(context),
];
