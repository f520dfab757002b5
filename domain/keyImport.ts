import { isRejection } from './decider.ts';
import type { Keyring, KeyringEvent } from './keyring.ts';
import { type ImportKey, keyring } from './keyringDecisions.ts';
import type { RejectionCode } from './rejectionCodes.ts';

export type Imported = {
  readonly events: readonly KeyringEvent[];
  /** Of each item, in order; null: it is among the events. */
  readonly codes: readonly (RejectionCode | null)[];
};

/** Many keys into one keyring, each decided on as if those before it were there: one that is refused stops no other. */
export const importKeys = (items: readonly Omit<ImportKey, 'besides'>[], state: Keyring): Imported => {
  const events: KeyringEvent[] = [];
  const besides: { readonly name: string | null; readonly secretHash: string }[] = [];
  const codes = items.map((item) => {
    const decision = keyring.decide({ ...item, besides }, state);
    if (isRejection(decision)) return decision.rejected;
    for (const event of decision) {
      events.push(event);
      if (event.type === 'ApiKeyImported') besides.push(event.data);
    }
    return null;
  });
  return { events, codes };
};
