import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ReadUserContext, readUser } from '../readUser.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { id } from '../schemas/common.ts';
import { policySchema } from '../schemas/policy.ts';

const meSchema = z
  .object({
    id,
    email: z.string().nullable(),
    displayName: z.string(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
    features: z.object({
      apiKeys: z.object({
        visible: z.boolean().meta({ description: 'Keys are switched on: show the section.' }),
        canCreate: z.boolean(),
        why: z
          .enum(['api-keys-disabled', 'role-not-permitted', 'api-key-limit-reached'])
          .nullable()
          .meta({ description: 'Why a key cannot be made; null where it can.' }),
      }),
      password: z.boolean().meta({ description: 'There is a password here to be changed.' }),
    }),
    policy: policySchema,
  })
  .meta({ id: 'Me' });

/** What somebody may do follows from four streams: no revision of one of them stands for all of it. */
const textTag = (body: unknown): string =>
  createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22);

const read = (context: ReadUserContext) =>
  route({
    method: 'GET',
    path: '/v1/me',
    summary: 'Who you are, what you may do, and what is asked of your keys',
    tag: 'Profile',
    access: 'session-or-key',
    beforePasswordChange: true,
    answers: { 200: meSchema },
    handle: async ({ caller }) => {
      const found = await readUser(context, caller.userId);
      if (found === null) throw new Refusal('not-found');
      const { shape, rights, policy, whyNoKey } = found;
      const { email, displayName, roles, externalProvider } = shape;
      const apiKeys = { visible: policy.enabled, canCreate: whyNoKey === null, why: whyNoKey };
      const features = { apiKeys, password: externalProvider === null };
      const body = { id: shape.id, email, displayName, roles, permissions: rights.permissions, features, policy };
      return { status: 200, etag: textTag(body), body };
    },
  });

export const meRoutes = (context: ReadUserContext): readonly Route[] => [read(context)];
