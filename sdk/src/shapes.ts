import type { InvalidCode, InvalidKey, RevocationMessage, ValidKey } from './types.ts';

/** Says how far the log was read to its end, and when. */
export type Heartbeat = {
  readonly epoch: string;
  readonly head: string | null;
  readonly lastMessage: string | null;
  readonly provenAt: string;
};

/** A page of the feed over HTTP. */
export type Page = {
  readonly items: readonly RevocationMessage[];
  readonly head: string | null;
  readonly epoch: string;
};

/** What the server answers to a question, and as of where. */
export type Answer = { readonly result: ValidKey | InvalidKey; readonly position: string; readonly epoch: string };

type Fields = { readonly [name: string]: unknown };

export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);
const areTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isTime = (value: unknown): value is string => isText(value) && !Number.isNaN(Date.parse(value));

/** @returns null where a value is no message */
export const messageOf = (value: unknown): RevocationMessage | null => {
  const message = fieldsOf(value);
  const { position, previous, epoch, kind, keyId, ownerId } = message;
  const named = kind === 'all' || (kind === 'key' && isText(keyId)) || (kind === 'owner' && isText(ownerId));
  return named && isText(position) && isTextOrNull(previous) && isText(epoch)
    ? (message as unknown as RevocationMessage)
    : null;
};

/** @returns null where a value is no heartbeat */
export const heartbeatOf = (value: unknown): Heartbeat | null => {
  const heartbeat = fieldsOf(value);
  const { epoch, head, lastMessage, provenAt } = heartbeat;
  return isText(epoch) && isTextOrNull(head) && isTextOrNull(lastMessage) && isTime(provenAt)
    ? (heartbeat as unknown as Heartbeat)
    : null;
};

/** @returns null where a value is no page */
export const pageOf = (value: unknown): Page | null => {
  const { items, head, epoch } = fieldsOf(value);
  if (!Array.isArray(items) || !isTextOrNull(head) || !isText(epoch)) return null;
  const messages = items.map(messageOf);
  return messages.includes(null) ? null : { items: messages as RevocationMessage[], head, epoch };
};

/** A newer server may have reasons that are not known here: no is no. */
const noFor = (code: string, missing: unknown): InvalidKey =>
  code === 'insufficient-scope'
    ? { valid: false, code, missing: areTexts(missing) ? missing : [] }
    : { valid: false, code: code as Exclude<InvalidCode, 'insufficient-scope'> };

/** @returns null where a value is no answer to a question: then nobody knows anything */
export const answerOf = (value: unknown): Answer | null => {
  const { valid, code, missing, keyId, ownerId, scopes, permissions, expiresAt, position, epoch } = fieldsOf(value);
  if (!isText(position) || !isText(epoch)) return null;
  if (valid === false && isText(code) && code !== 'valid') return { result: noFor(code, missing), position, epoch };
  if (valid !== true || !isText(keyId) || !isText(ownerId) || !areTexts(permissions)) return null;
  if ((scopes !== null && !areTexts(scopes)) || (expiresAt !== null && !isTime(expiresAt))) return null;
  return { result: { valid, keyId, ownerId, scopes, permissions, expiresAt, position }, position, epoch };
};
