import { activity, activityStream } from '../../domain/activity.ts';
import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { refusesReveal } from '../../domain/keyReveal.ts';
import { keyringFold, keyringStream } from '../../domain/keyring.ts';
import { settings } from '../../domain/settings.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import type { KeySecrets } from './keySecrets.ts';

export type RevealKeyInput = { readonly ownerId: UserId; readonly keyId: KeyId };

type Readable = { readonly text: string; readonly policyRevision: number | null };

/**
 * The text as far as it may be shown now, each stream read to its end. Rejections: those of `refusesReveal`; `forbidden`
 * where the owner was turned off.
 */
export const readableKey = async (
  secrets: Pick<KeySecrets, 'read'>,
  { load, request }: Pick<Run, 'load'> & { readonly request: Pick<Run['request'], 'at'> },
  { ownerId, keyId }: RevealKeyInput,
): Promise<Readable | Rejection> => {
  const [ring, owner, rules] = await Promise.all([
    load(keyringFold, keyringStream(ownerId)),
    load(user, userStream(ownerId)),
    load(settings, policyStream),
  ]);
  if (owner.state === null) return reject('not-found');
  if (owner.state.status !== 'active') return reject('forbidden', { status: owner.state.status });
  const { ownerEpoch } = owner.state;
  const refused = refusesReveal({ keyId, at: request.at, ownerEpoch, settings: rules.state }, ring.state);
  if (refused) return refused;
  const text = await secrets.read(keyId, ownerId);
  if (text === null) return reject('not-recoverable');
  return { text, policyRevision: rules.state.policyChanged?.revision ?? null };
};

/**
 * Shows a key's text once more, as `secret`. It is put down before it is shown, and asked again after that: what ended
 * or was turned off meanwhile, while a store was slow, is not shown any more.
 */
export const revealKey = ({ secrets }: { readonly secrets: KeySecrets }): Command<RevealKeyInput, RevealKeyInput> => ({
  name: 'RevealKey',
  several: false,
  run: async (input, run) => {
    const { ownerId, keyId } = input;
    let policyRevision: number | null = null;
    const step = await run.step(
      activity,
      activityStream(ownerId),
      async (state) => {
        const found = await readableKey(secrets, run, input);
        if (isRejection(found)) return found;
        policyRevision = found.policyRevision;
        return activity.decide({ type: 'ApiKeyRevealed', data: { keyId } }, state);
      },
      { policyRevision: () => policyRevision },
    );
    if (isRejection(step)) return step;
    const shown = await readableKey(secrets, run, input);
    return isRejection(shown) ? shown : { result: { keyId, ownerId }, secret: { keyId, text: shown.text } };
  },
});
