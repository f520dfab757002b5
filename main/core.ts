import { randomUUID } from 'node:crypto';
import { nodeCryptography } from '../adapters/node/crypto.ts';
import { nodeSignatures } from '../adapters/node/ed25519.ts';
import { isPhoneNumber } from '../adapters/node/phoneNumbers.ts';
import { systemRandomness } from '../adapters/node/randomness.ts';
import { systemScheduler } from '../adapters/node/scheduler.ts';
import { systemClock } from '../adapters/node/systemClock.ts';
import { turns } from '../adapters/node/turns.ts';
import type { Request } from '../commands/command.ts';
import { createCore } from '../commands/core.ts';
import { auditCommands } from '../commands/installation/audit.ts';
import { settingsCommands } from '../commands/installation/settings.ts';
import { apiKeyCommands } from '../commands/keys/apiKeys.ts';
import { endKeysCommands } from '../commands/keys/endKeys.ts';
import { importClaims } from '../commands/keys/importClaims.ts';
import { keySecrets } from '../commands/keys/keySecrets.ts';
import { createSigningKeys } from '../commands/sealing/signingKeys.ts';
import { sealedTable, vaultTable } from '../commands/sealing/vaultTable.ts';
import { type Acknowledgement, acknowledgementKind, receiptCommands } from '../commands/services/receipts.ts';
import { serviceTokenCommands } from '../commands/services/serviceTokens.ts';
import { createPasswordTokens } from '../commands/signIn/passwordTokens.ts';
import { avatarCommands, createAvatars } from '../commands/users/avatars.ts';
import { claimCommands } from '../commands/users/claims.ts';
import { emailAddresses } from '../commands/users/emailAddresses.ts';
import { userCommands } from '../commands/users/users.ts';
import type { ActorKind } from '../domain/event.ts';
import { instant } from '../domain/instant.ts';
import { apiKeysList } from '../projections/lists/apiKeys.ts';
import { auditEventsList } from '../projections/lists/auditEvents.ts';
import { usersList } from '../projections/lists/users.ts';
import { createIndexReader, type SnapshotTurn } from '../workers/indexReader.ts';
import { createLastUse, type Use, type UseRow } from '../workers/lastUse.ts';
import { fillLastUse, showLastUse } from '../workers/lastUseFlusher.ts';
import { createListReader } from '../workers/listReader.ts';
import { createProjector } from '../workers/projector.ts';
import type { Configuration } from './configuration.ts';
import type { Logger } from './log.ts';
import { type MailSettings, noMail, wireMails } from './mail.ts';
import type { Stores } from './stores.ts';

export const environment = {
  clock: systemClock(),
  crypto: nodeCryptography(),
  randomness: systemRandomness(),
  scheduler: systemScheduler(),
  signatures: nodeSignatures(),
};

/** Longer than writing one ever takes; whoever dies meanwhile keeps the others from it so long. */
const snapshotMs = 600_000;

/** Of several processes that share the lists one at a time writes there, and none that people wait for. */
const snapshotTurn = (vault: Stores['vault'], processId: string, role: Configuration['role']): SnapshotTurn => ({
  take: async () => role !== 'api' && (await vault.lease('index-snapshot', processId, snapshotMs)) !== null,
  giveBack: () => vault.releaseLease('index-snapshot', processId),
});

export type Inside = ReturnType<typeof wireInside>;

/** Everything over one set of stores that knows no HTTP and does not run by itself yet. */
export const wireInside = (
  stores: Stores,
  log: Logger,
  role: Configuration['role'] = 'all',
  mail: MailSettings = noMail(),
) => {
  const { store, vault, lists } = stores;
  const { clock, crypto, scheduler } = environment;
  const now = () => instant(clock.now());
  const processId = randomUUID();

  // The index is fed by a reader that needs the codec, and the commands wait for the reader: the codec comes first in time.
  const reader = createIndexReader({
    store,
    view: (event) => core.codec.view(event),
    blobs: lists,
    sha256: crypto.sha256,
    clock,
    scheduler,
    ...(stores.shared && { snapshotTurn: snapshotTurn(vault, processId, role) }),
    onTrouble: (what, error) => log.error({ err: error }, what),
  });
  const keyEnded = (keyId: string): boolean => {
    const code = reader.proven(Number.POSITIVE_INFINITY)?.codeOf(keyId, clock.now()) ?? null;
    return code === 'revoked' || code === 'expired' || code === 'owner-inactive';
  };
  const core = createCore({
    ...environment,
    store,
    vault,
    lists,
    masterKey: stores.masterKey,
    processId,
    afterAppend: async (position) => {
      await reader.afterAppend(position);
      // Everybody who waited for the same read goes on now, but not all at once.
      await new Promise<void>((resolve) => turns.take(resolve));
    },
    keyEnded,
    report: (error, doing) => log.warn({ err: error }, doing),
  });
  const { codec, handler, boxes, folds, purposeKeys } = core;

  const useTable = sealedTable<UseRow>(vault, 'last-use', boxes);
  const lastUse = createLastUse({
    table: useTable,
    clock,
    scheduler,
    onWritten: showLastUse(lists),
    onTrouble: (error) => log.warn({ err: error }, 'last use could not be written and is tried again'),
  });
  /** As this process has seen it or any has written it, whichever is later. */
  const lastUseOf = async (keyId: string): Promise<Use | null> => {
    const seen = lastUse.of(keyId);
    const written = (await useTable.get(keyId))?.value ?? null;
    return seen === null || (written !== null && written.at > seen.at) ? written : seen;
  };
  const parts = { clock, scheduler, log, store, vault, codec };
  const projector = createProjector({
    ...parts,
    lists,
    projections: [usersList, apiKeysList, auditEventsList],
    fillVolatile: fillLastUse(lists, useTable),
  });
  const listReader = createListReader({ ...parts, lists, moved: projector.moved });

  const addresses = emailAddresses({ crypto, purposeKeys });
  const secrets = keySecrets(vault, boxes);
  const avatars = createAvatars(vault, boxes, clock);
  const signingKeys = createSigningKeys({ ...environment, vault, boxes });
  const mails = wireMails({ ...environment, vault, boxes, purposeKeys, folds }, mail);
  const passwordTokens = createPasswordTokens({ vault, boxes, crypto, purposeKeys, outbox: mails.outbox });
  const commands = {
    ...mails.commands,
    ...apiKeyCommands({ crypto, secrets, claims: importClaims(vault) }),
    ...userCommands({ addresses, tokens: passwordTokens, isPhoneNumber }),
    ...settingsCommands,
    ...claimCommands,
    ...auditCommands,
    ...avatarCommands(avatars),
    ...endKeysCommands({ lastUseOf: async (keyId) => (await lastUseOf(keyId))?.at ?? null }),
    ...serviceTokenCommands({ crypto }),
    ...receiptCommands,
  };

  /** For what nobody asked for over HTTP. */
  const request = (
    kind: ActorKind,
    cause?: { readonly causationId: string; readonly correlationId: string },
  ): Request => ({
    at: now(),
    actor: { kind, id: null },
    ip: null,
    userAgent: null,
    requestId: null,
    correlationId: cause?.correlationId ?? randomUUID(),
    causationId: cause?.causationId ?? null,
    idempotency: null,
    ifMatch: null,
  });

  return {
    stores,
    log,
    now,
    processId,
    reader,
    core,
    codec,
    folds,
    boxes,
    purposeKeys,
    execute: handler.execute,
    handler,
    lastUse,
    lastUseOf,
    useTable,
    parts,
    projector,
    listReader,
    addresses,
    secrets,
    avatars,
    signingKeys,
    mails,
    passwordTokens,
    pages: mail.pages,
    acknowledgements: vaultTable<Acknowledgement>(vault, acknowledgementKind),
    commands,
    request,
    /** Every command that appends to more than one stream, by name: what a crash left of one is finished from here. */
    registry: Object.fromEntries(
      Object.values(commands)
        .filter((command) => command.several)
        .map((command) => [command.name, command as never]),
    ),
  };
};
