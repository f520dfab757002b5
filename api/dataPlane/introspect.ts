import { z } from 'zod';
import { classify } from '../../domain/keyText.ts';
import type { Answer } from '../../projections/verificationIndex.ts';
import { parsed, Refusal } from '../refusal.ts';
import { utf8 } from '../requestBody.ts';
import { callerOf, type DataPlane, type Exchange } from './context.ts';
import { sendJson } from './sendJson.ts';
import { takeBody } from './takeBody.ts';

/** Bytes that a question may have. */
const introspectLimit = 8192;

const noScopes: readonly string[] = [];

/** What POST /v1/introspect takes, form-encoded: RFC 7662, section 2.1. */
export const introspectBody = z.strictObject({
  token: z.string().meta({ description: 'The whole text of the key. One that is empty is not active.' }),
  token_type_hint: z.string().optional().meta({ description: 'Taken and not needed.' }),
});

/** RFC 7662, section 2.2; of what does not work nothing is said but that. */
export const introspection = z.discriminatedUnion('active', [
  z.object({
    active: z.literal(true),
    token_type: z.literal('Bearer'),
    scope: z.string().optional().meta({ description: 'Separated by spaces; absent: any scope.' }),
    exp: z.int().optional().meta({ description: 'Seconds since 1970; absent: it has no end.' }),
    sub: z.string().meta({ description: 'Id of the owner.' }),
    jti: z.string().meta({ description: 'Id of the key.' }),
  }),
  z.object({ active: z.literal(false) }),
]);

const isForm = (contentType: string | undefined) =>
  contentType === 'application/x-www-form-urlencoded' ||
  (contentType !== undefined && /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType));

const twice = (name: string) =>
  new Refusal('validation-failed', { errors: [{ in: 'body', pointer: `/${name}`, detail: 'Given twice' }] });

/** @throws Refusal validation-failed */
const explained = (fields: URLSearchParams): string => {
  const seen = new Set<string>();
  for (const name of fields.keys()) {
    if (seen.has(name)) throw twice(name);
    seen.add(name);
  }
  return parsed(introspectBody, Object.fromEntries(fields), 'body').token;
};

/** What a form writes otherwise than it is meant, or what divides it. */
const special = /[%+&]/;
const onlyField = 'token=';

/** The token of a form, at request speed where it is all there is. @throws Refusal validation-failed */
const tokenOf = (form: string): string => {
  const token = form.slice(onlyField.length);
  if (form.startsWith(onlyField) && !special.test(token)) return token;
  return explained(new URLSearchParams(form));
};

/** @throws Refusal validation-failed, malformed-request */
const keyOf = (bytes: Buffer): string => {
  let form: string;
  try {
    form = utf8.decode(bytes);
  } catch {
    throw new Refusal('malformed-request', { detail: 'The body is not UTF-8' });
  }
  return tokenOf(form);
};

const introspected = (answer: Answer): z.infer<typeof introspection> => {
  if (!answer.valid) return { active: false };
  return {
    active: true,
    token_type: 'Bearer',
    ...(answer.scopes !== null && { scope: answer.scopes.join(' ') }),
    // Rounded down: nobody may think it good for longer than it is.
    ...(answer.expiresAt !== null && { exp: Math.floor(Date.parse(answer.expiresAt) / 1000) }),
    sub: answer.ownerId,
    jti: answer.keyId,
  };
};

const answer = (plane: DataPlane, exchange: Exchange, bytes: Buffer) => {
  // Who asks, and how fresh the index is, once more: the body may have taken its time.
  const { token, index, now } = callerOf(plane, exchange.request, 'verify');
  const key = keyOf(bytes);
  const wellFormed = () => classify(key) !== 'malformed';
  const { applications } = token;
  const found = index.verify({ hash: plane.sha256(key), wellFormed, scopes: noScopes, applications }, now);
  if (found.valid) plane.markUse(found.keyId, found.ownerId, now, null);
  exchange.answered(found.code);
  sendJson(exchange, JSON.stringify(introspected(found)));
};

/** POST /v1/introspect: the same rule as verify, for whoever speaks OAuth 2.0 token introspection. */
export const introspect = (plane: DataPlane, exchange: Exchange): void => {
  const { request } = exchange;
  callerOf(plane, request, 'verify');
  if (!isForm(request.headers['content-type']))
    throw new Refusal('unsupported-media-type', { detail: 'Send the body as application/x-www-form-urlencoded.' });
  takeBody(plane, exchange, introspectLimit, answer);
};
