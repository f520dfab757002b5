import type { Heartbeat } from '../../commands/ports/bus.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';

export const revocations = 'keyledger.revocations';
export const heartbeats = 'keyledger.heartbeat';

const utf8 = new TextEncoder();
const text = new TextDecoder('utf-8', { fatal: true });

/** An id as one token of a subject. @throws where it is none */
const token = (id: string | undefined): string => {
  if (id === undefined || !/^[\w-]+$/.test(id)) throw new Error('an id that cannot stand in a subject of NATS');
  return id;
};

/** What messages of an installation name as their source. @param installation its id */
export const sourceNamed = (installation: string): string => `/keyledger/${installation}`;

/** Where a message goes. */
export const subjectOf = ({ kind, keyId, ownerId }: RevocationMessage): string => {
  if (kind === 'all') return `${revocations}.all`;
  return `${revocations}.${kind}.${token(kind === 'key' ? keyId : ownerId)}`;
};

/**
 * The exact bytes of a message: a CloudEvents 1.0 envelope, structured JSON, around the text that HTTP and SSE give.
 * @param installation its id
 */
export const envelope = (message: RevocationMessage, installation: string): Uint8Array => {
  const { kind, id, at, keyId, ownerId } = message;
  const head = {
    specversion: '1.0',
    id,
    source: sourceNamed(installation),
    type: 'keyledger.revocation.v1',
    subject: kind === 'all' ? 'all' : `${kind}/${kind === 'key' ? keyId : ownerId}`,
    time: at,
    datacontenttype: 'application/json',
  };
  return utf8.encode(`${JSON.stringify(head).slice(0, -1)},"data":${JSON.stringify(message)}}`);
};

export const heartbeatBytes = ({ epoch, head, lastMessage, provenAt }: Heartbeat): Uint8Array =>
  utf8.encode(JSON.stringify({ epoch, head, lastMessage, provenAt }));

type Fields = { readonly [name: string]: unknown };

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const parsed = (bytes: Uint8Array): Fields => {
  try {
    return fieldsOf(JSON.parse(text.decode(bytes)));
  } catch {
    // Whoever may publish there may publish anything.
    return {};
  }
};

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);

/** @returns null where the bytes are not a message's; that they are not forged only the signature tells */
export const messageOf = (bytes: Uint8Array): RevocationMessage | null => {
  const outer = parsed(bytes);
  const data = fieldsOf(outer.data);
  const { position, previous, epoch, id, kind, effect, keyId, ownerId, reason, at, effectiveAt } = data;
  const named =
    (kind === 'key' && isText(keyId)) ||
    (kind === 'owner' && isText(ownerId)) ||
    (kind === 'all' && effect === 'recheck');
  const whole = [position, epoch, id, reason, at, effectiveAt].every(isText) && isTextOrNull(previous);
  const known = outer.type === 'keyledger.revocation.v1' && (effect === 'ended' || effect === 'recheck');
  return named && whole && known ? (data as RevocationMessage) : null;
};

/** @returns whose message the bytes say they are; null: they do not */
export const sourceOf = (bytes: Uint8Array): string | null => {
  const { source } = parsed(bytes);
  return isText(source) ? source : null;
};

/** @returns null where the bytes are not a heartbeat's */
export const heartbeatOf = (bytes: Uint8Array): Heartbeat | null => {
  const { epoch, head, lastMessage, provenAt } = parsed(bytes);
  if (!isText(epoch) || !isText(provenAt) || !isTextOrNull(head) || !isTextOrNull(lastMessage)) return null;
  return { epoch, head, lastMessage, provenAt };
};
