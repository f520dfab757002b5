import type { Hearing } from '../core/surroundings.ts';
import { fieldsOf, heartbeatOf, messageOf } from '../shapes.ts';
import { parsed } from './http.ts';
import type { Signed } from './signed.ts';

export const messages = 'keyledger.revocations.>';
export const heartbeats = 'keyledger.heartbeat';

const utf8 = new TextDecoder('utf-8', { fatal: true });

const jsonOf = (bytes: Uint8Array): unknown => {
  try {
    return parsed(utf8.decode(bytes));
  } catch {
    return undefined;
  }
};

/** Tells what came over NATS: only what is signed is read at all, the rest is spoilt. */
export const createInbox =
  (signed: Pick<Signed, 'isSigned'>, hearing: Pick<Hearing, 'message' | 'heartbeat' | 'spoilt'>) =>
  (subject: string, bytes: Uint8Array, signature: string | undefined): void => {
    const value = signed.isSigned(bytes, signature) ? jsonOf(bytes) : undefined;
    const { type, data } = fieldsOf(value);
    const message = type === 'keyledger.revocation.v1' && subject !== heartbeats ? messageOf(data) : null;
    const heartbeat = subject === heartbeats ? heartbeatOf(value) : null;
    if (message !== null) hearing.message(message);
    else if (heartbeat !== null) hearing.heartbeat(heartbeat);
    else hearing.spoilt();
  };
