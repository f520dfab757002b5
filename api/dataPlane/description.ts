import { z } from 'zod';
import type { Described } from '../route.ts';
import { id, instant } from '../schemas/common.ts';
import { acknowledgeBody } from './acknowledge.ts';
import { longestScopes } from './forwardAuth.ts';
import { introspectBody, introspection } from './introspect.ts';
import { revocationsQuery } from './revocations.ts';
import { usageBody } from './usage.ts';
import { forwardAuthQuery, verifyBody } from './verifyBody.ts';

const names = z.array(z.string());
const logPlace = { position: z.string(), epoch: z.string() };

const verification = z.discriminatedUnion('valid', [
  z.object({
    valid: z.literal(true),
    code: z.literal('valid'),
    keyId: id,
    ownerId: id,
    owner: z.object({ id, kind: z.string(), roles: names, groups: names, organizations: names }),
    permissions: names,
    scopes: names.nullable().meta({ description: 'Concrete; null: any scope.' }),
    expiresAt: instant.nullable(),
    ...logPlace,
  }),
  z.object({
    valid: z.literal(false),
    code: z
      .enum([
        'malformed',
        'not-found',
        'owner-inactive',
        'revoked',
        'expired',
        'api-keys-disabled',
        'role-not-permitted',
        'insufficient-scope',
      ])
      .meta({ description: 'The first of them that applies.' }),
    missing: names.optional().meta({ description: 'Scopes that the key lacks.' }),
    ...logPlace,
  }),
]);

const message = z
  .object({
    position: z.string(),
    previous: z.string().nullable(),
    epoch: z.string(),
    id,
    kind: z.enum(['key', 'owner', 'all']),
    effect: z.enum(['ended', 'recheck']),
    keyId: id.optional(),
    ownerId: id.optional(),
    reason: z.string(),
    at: instant,
    effectiveAt: instant,
  })
  .meta({ id: 'Revocation' });

const signingKey = z
  .object({
    id,
    publicKey: z.string().meta({ description: 'Ed25519: base64 of 32 raw bytes.' }),
    notAfter: instant
      .nullable()
      .meta({ description: 'From when its signatures count no more; null: it is the one that signs.' }),
  })
  .meta({ id: 'SigningKey' });

const tag = 'Services';

/** Proxies ask with the method of the request that they ask about, or with GET; HEAD is answered like GET. */
const forwardAuthCall = (method: 'GET' | 'POST'): Described => ({
  method,
  path: '/v1/forward-auth',
  summary: 'For a proxy: whether the request with these headers may pass; 404 to whoever is no proxy of ours',
  tag,
  access: 'key',
  query: forwardAuthQuery,
  answers: { 204: null },
  answersHeaders: {
    'Keyledger-Key-Id': 'Id of the key.',
    'Keyledger-Owner-Id': 'Id of its owner.',
    'Keyledger-Scopes': `Separated by spaces; *:* is any scope. At most ${longestScopes} characters: those asked for first.`,
    'Keyledger-Scopes-Omitted': 'How many scopes there was no room for; absent: none.',
  },
  unlogged: 'Use of a key is no event: last use goes to the vault',
  notIdempotent: true,
  refuses: ['unauthenticated', 'invalid-key', 'insufficient-scope', 'ambiguous-credentials', 'unavailable'],
});

/** The calls of services, which the bare server answers: here only to be described. */
export const dataPlaneCalls: readonly Described[] = [
  {
    method: 'POST',
    path: '/v1/verify',
    summary: 'Whether a key may do something, at request speed',
    tag,
    access: ['verify'],
    body: verifyBody,
    answers: { 200: verification },
    unlogged: 'Use of a key is no event: last use goes to the vault',
    notIdempotent: true,
    refuses: ['unavailable'],
  },
  {
    method: 'POST',
    path: '/v1/introspect',
    summary: 'Token introspection by RFC 7662: whether a key works, and what it may do',
    tag,
    access: ['verify'],
    body: introspectBody,
    consumes: 'application/x-www-form-urlencoded',
    answers: { 200: introspection },
    unlogged: 'Use of a key is no event: last use goes to the vault',
    notIdempotent: true,
    refuses: ['unavailable'],
  },
  forwardAuthCall('GET'),
  forwardAuthCall('POST'),
  {
    method: 'POST',
    path: '/v1/usage',
    summary: 'Use of keys that a service verified from its own memory',
    tag,
    access: ['verify'],
    body: usageBody,
    answers: { 204: null },
    unlogged: 'Use of a key is no event: last use goes to the vault',
    notIdempotent: true,
    refuses: ['unavailable'],
  },
  {
    method: 'GET',
    path: '/v1/revocations',
    summary: 'What must be forgotten, in the order of the log',
    tag,
    access: ['revocations:read'],
    query: revocationsQuery,
    answers: { 200: z.object({ items: z.array(message), head: z.string().nullable(), epoch: z.string() }) },
    refuses: ['feed-restarted', 'unavailable', 'not-caught-up'],
  },
  {
    method: 'GET',
    path: '/v1/revocations/stream',
    summary: 'The same as server-sent events, with heartbeats; resumes at Last-Event-ID',
    tag,
    access: ['revocations:read'],
    query: revocationsQuery.omit({ limit: true }),
    takesHeaders: {
      'Last-Event-ID': 'Id of the last message that was heard: goes on after it, whatever the query says.',
    },
    answers: { 200: z.string() },
    produces: 'text/event-stream',
    refuses: ['feed-restarted', 'unavailable', 'not-caught-up'],
  },
  {
    method: 'GET',
    path: '/v1/revocations/signing-key',
    summary: 'What the signatures of messages and heartbeats on NATS are checked with',
    tag,
    access: ['revocations:read'],
    answers: { 200: z.object({ keys: z.array(signingKey) }) },
    refuses: ['unavailable'],
  },
  {
    method: 'POST',
    path: '/v1/revocations/ack',
    summary: 'Everything up to a position was taken in',
    tag,
    access: ['revocations:read'],
    body: acknowledgeBody,
    answers: { 204: null },
    unlogged: 'Acknowledgements are kept in the vault',
    notIdempotent: true,
    refuses: ['feed-restarted', 'unavailable'],
  },
];
