import { audit, auditStream } from '../../domain/audit.ts';
import { isRejection } from '../../domain/decider.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { type EndKeys, endKeys, isUnusedSince, unusedBefore } from '../../domain/keyEnds.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { keyring } from '../../domain/keyringDecisions.ts';
import { settings } from '../../domain/settings.ts';
import type { Command, Run } from '../command.ts';
import { cutToFit, envelopeBytes, textBytes } from '../handling/appendSize.ts';
import { together } from '../handling/together.ts';
import { ownerFacts } from './ownerFacts.ts';

/** What one revocation takes at most: the note stands in the event and as its reason. */
const revocationBytes = (note: string): number => envelopeBytes + 2 * textBytes(note);

/** How many owners' keyrings are written at the same time. */
const ownersAtOnce = 32;

/** A key that a text was found to be. Never the text: this is kept until the command is done. */
export type LeakedKey = { readonly ownerId: UserId; readonly keyId: KeyId };

export type ReportLeakInput = {
  /** Null: no key of ours. In the order of the report. */
  readonly found: readonly (LeakedKey | null)[];
  readonly source: string;
};

export type LeakStatus = 'revoked' | 'unknown' | 'already-ended';
/** `mask`: of a key of ours, as its owner knows it. One for each text, in order; texts that are the same key have the same. */
export type ReportLeakAnswer = {
  readonly results: readonly { readonly mask: string | null; readonly status: LeakStatus }[];
};

type Outcome = { readonly mask: string | null; readonly status: LeakStatus };

const revokeLeaked = async (
  run: Run,
  ownerId: UserId,
  keyIds: readonly KeyId[],
  source: string,
  outcomes: Map<KeyId, Outcome>,
): Promise<void> => {
  let from = 0;
  for (const some of cutToFit(keyIds, () => revocationBytes(source))) {
    const step = await run.step(
      keyring,
      keyringStream(ownerId),
      async (state) => {
        const { at, ownerEpoch } = (await ownerFacts(run, ownerId)).facts;
        return endKeys({ at, ownerEpoch, keyIds: some, reason: 'leak', note: source }, state);
      },
      { eventsFrom: from, reason: source },
    );
    from += some.length;
    if (isRejection(step)) throw new Error(`leaked keys were not revoked: ${step.rejected}`);
    const ended = new Set(step.events.flatMap((event) => (event.type === 'ApiKeyRevoked' ? [event.data.keyId] : [])));
    for (const keyId of some) {
      const mask = step.state.keys.get(keyId)?.mask ?? null;
      outcomes.set(keyId, { mask, status: ended.has(keyId) ? 'revoked' : 'already-ended' });
    }
  }
};

const byOwner = (found: ReportLeakInput['found']): ReadonlyMap<UserId, readonly KeyId[]> => {
  const owners = new Map<UserId, Set<KeyId>>();
  for (const key of found)
    if (key !== null) owners.set(key.ownerId, (owners.get(key.ownerId) ?? new Set()).add(key.keyId));
  return new Map([...owners].map(([ownerId, keyIds]) => [ownerId, [...keyIds]]));
};

/**
 * Keys that were found where others can read them end at once; what has ended already stays as it is. Whoever reports
 * one has its text, which is more than any right to revoke it: nothing else is asked. Nothing is refused.
 */
const reportLeak: Command<ReportLeakInput, ReportLeakAnswer> = {
  name: 'ReportLeak',
  several: true,
  run: async ({ found, source }, run) => {
    const outcomes = new Map<KeyId, Outcome>();
    const owners = [...byOwner(found)];
    for (let from = 0; from < owners.length; from += ownersAtOnce)
      await together(
        owners
          .slice(from, from + ownersAtOnce)
          .map(([ownerId, keyIds]) => revokeLeaked(run, ownerId, keyIds, source, outcomes)),
      );
    const results = found.map((key): Outcome => (key && outcomes.get(key.keyId)) ?? { mask: null, status: 'unknown' });
    const revoked = [...outcomes.values()].filter(({ status }) => status === 'revoked').length;
    const data = { source, reported: found.length, revoked };
    const step = await run.step(audit, auditStream, () => audit.decide({ type: 'LeakReported', data }, null));
    return isRejection(step) ? step : { result: { results } };
  },
};

/** When a key was last used, as far as anybody has written down. */
export type LastUseOf = (keyId: KeyId) => Promise<Instant | null>;

export type EndUnusedKeysInput = {
  readonly ownerId: UserId;
  /** At most 100. */
  readonly keyIds: readonly KeyId[];
  /** How long before now a use may be that nobody has written down yet. */
  readonly slackSeconds: number;
};

/** Those of the keys that nobody has used for as long as the policy says; asked again here, of everybody who may know. */
const endUnusedKeys = (lastUseOf: LastUseOf): Command<EndUnusedKeysInput, { readonly ended: number }> => ({
  name: 'EndUnusedKeys',
  several: false,
  run: async ({ ownerId, keyIds, slackSeconds }, run) => {
    let policyRevision: number | null = null;
    const step = await run.step(
      keyring,
      keyringStream(ownerId),
      async (state) => {
        const rules = (await run.load(settings, policyStream)).state;
        policyRevision = rules.policyChanged?.revision ?? null;
        const { at, ownerEpoch } = (await ownerFacts(run, ownerId)).facts;
        const before = unusedBefore(rules, at, slackSeconds);
        if (before === null) return [];
        const uses = await Promise.all(keyIds.map(lastUseOf));
        const unused = keyIds.filter((keyId, n) => {
          const key = state.keys.get(keyId);
          return key !== undefined && isUnusedSince(key, uses[n] ?? null, before);
        });
        const command: EndKeys = { at, ownerEpoch, keyIds: unused, reason: 'unused', note: null };
        return endKeys(command, state);
      },
      { policyRevision: () => policyRevision },
    );
    return isRejection(step) ? step : { result: { ended: step.events.length } };
  },
});

export const endKeysCommands = ({ lastUseOf }: { readonly lastUseOf: LastUseOf }) => ({
  reportLeak,
  endUnusedKeys: endUnusedKeys(lastUseOf),
});

export type EndKeysCommands = ReturnType<typeof endKeysCommands>;
