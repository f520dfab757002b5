import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { type KeyPolicy, policyStream } from '../../domain/keyPolicy.ts';
import { type ClosingReason, type Keyring, keyringStream, type RevocationReason } from '../../domain/keyring.ts';
import { type KeyringCommand, keyring } from '../../domain/keyringDecisions.ts';
import { makeKeyText, maskOf } from '../../domain/keyText.ts';
import { isTextKept } from '../../domain/keyView.ts';
import { settings } from '../../domain/settings.ts';
import type { Command, Done, Run } from '../command.ts';
import type { Cryptography } from '../environment.ts';
import { toHex } from '../sealing/encoding.ts';
import type { ImportClaims } from './importClaims.ts';
import { importKeysCommand } from './importKeys.ts';
import type { KeySecrets } from './keySecrets.ts';
import { type OwnerFacts, ownerFacts } from './ownerFacts.ts';
import { revealKey } from './revealKey.ts';

type Deps = { readonly crypto: Cryptography; readonly secrets: KeySecrets };
type AllDeps = Deps & { readonly claims: ImportClaims };

type KeyFields = {
  readonly name?: string | null | undefined;
  readonly description?: string | null | undefined;
  readonly expiresAt?: Instant | null | undefined;
  readonly scopes?: readonly string[] | null | undefined;
};

/** What every command on a key answers; what the key looks like is read from its fold. */
export type KeyAnswer = { readonly keyId: KeyId; readonly ownerId: UserId };

/** `asOfEpoch`: the owner's epoch that the caller's right to it is of; absent: that in which it begins. */
export type CreateApiKeyInput = KeyFields & { readonly ownerId: UserId; readonly asOfEpoch?: number };
export type EditKeyInput = KeyFields & { readonly ownerId: UserId; readonly keyId: KeyId };
export type RotateKeyInput = {
  readonly ownerId: UserId;
  readonly keyId: KeyId;
  readonly graceSeconds: number;
  readonly expiresAt?: Instant | null | undefined;
  readonly asOfEpoch?: number;
};
export type RevokeKeyInput = {
  readonly ownerId: UserId;
  readonly keyId: KeyId;
  readonly reason: Exclude<RevocationReason, 'replaced'>;
  readonly note: string | null;
};

const revisionOf = (keyId: KeyId) => (state: Keyring) => state.keys.get(keyId)?.revision ?? null;

/** Whoever was turned off meanwhile makes nothing more: their session has ended with them. */
const ownerMayAct = (owner: { readonly status: string } | null): Rejection | null => {
  if (owner === null) return reject('not-found');
  return owner.status === 'active' ? null : reject('forbidden', { status: owner.status });
};

/** Who was off since they asked has come back without what they had asked for: reactivation revives nothing. */
const sameEpoch = (asked: number, now: number): Rejection | null =>
  asked === now ? null : reject('forbidden', { reason: 'owner-deactivated' });

type Form = Pick<KeyPolicy, 'form' | 'prefix'>;

/** Derived at once: few texts take more, however many bytes they throw away. */
const blockLength = 32;

// Each call takes the next bytes; the labels make the same stream, and so the same text, in every run of the command.
const keyText = (run: Run, form: Form): string => {
  let block = new Uint8Array(0);
  let blocks = 0;
  return makeKeyText(form, (length) => {
    if (block.length < length) block = new Uint8Array(run.secretBytes(`key ${blocks++}`, blockLength));
    const bytes = block.subarray(0, length);
    block = block.subarray(length);
    return bytes;
  });
};

// A run that finds its key already made cannot ask the policy of today what form it was given.
const formOf = (mask: string): Form => {
  const prefix = mask.includes('_') ? mask.slice(0, mask.indexOf('_')) : null;
  return { form: prefix === null ? 'dotted' : 'prefixed', prefix };
};

type NewSecret = { readonly keyId: KeyId; readonly secretHash: string; readonly mask: string };

/**
 * Decides on a keyring something that makes a key. A text that may be copied again is kept before its key is made: a
 * key that says it can be copied and cannot would be worse than a text that nobody asks for.
 */
const makeKey = async (
  { crypto, secrets }: Deps,
  run: Run,
  { ownerId, asOfEpoch }: { readonly ownerId: UserId; readonly asOfEpoch?: number | undefined },
  command: (secret: NewSecret, facts: OwnerFacts['facts']) => KeyringCommand,
  replacedKey?: KeyId,
): Promise<Done<KeyAnswer> | Rejection> => {
  const keyId = run.newId('key');
  let policyRevision: number | null = null;
  let epoch = asOfEpoch;
  let text = '';
  const decide = async (state: Keyring) => {
    const known = await ownerFacts(run, ownerId);
    policyRevision = known.policyRevision;
    epoch ??= known.facts.ownerEpoch;
    const refused = ownerMayAct(known.owner) ?? sameEpoch(epoch, known.facts.ownerEpoch);
    if (refused) return refused;
    text = keyText(run, known.facts.policy);
    const secret = { keyId, secretHash: toHex(crypto.sha256(text)), mask: maskOf(text) };
    const decision = keyring.decide(command(secret, known.facts), state);
    if (isRejection(decision) || known.facts.policy.secret === 'once') return decision;
    return (await secrets.keep(keyId, ownerId, text)) ? decision : reject('not-found');
  };
  const step = await run.step(keyring, keyringStream(ownerId), decide, {
    policyRevision: () => policyRevision,
    ...(replacedKey !== undefined && { revisionOf: revisionOf(replacedKey) }),
  });
  if (isRejection(step)) {
    await secrets.destroy(keyId);
    return step;
  }
  const made = step.events.find((event) => event.type === 'ApiKeyCreated');
  if (made === undefined) throw new Error(`${keyId} was decided on and not made`);
  if (made.data.recoverable) {
    // The policy may have turned while this was made, after the texts of all other keys were destroyed.
    const { state } = await run.load(settings, policyStream);
    if (!isTextKept({ recoverable: true, policyRevision: made.metadata.policyRevision }, state))
      await secrets.destroy(keyId);
  }
  const { mask } = made.data;
  // Found again, it may have another form than what was decided on now.
  return {
    result: { keyId, ownerId },
    secret: { keyId, text: maskOf(text) === mask ? text : keyText(run, formOf(mask)) },
  };
};

/** The new key's text is answered once, as `secret`. */
const createApiKey = (deps: Deps): Command<CreateApiKeyInput, KeyAnswer> => ({
  name: 'CreateApiKey',
  several: false,
  run: ({ ownerId, asOfEpoch, ...fields }, run) =>
    makeKey(deps, run, { ownerId, asOfEpoch }, (secret, facts) => ({
      type: 'CreateApiKey',
      ...facts,
      ...secret,
      ...fields,
    })),
});

/** If-Match is about the old key. */
const rotateKey = (deps: Deps): Command<RotateKeyInput, KeyAnswer> => ({
  name: 'RotateKey',
  several: false,
  run: ({ ownerId, keyId, asOfEpoch, ...asked }, run) =>
    makeKey(
      deps,
      run,
      { ownerId, asOfEpoch },
      ({ keyId: newKeyId, ...secret }, facts) => ({
        type: 'RotateKey',
        ...facts,
        ...secret,
        ...asked,
        keyId,
        newKeyId,
      }),
      keyId,
    ),
});

const editKey: Command<EditKeyInput, KeyAnswer> = {
  name: 'EditKey',
  several: false,
  run: async ({ ownerId, keyId, ...fields }, run) => {
    let policyRevision: number | null = null;
    const step = await run.step(
      keyring,
      keyringStream(ownerId),
      async (state) => {
        const known = await ownerFacts(run, ownerId);
        policyRevision = known.policyRevision;
        const refused = ownerMayAct(known.owner);
        return refused ?? keyring.decide({ type: 'EditKey', ...known.facts, keyId, ...fields }, state);
      },
      { policyRevision: () => policyRevision, revisionOf: revisionOf(keyId) },
    );
    return isRejection(step) ? step : { result: { keyId, ownerId } };
  },
};

/** By the owner or somebody else; final. A key that has ended by revocation stays as it is, and the answer is success. */
const revokeKey: Command<RevokeKeyInput, KeyAnswer> = {
  name: 'RevokeKey',
  several: false,
  run: async ({ ownerId, keyId, reason, note }, run) => {
    const step = await run.step(
      keyring,
      keyringStream(ownerId),
      async (state) => {
        const { facts } = await ownerFacts(run, ownerId);
        const { at, ownerEpoch } = facts;
        return keyring.decide({ type: 'RevokeKey', at, ownerEpoch, keyId, reason, note }, state);
      },
      { reason: note, revisionOf: revisionOf(keyId) },
    );
    return isRejection(step) ? step : { result: { keyId, ownerId } };
  },
};

/** Records what the clock has ended already. */
const expireKeys: Command<{ readonly ownerId: UserId }, { readonly expired: number }> = {
  name: 'ExpireKeys',
  several: false,
  run: async ({ ownerId }, run) => {
    const step = await run.step(keyring, keyringStream(ownerId), (state) =>
      keyring.decide({ type: 'ExpireKeys', at: run.request.at }, state),
    );
    return isRejection(step) ? step : { result: { expired: step.events.length } };
  },
};

export type CloseKeyringInput = {
  readonly ownerId: UserId;
  readonly ownerEpoch: number;
  readonly reason: ClosingReason;
  readonly endedAt: Instant;
};

/** Records that the owner's event ended these keys, and frees their names and slots. */
const closeKeyring: Command<CloseKeyringInput, { readonly closed: boolean }> = {
  name: 'CloseKeyring',
  several: false,
  run: async ({ ownerId, ...closing }, run) => {
    const step = await run.step(keyring, keyringStream(ownerId), (state) =>
      keyring.decide({ type: 'CloseKeyring', ...closing }, state),
    );
    return isRejection(step) ? step : { result: { closed: step.events.length > 0 } };
  },
};

export const apiKeyCommands = (deps: AllDeps) => ({
  createApiKey: createApiKey(deps),
  rotateKey: rotateKey(deps),
  revealKey: revealKey(deps),
  editKey,
  revokeKey,
  expireKeys,
  closeKeyring,
  importKeys: importKeysCommand(deps.claims),
});

export type ApiKeyCommands = ReturnType<typeof apiKeyCommands>;
