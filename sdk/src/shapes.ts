/** One fact of the feed: something must be forgotten and asked for again. Times are RFC 3339, positions opaque. */
export type RevocationMessage = {
  /** Its position in the log, and that of the message before it; null for the first. */
  readonly position: string;
  readonly previous: string | null;
  /** Id of the log. */
  readonly epoch: string;
  /** Id of the event. */
  readonly id: string;
  readonly kind: 'key' | 'owner' | 'all';
  /** `ended`: final; `recheck`: rights changed. */
  readonly effect: 'ended' | 'recheck';
  readonly keyId?: string;
  readonly ownerId?: string;
  readonly reason: string;
  /** When it was decided. */
  readonly at: string;
  /** From when the right is gone: later than `at` only for a rotation with grace. */
  readonly effectiveAt: string;
};

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

/** A key that works. Frozen: the same object may be given again. */
export type ValidKey = {
  readonly valid: true;
  readonly keyId: string;
  readonly ownerId: string;
  /** Concrete; null: any scope. */
  readonly scopes: readonly string[] | null;
  readonly permissions: readonly string[];
  /** RFC 3339; null: it has no end. */
  readonly expiresAt: string | null;
  /** Of the log, as of which it works. */
  readonly position: string;
};

/** A key that does not. */
export type InvalidKey = {
  readonly valid: false;
  /** malformed, not-found, owner-inactive, revoked, expired, api-keys-disabled, role-not-permitted, insufficient-scope */
  readonly code: string;
  /** The scopes that it lacks, with insufficient-scope. */
  readonly missing?: readonly string[];
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

/** @returns null where a value is no answer to a question: then nobody knows anything */
export const answerOf = (value: unknown): Answer | null => {
  const { valid, code, missing, keyId, ownerId, scopes, permissions, expiresAt, position, epoch } = fieldsOf(value);
  if (!isText(position) || !isText(epoch)) return null;
  if (valid === false && isText(code) && code !== 'valid')
    return { result: { valid, code, ...(areTexts(missing) && { missing }) }, position, epoch };
  if (valid !== true || !isText(keyId) || !isText(ownerId) || !areTexts(permissions)) return null;
  if ((scopes !== null && !areTexts(scopes)) || (expiresAt !== null && !isTime(expiresAt))) return null;
  return { result: { valid, keyId, ownerId, scopes, permissions, expiresAt, position }, position, epoch };
};
