import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

/** Throws where bytes are no UTF-8. */
export const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * What comes beyond the limit is read and dropped, so that whoever is still sending hears the answer; who never stops is
 * ended by the server's time limit.
 * @throws Refusal payload-too-large, as soon as the limit is passed and whatever Content-Length said
 */
export const readBody = async (incoming: IncomingMessage, limit: number): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let length = Number(incoming.headers['content-length'] ?? 0);
  if (length <= limit) length = await collect(incoming, limit, chunks);
  if (length <= limit) return Buffer.concat(chunks, length);
  incoming.resume();
  throw new Refusal('payload-too-large', { params: { limit } });
};

/** @returns how much there was, at most one chunk beyond the limit. @throws Refusal where the sender leaves before */
const collect = async (incoming: IncomingMessage, limit: number, chunks: Buffer[]): Promise<number> => {
  let length = 0;
  try {
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch (error) {
    // Nobody hears this any more; that they left is no fault of ours.
    if (incoming.errored !== null || incoming.destroyed) throw new Refusal('malformed-request');
    throw error;
  }
  return length;
};

const isJson = (contentType: string | undefined) =>
  contentType !== undefined && /^application\/(?:json|[\w.+-]+\+json)\s*(?:;|$)/i.test(contentType);

/** A body's exact text beside what it says: the text is what a repeat under the same Idempotency-Key must equal. */
export type ReadBody = { readonly text: string; readonly value: unknown; readonly bytes?: Uint8Array };

/**
 * A body that is no text. Its type is what the sender calls it, which says nothing about what it is.
 * @throws Refusal payload-too-large, unsupported-media-type
 */
export const readBytes = async (
  incoming: IncomingMessage,
  { types, limit }: { readonly types: readonly string[]; readonly limit: number },
): Promise<ReadBody> => {
  const bytes = await readBody(incoming, limit);
  const [named = ''] = (incoming.headers['content-type'] ?? '').split(';');
  if (!types.includes(named.trim().toLowerCase()))
    throw new Refusal('unsupported-media-type', { detail: `Send ${types.join(' or ')}` });
  return { text: bytes.toString('latin1'), value: undefined, bytes };
};

/** @throws Refusal unsupported-media-type, payload-too-large, malformed-json, validation-failed */
export const readJson = async (incoming: IncomingMessage, limit: number): Promise<ReadBody> => {
  const bytes = await readBody(incoming, limit);
  if (bytes.length === 0) return { text: '', value: undefined };
  if (!isJson(incoming.headers['content-type']))
    throw new Refusal('unsupported-media-type', { detail: 'Send the body as application/json' });
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new Refusal('malformed-json', { detail: 'The body is not JSON in UTF-8' });
  }
  // No schema has such a field; it is refused here because libraries disagree on whether an own `__proto__` is one.
  if (text.includes('__proto__') || text.includes('\\u')) refusePrototype(value);
  return { text, value };
};

const refusePrototype = (value: unknown): void => {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Object.hasOwn(next, '__proto__'))
      throw new Refusal('validation-failed', {
        errors: [{ in: 'body', pointer: '/__proto__', detail: 'Unknown field' }],
      });
    // One by one: spreading an array of a million items into push() would overflow the stack.
    for (const inner of Object.values(next)) waiting.push(inner);
  }
};
