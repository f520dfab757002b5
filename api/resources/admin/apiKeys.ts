import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { AuditCommands } from '../../../commands/installation/audit.ts';
import type { ApiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import type { Condition, Document, Sort } from '../../../commands/ports/lists.ts';
import { isRejection } from '../../../domain/decider.ts';
import { emailNormalForm } from '../../../domain/emailAddress.ts';
import type { KeyId, UserId } from '../../../domain/ids.ts';
import { type Instant, millis } from '../../../domain/instant.ts';
import type { Json } from '../../../domain/json.ts';
import { roleNames, roleOf } from '../../../domain/roles.ts';
import { holds } from '../../../domain/scopes.ts';
import { type KeyFilter, keySorts, keysWhere } from '../../../projections/lists/keyFilter.ts';
import { listedKey } from '../../../projections/lists/listedKey.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import { csvRow } from '../../csv.ts';
import { type DeliveryContext, deliveryOf } from '../../delivery.ts';
import { listedKeyShape, type Rules, readOwner, readRules } from '../../keyForAdministrators.ts';
import { allDocuments, type ListingContext, listPage, openList } from '../../listing.ts';
import { sortOf } from '../../paging.ts';
import { plainAddress } from '../../plainAddress.ts';
import { type ReadKeysContext, readKey } from '../../readKeys.ts';
import { Refusal } from '../../refusal.ts';
import { type CommandRow, type Route, route } from '../../route.ts';
import {
  flag,
  freeText,
  id,
  idParams,
  instant,
  oneOf,
  page,
  paging,
  scope,
  search,
  sortBy,
  time,
} from '../../schemas/common.ts';
import { type KeyForAdministrators, keyForAdministrators, keyStatuses } from '../../schemas/key.ts';
import { userStatuses } from '../../schemas/user.ts';
import { streamText } from '../../streaming.ts';

export type AdminKeysContext = ListingContext &
  DeliveryContext &
  Pick<ReadKeysContext, 'folds' | 'now' | 'lastUse'> & {
    readonly execute: Execute;
    readonly commands: Pick<ApiKeyCommands, 'revokeKey'> & AuditCommands;
    readonly reader: Pick<ProvenIndex, 'proven'>;
    readonly sha256: (text: string) => Uint8Array;
  };

const list = 'apiKeys';
const tag = 'Administration of keys';

const address = z.string().min(1).max(45).transform(plainAddress);

const filterFields = {
  owner: z.string().min(1).max(254).optional().meta({ description: 'Id or address.' }),
  ownerStatus: oneOf(userStatuses).optional(),
  role: search.optional(),
  group: search.optional(),
  organization: search.optional(),
  status: oneOf(keyStatuses).optional(),
  q: search.optional().meta({ description: 'Part of name, description, mask, or the owner’s name or address.' }),
  scope: scope.optional(),
  createdBy: id.optional(),
  createdIp: address.optional(),
  lastUsedIp: address.optional(),
  createdBefore: time.optional(),
  createdAfter: time.optional(),
  expiresBefore: time.optional(),
  expiresAfter: time.optional(),
  unusedSince: time.optional().meta({ description: 'Made before then and not used since.' }),
  neverExpires: flag.optional(),
  sort: sortBy(['createdAt', 'expiresAt', 'lastUsedAt', 'owner']).optional(),
};

const listQuery = z.strictObject({ ...paging, ...filterFields });
const exportQuery = z.strictObject({ format: z.enum(['csv', 'ndjson'], 'Give csv or ndjson'), ...filterFields });

type Filtering = Omit<z.infer<typeof exportQuery>, 'format'>;

/** Without what was not given: a filter has a field or has it not. */
const given = <T extends object>(fields: T): { [F in keyof T]?: Exclude<T[F], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

const filterOf = ({ sort: _sort, owner, ...fields }: Filtering): KeyFilter => ({
  ...given(fields),
  ...(owner !== undefined && { owner: emailNormalForm(owner) ?? owner }),
});

const whereOf = (filtering: Filtering, rules: Rules, now: Instant): readonly Condition[] => {
  const asked = filtering.scope;
  const withScope =
    asked === undefined
      ? []
      : roleNames(rules.roles).filter((name) => holds(roleOf(name, rules.roles)?.scopes ?? [], asked));
  return keysWhere(filterOf(filtering), now, withScope);
};

const orderOf = (sort: string | undefined): Sort => {
  const { field, descending } = sortOf(sort, '-createdAt');
  return { column: keySorts[field as keyof typeof keySorts], descending };
};

const listKeys = (context: AdminKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/api-keys',
    summary: 'All keys of everybody',
    tag,
    access: ['keys:read'],
    query: listQuery,
    answers: { 200: page(keyForAdministrators) },
    refuses: ['cursor-mismatch', 'not-caught-up'],
    handle: async ({ query, minPosition }) => {
      const now = context.now();
      const rules = await readRules(context.folds);
      const find = { where: whereOf(query, rules, now), sort: orderOf(query.sort), minPosition };
      const { documents, nextCursor, asOf, total } = await listPage(context, list, query, find);
      const items = documents.map((document) => listedKeyShape(listedKey(document), rules, now));
      return { status: 200, body: { items, nextCursor, asOf, ...total } };
    },
  });

/** The columns of an exported table, in order. */
const columns: { readonly [column: string]: (key: KeyForAdministrators) => string | boolean | null } = {
  id: (key) => key.id,
  ownerId: (key) => key.ownerId,
  ownerEmail: (key) => key.owner.email,
  ownerDisplayName: (key) => key.owner.displayName,
  ownerStatus: (key) => key.owner.status,
  name: (key) => key.name,
  description: (key) => key.description,
  mask: (key) => key.mask,
  status: (key) => key.status,
  usable: (key) => key.usable,
  unusableBecause: (key) => key.unusableBecause,
  scopes: (key) => key.scopes?.join(' ') ?? null,
  createdAt: (key) => key.createdAt,
  createdByKind: (key) => key.createdBy.kind,
  createdById: (key) => key.createdBy.id,
  createdIp: (key) => key.createdIp,
  expiresAt: (key) => key.expiresAt,
  graceUntil: (key) => key.graceUntil,
  lastUsedAt: (key) => key.lastUsedAt,
  lastUsedIp: (key) => key.lastUsedIp,
  revokedAt: (key) => key.revokedAt,
  revokedReason: (key) => key.revokedReason,
  revokedNote: (key) => key.revokedNote,
  replaces: (key) => key.replaces,
  replacedBy: (key) => key.replacedBy,
};

const formats = {
  csv: {
    type: 'text/csv; charset=utf-8; header=present',
    head: csvRow(Object.keys(columns)),
    row: (key: KeyForAdministrators) => csvRow(Object.values(columns).map((cell) => cell(key))),
  },
  ndjson: {
    type: 'application/x-ndjson; charset=utf-8',
    head: '',
    row: (key: KeyForAdministrators) => `${JSON.stringify(key)}\n`,
  },
};

async function* exported(
  pages: AsyncIterable<readonly Document[]>,
  { head, row }: (typeof formats)[keyof typeof formats],
  shape: (document: Document) => KeyForAdministrators,
): AsyncGenerator<string> {
  if (head !== '') yield head;
  for await (const documents of pages) yield documents.map((document) => row(shape(document))).join('');
}

const exportKeys = (context: AdminKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/api-keys/export',
    summary: 'All keys that a filter finds, as a file',
    tag,
    access: ['keys:read'],
    query: exportQuery,
    answers: { 200: z.string() },
    produces: ['text/csv', 'application/x-ndjson'],
    command: { command: 'ExportKeys', stream: 'audit', events: ['KeysExported'], message: 'none', rejections: [] },
    handle: async ({ query, minPosition, command, incoming }) => {
      const { format, ...filtering } = query;
      const now = context.now();
      const rules = await readRules(context.folds);
      const find = { where: whereOf(filtering, rules, now), sort: orderOf(filtering.sort) };
      // Whatever can fail does so before the export is put down, and it is put down before its first byte.
      await openList(context, list, minPosition);
      const headers = {
        'Content-Type': formats[format].type,
        'Content-Disposition': `attachment; filename="api-keys.${format}"`,
      };
      if (incoming.method === 'HEAD') return { status: 200, headers };
      const data = { filter: given(filtering) as Json, format };
      const recorded = await context.execute(
        context.commands.recordKeysExport,
        { type: 'KeysExported', data },
        command(),
      );
      if (isRejection(recorded)) return recorded;
      const pages = allDocuments(context, list, find);
      const parts = exported(pages, formats[format], (document) => listedKeyShape(listedKey(document), rules, now));
      return { status: 200, headers, position: recorded.position, stream: (response) => streamText(response, parts) };
    },
  });

const notFound = () => new Refusal('not-found');

/** Whose a key is, as the verification index knows it. @throws Refusal not-found, unavailable */
export const ownerOfKey = ({ reader }: { readonly reader: Pick<ProvenIndex, 'proven'> }, keyId: KeyId): UserId => {
  const index = reader.proven();
  if (index === null) throw new Refusal('unavailable');
  const key = index.key(keyId);
  if (key === null) throw notFound();
  return key.ownerId;
};

/** Which key a text is. @throws Refusal not-found, unavailable */
const identified = ({ reader, sha256 }: AdminKeysContext, text: string, now: Instant) => {
  const index = reader.proven();
  if (index === null) throw new Refusal('unavailable');
  const { keyId, ownerId } = index.identify({ hash: sha256(text), wellFormed: () => false }, millis(now));
  if (keyId === null || ownerId === null) throw notFound();
  return { keyId, ownerId };
};

/** One key, each of its facts folded from its own stream to the end. @throws Refusal not-found */
const readAnyKey = async (context: AdminKeysContext, ownerId: UserId, keyId: KeyId) => {
  const [{ shape, revision, key }, owner] = await Promise.all([
    readKey(context, ownerId, keyId),
    readOwner(context.folds, ownerId),
  ]);
  return { shape: { ...shape, owner }, revision, key };
};

const delivery = z.array(z.object({ subscriber: z.string(), acknowledgedAt: instant.nullable() }));

const readKeyRoute = (context: AdminKeysContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/api-keys/:id',
    summary: 'One key, and which services have confirmed that it ended',
    tag,
    access: ['keys:read'],
    params: idParams,
    answers: { 200: keyForAdministrators.extend({ delivery }) },
    refuses: ['not-found'],
    handle: async ({ params }) => {
      const ownerId = ownerOfKey(context, params.id);
      const { shape, revision, key } = await readAnyKey(context, ownerId, params.id);
      return { status: 200, etag: revision, body: { ...shape, delivery: await deliveryOf(context, ownerId, key) } };
    },
  });

// Whoever may revoke keys may revoke anybody's, an administrator's too: it gives the caller nothing and takes away from
// whoever holds the key. In an incident, having to ask somebody with more rights first would keep a stolen key alive.
const revoking: CommandRow = {
  command: 'RevokeKey',
  stream: 'keyring-<userId>',
  events: ['ApiKeyRevoked'],
  message: 'key',
  rejections: ['not-found'],
};

const revoke = (context: AdminKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/api-keys/:id/revoke',
    summary: 'Revoke a key of anybody: it is refused at once, for good',
    tag,
    access: ['keys:revoke'],
    params: idParams,
    body: z.strictObject({ reason: freeText(1000).nullish() }).default({}),
    answers: { 200: keyForAdministrators },
    command: revoking,
    handle: async ({ params, body, command }) => {
      const ownerId = ownerOfKey(context, params.id);
      const note = body.reason?.trim() || null;
      const input = { ownerId, keyId: params.id, reason: 'administrator', note } as const;
      const outcome = await context.execute(context.commands.revokeKey, input, command());
      if (isRejection(outcome)) return outcome;
      const { shape, revision } = await readAnyKey(context, ownerId, params.id);
      const { position, replayed } = outcome;
      return { status: 200, body: shape, etag: revision, position, replayed };
    },
  });

const remove = (context: AdminKeysContext) =>
  route({
    method: 'DELETE',
    path: '/v1/admin/api-keys/:id',
    summary: 'Delete a key of anybody: revoked, without a reason given',
    tag,
    access: ['keys:revoke'],
    params: idParams,
    answers: { 204: null },
    command: revoking,
    handle: async ({ params, command }) => {
      const input = {
        ownerId: ownerOfKey(context, params.id),
        keyId: params.id,
        reason: 'administrator',
        note: null,
      } as const;
      const outcome = await context.execute(context.commands.revokeKey, input, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

const identify = (context: AdminKeysContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/identify',
    summary: 'Whose a key is that was found somewhere, without ending it',
    tag,
    access: ['keys:read'],
    body: z.strictObject({ key: z.string().trim().min(1).max(256) }),
    answers: { 200: keyForAdministrators },
    command: {
      command: 'IdentifyKey',
      stream: 'audit',
      events: ['KeyIdentified'],
      message: 'none',
      rejections: ['not-found'],
    },
    handle: async ({ body, command }) => {
      const { keyId, ownerId } = identified(context, body.key, context.now());
      const { shape, revision } = await readAnyKey(context, ownerId, keyId);
      const recorded = await context.execute(
        context.commands.recordIdentification,
        { type: 'KeyIdentified', data: { keyId } },
        command(),
      );
      if (isRejection(recorded)) return recorded;
      return { status: 200, body: shape, etag: revision, position: recorded.position, replayed: recorded.replayed };
    },
  });

/** Everybody's keys. */
export const adminKeyRoutes = (context: AdminKeysContext): readonly Route[] => [
  listKeys(context),
  exportKeys(context),
  readKeyRoute(context),
  revoke(context),
  remove(context),
  identify(context),
];
