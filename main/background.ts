import type { Bus } from '../commands/ports/bus.ts';
import { isRejection, type Rejection } from '../domain/decider.ts';
import type { UserId } from '../domain/ids.ts';
import { unusedBefore } from '../domain/keyEnds.ts';
import { policyStream } from '../domain/keyPolicy.ts';
import { keyringFold, keyringStream } from '../domain/keyring.ts';
import { isTextKept } from '../domain/keyView.ts';
import { settings } from '../domain/settings.ts';
import { isGone, userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import { avatarShredder } from '../workers/avatarShredder.ts';
import { emailClaims } from '../workers/emailClaims.ts';
import { eraser, erasureWatcher } from '../workers/eraser.ts';
import { expiryWorker } from '../workers/expiry.ts';
import { intentsFinisher } from '../workers/intentsFinisher.ts';
import { keyringCloser } from '../workers/keyringCloser.ts';
import { lastUseFlusher } from '../workers/lastUseFlusher.ts';
import { publisher } from '../workers/publisher.ts';
import { receiptRecorder } from '../workers/receiptRecorder.ts';
import { secretShredder } from '../workers/secretShredder.ts';
import { slackSeconds, unusedKeys } from '../workers/unusedKeys.ts';
import { vaultTidier } from '../workers/vaultTidier.ts';
import type { Worker } from '../workers/worker.ts';
import type { Inside } from './core.ts';
import { mailWorkers } from './mailWorkers.ts';

const refused = (doing: string, { rejected }: Rejection) => new Error(`${doing} was refused: ${rejected}`);

const dropCachesOf =
  ({ core, folds }: Inside) =>
  (userId: UserId) => {
    core.keys.drop(userId);
    folds.drop(userId);
  };

/** What runs by itself in a process that leaves the rest to others. */
export const frontWorkers = (inside: Inside): readonly Worker[] => [
  erasureWatcher({
    ...inside.parts,
    dropCaches: dropCachesOf(inside),
    isKeyDestroyed: async (userId) => {
      inside.core.keys.drop(userId);
      return (await inside.core.keys.find(userId)) === null;
    },
  }),
  lastUseFlusher({ ...inside.parts, lastUse: inside.lastUse }),
];

/**
 * What runs by itself, each a worker of its own; the lists' projector is one of them.
 * @param bus null: others publish, if anybody does
 */
export const backgroundWorkers = (inside: Inside, bus: Bus | null): readonly Worker[] => {
  const { stores, parts, core, execute, handler, commands, request, folds } = inside;
  const { lists } = stores;

  const releaseEmail = async (release: { claim: string; userId: UserId }, cause: Parameters<typeof request>[1]) => {
    const outcome = await execute(commands.releaseEmail, release, request('worker', cause));
    if (isRejection(outcome)) throw refused('releasing an address', outcome);
  };

  return [
    inside.projector,
    expiryWorker({
      ...parts,
      lists,
      reader: inside.listReader,
      expireKeys: async (ownerId) => {
        const outcome = await execute(commands.expireKeys, { ownerId }, request('worker'));
        if (isRejection(outcome)) throw refused('recording expiries', outcome);
        return outcome.result.expired > 0 ? outcome.position : null;
      },
    }),
    keyringCloser({
      ...parts,
      closeKeyring: async (closing, cause) => {
        const outcome = await execute(commands.closeKeyring, closing, request('worker', cause));
        if (isRejection(outcome)) throw refused('closing a keyring', outcome);
      },
    }),
    emailClaims({
      ...parts,
      completeClaim: async (claim, cause) => {
        const outcome = await execute(commands.completeClaim, claim, request('worker', cause));
        if (isRejection(outcome)) throw refused('completing a claim', outcome);
      },
      releaseEmail,
      releaseEmailOf: async (userId, cause) => {
        const claim = await folds.read(user, userStream(userId), ({ state }) => state?.claim ?? null);
        if (claim !== null) await releaseEmail({ claim, userId }, cause);
      },
    }),
    secretShredder({
      ...parts,
      destroySecrets: handler.destroySecrets,
      keysOf: (ownerId, upToEpoch) =>
        folds.read(keyringFold, keyringStream(ownerId), ({ state }) =>
          [...state.keys.values()].filter((key) => key.ownerEpoch <= upToEpoch).map((key) => key.keyId),
        ),
      isTextKept: async (keyId, ownerId) => {
        const key = await folds.read(keyringFold, keyringStream(ownerId), ({ state }) => state.keys.get(keyId));
        return key === undefined ? null : folds.read(settings, policyStream, ({ state }) => isTextKept(key, state));
      },
    }),
    eraser({
      ...parts,
      destroyPersonKey: core.keys.destroy,
      dropCaches: dropCachesOf(inside),
    }),
    unusedKeys({
      ...parts,
      lists,
      reader: inside.listReader,
      unusedBefore: (now) => folds.read(settings, policyStream, ({ state }) => unusedBefore(state, now, slackSeconds)),
      endUnused: async (ownerId, keyIds) => {
        const outcome = await execute(commands.endUnusedKeys, { ownerId, keyIds, slackSeconds }, request('worker'));
        if (isRejection(outcome)) throw refused('ending unused keys', outcome);
        return outcome.result.ended;
      },
    }),
    avatarShredder({
      ...parts,
      avatarOf: (userId) =>
        folds.read(user, userStream(userId), ({ state }) => (state && !isGone(state) ? state.avatarId : null)),
      tidy: inside.avatars.tidy,
    }),
    intentsFinisher({
      ...parts,
      finishIntents: async (signal) => {
        await handler.finishIntents(inside.registry, 10_000, signal);
        await handler.flush();
      },
    }),
    lastUseFlusher({ ...parts, lastUse: inside.lastUse }),
    ...(bus === null ? [] : [publisher({ ...parts, index: inside.reader, bus, processId: inside.processId })]),
    receiptRecorder({
      ...parts,
      acknowledgements: inside.acknowledgements,
      feed: inside.reader.feed,
      position: inside.reader.position,
      record: async (epoch, items) => {
        const outcome = await execute(commands.recordReceipts, { epoch, items }, request('worker'));
        if (isRejection(outcome)) throw refused('recording receipts', outcome);
      },
    }),
    ...mailWorkers(inside),
    vaultTidier(parts),
  ];
};
