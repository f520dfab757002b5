import type { Json } from '../../domain/json.ts';
import type { Clock } from '../environment.ts';
import type { Vault, VaultRow } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';

/** Texts that are shown once and belong to no key. `of`: what they are good for, to find them by once they no longer are. */
export type Shown = { readonly of: string; readonly texts: { readonly [name: string]: Json } };

/** What was shown once, kept for whoever asks again because the answer got lost, and for no longer than that takes. */
export type ShownOnce = {
  /** @param id of the intent that it answers @param persons under whose keys it is sealed; of one who is erased nothing is kept */
  readonly keep: (id: string, shown: Shown, persons: readonly string[]) => Promise<void>;
  /** Null: no longer there. */
  readonly read: (id: string) => Promise<Shown | null>;
  /** Everything of it that is still kept. */
  readonly forget: (of: string) => Promise<void>;
};

const shownOnceKind = 'shown-once';
/** An answer is asked for again within minutes, or by somebody else. */
const shownOnceMs = 10 * 60_000;

const purpose = 'vault shown once';
const pageSize = 100;
const aadOf = (id: string) => `${shownOnceKind} ${id}`;

export const createShownOnce = ({
  vault,
  boxes,
  clock,
}: {
  readonly vault: Vault;
  readonly boxes: Boxes;
  readonly clock: Clock;
}): ShownOnce => ({
  keep: async (id, shown, persons) => {
    const value = await boxes.seal(purpose, persons, JSON.stringify(shown), aadOf(id));
    if (value === null) return;
    const expiresAt = clock.now() + shownOnceMs;
    await vault.put({ kind: shownOnceKind, id, value, person: persons[0] ?? null, ref: shown.of, expiresAt }, 'any');
  },

  read: async (id) => {
    const row = await vault.get(shownOnceKind, id);
    // The vault's clock may be another machine's.
    if (row === null || (row.expiresAt !== null && row.expiresAt <= clock.now())) return null;
    const text = await boxes.open(purpose, row.value, aadOf(id));
    return text === null ? null : (JSON.parse(text) as Shown);
  },

  forget: async (of) => {
    for (let after: string | null = null; ; ) {
      const rows: readonly VaultRow[] = await vault.find(shownOnceKind, { ref: of }, { after, limit: pageSize });
      for (const { id } of rows) await vault.remove(shownOnceKind, id);
      after = rows.at(-1)?.id ?? null;
      if (rows.length < pageSize) return;
    }
  },
});
