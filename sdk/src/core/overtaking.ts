import type { Answer } from '../shapes.ts';
import type { RevocationMessage } from '../types.ts';

type Kept = { readonly position: string; readonly at: number };

/**
 * The messages of the last while: an answer that was on its way when one for its key, its owner or all arrived is worth
 * something only where it is of that message's position or a later one.
 * @param keptMs longer than any answer is waited for
 */
export const createOvertaking = (keptMs: number) => {
  // By log, kind and id, the furthest; oldest first.
  const kept = new Map<string, Kept>();

  const nameOf = ({ epoch, kind, keyId, ownerId }: RevocationMessage) =>
    `${epoch} ${kind} ${kind === 'all' ? '' : kind === 'key' ? keyId : ownerId}`;

  const isBeyond = (name: string, position: string) => {
    const found = kept.get(name);
    return found !== undefined && found.position > position;
  };

  return {
    note: (message: RevocationMessage, now: number): void => {
      const name = nameOf(message);
      const before = kept.get(name)?.position ?? '';
      kept.delete(name);
      kept.set(name, { position: message.position > before ? message.position : before, at: now });
    },

    hasOvertaken: ({ epoch, position, result }: Answer): boolean =>
      isBeyond(`${epoch} all `, position) ||
      (result.valid &&
        (isBeyond(`${epoch} key ${result.keyId}`, position) || isBeyond(`${epoch} owner ${result.ownerId}`, position))),

    prune: (now: number): void => {
      for (const [name, { at }] of kept) {
        if (now - at <= keptMs) return;
        kept.delete(name);
      }
    },
  };
};
