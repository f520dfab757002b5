import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import type { ServiceTokenCommands } from '../../../commands/services/serviceTokens.ts';
import { type Fold, isRejection, reject } from '../../../domain/decider.ts';
import type { ServiceTokenId, Sha256Hex } from '../../../domain/ids.ts';
import type { Instant } from '../../../domain/instant.ts';
import { permissions, servicePermissions } from '../../../domain/permissions.ts';
import {
  isTokenAlive,
  longestTokenName,
  mostApplications,
  type ServiceToken,
  services,
  servicesStream,
  serviceTokenOf,
} from '../../../domain/services.ts';
import type { Cursors } from '../../cursor.ts';
import { holdingOfToken, requireHolding } from '../../holding.ts';
import { filterText, pageOf, startOf } from '../../paging.ts';
import { Refusal } from '../../refusal.ts';
import { type Answer, type Route, route } from '../../route.ts';
import { freeText, id, idParams, instant, oneOf, page, paging, time } from '../../schemas/common.ts';

export type ServiceTokensContext = {
  readonly execute: Execute;
  readonly commands: Pick<ServiceTokenCommands, 'createServiceToken' | 'rotateServiceToken' | 'revokeServiceToken'>;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly now: () => Instant;
  readonly sha256Hex: (text: string) => Sha256Hex;
  readonly cursors: Cursors;
  readonly asOf: () => { position: string | null; lagMs: number };
};

const tag = 'Administration of services';
const statuses = ['active', 'expired', 'revoked'] as const;

const tokenSchema = z
  .object({
    id,
    name: z.string().meta({ description: 'Followers of the feed go by the name of their token.' }),
    mask: z.string(),
    status: z.enum(statuses),
    permissions: z.array(z.string()),
    applications: z.array(z.string()).nullable().meta({ description: 'Null: scopes of every application.' }),
    expiresAt: instant.nullable(),
    createdAt: instant,
    createdBy: z.object({ kind: z.string(), id: z.string().nullable() }),
    rotatedAt: instant.nullable(),
    revokedAt: instant.nullable(),
  })
  .meta({ id: 'ServiceToken' });

const tokenWithText = tokenSchema.extend({ token: z.string().meta({ description: 'Shown this once.' }) });

const shape = (token: ServiceToken, at: Instant): z.infer<typeof tokenSchema> => ({
  id: token.tokenId,
  name: token.name,
  mask: token.mask,
  status: token.revokedAt !== null ? 'revoked' : isTokenAlive(token, at) ? 'active' : 'expired',
  permissions: [...token.permissions],
  applications: token.applications && [...token.applications],
  expiresAt: token.expiresAt,
  createdAt: token.createdAt,
  createdBy: { kind: token.createdBy.kind, id: token.createdBy.id },
  rotatedAt: token.rotatedAt,
  revokedAt: token.revokedAt,
});

/** @throws Refusal not-found */
const tokenOf = async ({ load }: Pick<ServiceTokensContext, 'load'>, tokenId: ServiceTokenId) => {
  const token = serviceTokenOf(tokenId, (await load(services, servicesStream)).state);
  if (token === null) throw new Refusal('not-found');
  return token;
};

const list = (context: ServiceTokensContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/service-tokens',
    summary: 'Tokens of services, never their texts',
    tag,
    access: ['services:write'],
    query: z.strictObject({ ...paging, status: oneOf(statuses).default(['active', 'expired']) }),
    answers: { 200: page(tokenSchema) },
    refuses: ['cursor-mismatch'],
    handle: async ({ query }) => {
      const filter = filterText('service-tokens', query);
      const after = startOf(context.cursors, query.cursor, filter);
      const { state } = await context.load(services, servicesStream);
      const now = context.now();
      const found = Object.values(state.tokens)
        .map((token) => shape(token, now))
        .filter(({ status }) => query.status.includes(status));
      const { items, next } = pageOf(found, {
        value: (token) => token.createdAt,
        idOf: (token) => token.id,
        descending: true,
        after,
        limit: query.limit,
      });
      const nextCursor = next && context.cursors.write(next, filter);
      const total = query.count ? { total: found.length } : {};
      return { status: 200, body: { items, nextCursor, asOf: context.asOf(), ...total } };
    },
  });

/** A repeat is answered like the first run, unless that text has ended since: it would look as if it worked. */
const answerText = async (
  context: ServiceTokensContext,
  tokenId: ServiceTokenId,
  text: string,
  answer: Omit<Answer, 'body' | 'etag'>,
) => {
  const token = await tokenOf(context, tokenId);
  if (token.revokedAt !== null || token.secretHash !== context.sha256Hex(text)) return reject('already-ended');
  return { ...answer, etag: token.revision, body: { ...shape(token, context.now()), token: text } };
};

const textOf = (secret: { readonly text: string } | undefined): string => {
  if (secret === undefined) throw new Error('a service token was made without a text');
  return secret.text;
};

const create = (context: ServiceTokensContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/service-tokens',
    summary: 'Issue a token for a service; its text is answered once',
    tag,
    access: ['services:write'],
    body: z.strictObject({
      name: freeText(2 * longestTokenName),
      permissions: z
        .array(z.enum([...permissions, ...servicePermissions]))
        .min(1)
        .max(permissions.length + servicePermissions.length),
      applications: z.array(z.string().min(1).max(200)).max(mostApplications).nullish(),
      expiresAt: time.nullish(),
    }),
    answers: { 201: tokenWithText },
    command: {
      command: 'CreateServiceToken',
      stream: 'services',
      events: ['ServiceTokenCreated'],
      message: 'none',
      rejections: ['forbidden', 'expiry-in-past', 'validation-failed', 'already-ended'],
    },
    handle: async ({ caller, body, command }) => {
      const { name, permissions: granted, applications = null, expiresAt = null } = body;
      requireHolding(caller, holdingOfToken({ permissions: granted, applications }));
      const input = { name, permissions: granted, applications, expiresAt };
      const outcome = await context.execute(context.commands.createServiceToken, input, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed, secret } = outcome;
      return answerText(context, outcome.result.tokenId, textOf(secret), { status: 201, position, replayed });
    },
  });

const rotate = (context: ServiceTokensContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/service-tokens/:id/rotate',
    summary: 'A new text for a token; the old one ends at once',
    tag,
    access: ['services:write'],
    params: idParams,
    answers: { 201: tokenWithText },
    command: {
      command: 'RotateServiceToken',
      stream: 'services',
      events: ['ServiceTokenRotated'],
      message: 'none',
      rejections: ['forbidden', 'not-found', 'already-ended'],
    },
    handle: async ({ caller, params, command }) => {
      const tokenId = params.id;
      requireHolding(caller, holdingOfToken(await tokenOf(context, tokenId)));
      const outcome = await context.execute(context.commands.rotateServiceToken, { tokenId }, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed, secret } = outcome;
      return answerText(context, tokenId, textOf(secret), { status: 201, position, replayed });
    },
  });

const revoke = (context: ServiceTokensContext) =>
  route({
    method: 'DELETE',
    path: '/v1/admin/service-tokens/:id',
    summary: 'Revoke a token: it is refused at once, for good',
    tag,
    access: ['services:write'],
    params: idParams,
    answers: { 204: null },
    command: {
      command: 'RevokeServiceToken',
      stream: 'services',
      events: ['ServiceTokenRevoked'],
      message: 'none',
      rejections: ['forbidden', 'not-found'],
    },
    handle: async ({ caller, params, command }) => {
      const tokenId = params.id;
      requireHolding(caller, holdingOfToken(await tokenOf(context, tokenId)));
      const outcome = await context.execute(context.commands.revokeServiceToken, { tokenId }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** Credentials of services. */
export const serviceTokenRoutes = (context: ServiceTokensContext): readonly Route[] => [
  list(context),
  create(context),
  rotate(context),
  revoke(context),
];
