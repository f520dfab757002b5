import { z } from 'zod';
import { classify } from '../../domain/keyText.ts';
import type { Answer } from '../../projections/verificationIndex.ts';
import { parsed, Refusal } from '../refusal.ts';
import { readBody, utf8 } from '../requestBody.ts';
import { callerOf, type DataPlane, type Exchange } from './context.ts';

/** Bytes that a question may have. */
const introspectLimit = 8192;

/** What POST /v1/introspect takes, form-encoded: RFC 7662, section 2.1. */
export const introspectBody = z.strictObject({
  token: z.string().meta({ description: 'The whole text of the key.' }),
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
  contentType !== undefined && /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(contentType);

/** @throws Refusal validation-failed, malformed-request */
const questionOf = (bytes: Buffer): z.infer<typeof introspectBody> => {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal('malformed-request', { detail: 'The body is not UTF-8' });
  }
  const fields = new URLSearchParams(text);
  const seen = new Set<string>();
  for (const name of fields.keys()) {
    if (seen.has(name))
      throw new Refusal('validation-failed', { errors: [{ in: 'body', pointer: `/${name}`, detail: 'Given twice' }] });
    seen.add(name);
  }
  return parsed(introspectBody, Object.fromEntries(fields), 'body');
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

/** POST /v1/introspect: the same rule as verify, for whoever speaks OAuth 2.0 token introspection. */
export const introspect = async (plane: DataPlane, { request, response, requestId }: Exchange): Promise<void> => {
  callerOf(plane, request, 'verify');
  if (!isForm(request.headers['content-type']))
    throw new Refusal('unsupported-media-type', { detail: 'Send the body as application/x-www-form-urlencoded.' });
  const { token: key } = questionOf(await readBody(request, introspectLimit));
  // Who asks, and how fresh the index is, once more: the body may have taken its time.
  const { token, index } = callerOf(plane, request, 'verify');
  const now = plane.clock.now();
  const wellFormed = () => classify(key) !== 'malformed';
  const answer = index.verify(
    { hash: plane.sha256(key), wellFormed, scopes: [], applications: token.applications },
    now,
  );
  if (answer.valid) plane.markUse(answer.keyId, answer.ownerId, now, null);
  const text = JSON.stringify(introspected(answer));
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'Keyledger-Request-Id': requestId,
  });
  response.end(text);
};
