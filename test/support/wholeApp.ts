import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMemoryMailer } from '../../adapters/memory/mailer.ts';
import { isCommonPassword } from '../../adapters/node/commonPasswords.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { sharpImages } from '../../adapters/sharp/images.ts';
import { type AppOptions, createApp } from '../../api/app.ts';
import type { Credentials } from '../../api/authenticate.ts';
import { cookiesFor } from '../../api/cookies.ts';
import { createCursors } from '../../api/cursor.ts';
import { rememberNewest } from '../../api/newestWrite.ts';
import { allRoutes } from '../../api/routes.ts';
import type { Command } from '../../commands/command.ts';
import type { Scheduler } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import { auditCommands } from '../../commands/installation/audit.ts';
import { settingsCommands } from '../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { endKeysCommands } from '../../commands/keys/endKeys.ts';
import { importClaims } from '../../commands/keys/importClaims.ts';
import { keySecrets } from '../../commands/keys/keySecrets.ts';
import { createMails } from '../../commands/mail/mail.ts';
import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Lists } from '../../commands/ports/lists.ts';
import type { MailAccess } from '../../commands/ports/mailer.ts';
import { toHex } from '../../commands/sealing/encoding.ts';
import { vaultTable } from '../../commands/sealing/vaultTable.ts';
import { type Acknowledgement, acknowledgementKind } from '../../commands/services/receipts.ts';
import { serviceTokenCommands } from '../../commands/services/serviceTokens.ts';
import { createThrottling } from '../../commands/signIn/throttling.ts';
import { avatarCommands, createAvatars } from '../../commands/users/avatars.ts';
import { emailAddresses } from '../../commands/users/emailAddresses.ts';
import { createLastCalls } from '../../commands/users/lastCalls.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { installation, installationStream } from '../../domain/installation.ts';
import { instant } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import type { Permission } from '../../domain/permissions.ts';
import { historyOf } from '../../main/history.ts';
import type { Projection } from '../../projections/projection.ts';
import { createIndexReader } from '../../workers/indexReader.ts';
import { createListReader } from '../../workers/listReader.ts';
import { createAccounts } from './accounts.ts';
import { clientOf } from './client.ts';
import { createBed, hurriedScheduler, seededRandomness } from './commandBed.ts';
import { withFaults } from './faultyEventStore.ts';
import { everyList, projectorOver } from './listsBed.ts';

export type WholeApp = Awaited<ReturnType<typeof startWholeApp>>;

/** The first event of every log. */
const createInstallation: Command<null, null> = {
  name: 'CreateInstallation',
  several: false,
  run: async (_, run) => {
    const created = { type: 'CreateInstallation', installationId: 'here', epoch: 'epoch-1', minReader: 1 } as const;
    const step = await run.step(installation, installationStream, (state) => installation.decide(created, state));
    return isRejection(step) ? step : { result: null };
  },
};

/** Whoever sleeps is woken by what they wait for, never by time, unless they only pause before they try again. */
const untilWoken: Scheduler = {
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      if (ms <= 100) setImmediate(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    }),
};

/**
 * Every call of the contract that Express answers, over stores in memory and with the real index reader, lists and
 * projector. A caller is signed in by their id alone: signing in has tests of its own. Time stands still.
 */
export const startWholeApp = async (
  options: {
    readonly projections?: readonly Projection[];
    readonly trustedProxies?: readonly string[];
    /** As if by the environment. */
    readonly mailServer?: MailAccess;
  } = {},
) => {
  const bed = createBed();
  const { clock, vault } = bed;
  const crypto = nodeCryptography();
  let stopped = false;
  let full = false;
  const store: EventStore = withFaults(bed.store, {
    read: () => (stopped ? 'fail' : undefined),
    append: () => (full ? 'fail' : undefined),
  });
  const listLimits: number[] = [];
  const lists: Lists = {
    ...bed.lists,
    query: (build, query) => {
      listLimits.push(query.limit);
      return bed.lists.query(build, query);
    },
  };

  const reader = createIndexReader({
    store,
    view: (event) => accounts.codec.view(event),
    blobs: lists,
    sha256: crypto.sha256,
    clock,
    scheduler: untilWoken,
  });
  const accounts = createAccounts(bed, {
    store,
    afterAppend: async (position) => {
      await reader.afterAppend(position);
    },
  });
  const { load, sessions, identity, signIn, requestPasswordReset, codec, folds } = accounts;
  const { execute, newestWrite } = rememberNewest(accounts.execute);
  const ending = new AbortController();
  const reading = reader.run(ending.signal);
  await execute(createInstallation, null, bed.request());

  const projector = projectorOver(bed, accounts, { store, projections: options.projections ?? everyList });
  let filling: Promise<unknown> = Promise.resolve();
  let fills = true;
  /** Lists are filled when somebody looks, and hold everything then; unless they are held. */
  const fill = async () => {
    if (!fills) return;
    filling = filling.then(projector.catchUp);
    await filling;
  };
  const listed = createListReader({
    lists,
    store,
    clock,
    scheduler: hurriedScheduler(clock),
    moved: projector.moved,
  });
  const filledFirst =
    <A extends readonly unknown[], R>(call: (...of: A) => Promise<R>) =>
    async (...of: A) => {
      await fill();
      return call(...of);
    };
  const listReader = {
    current: filledFirst(listed.current),
    reached: filledFirst(listed.reached),
    waitFor: filledFirst(listed.waitFor),
    states: listed.states,
  };

  const cookies = cookiesFor(false);
  const index = () => {
    const proven = reader.proven();
    if (proven === null) throw new Failure('store-unavailable', 'the index is not proven');
    return proven;
  };
  const permissions = (names: readonly string[]) => new Set(names as readonly Permission[]);
  const credentials: Credentials = {
    cookieName: cookies.session,
    requireProven: () => void index(),
    catchUp: async () => void (await reader.prove()),
    owner: (userId) => {
      const owner = index().owner(userId);
      return owner && { ...owner, active: owner.status === 'active', permissions: permissions(owner.permissions) };
    },
    session: async (userId) => {
      const { ownerEpoch = 0, sessionEpoch = 0 } = index().owner(userId) ?? {};
      return { id: 'session', userId, ownerEpoch, sessionEpoch };
    },
    key: () => null,
    serviceToken: (text) => {
      const token = index().token(crypto.sha256(text), clock.now());
      return token && { ...token, permissions: permissions(token.permissions), expiresAt: token.expiresAtMs };
    },
  };

  const secrets = keySecrets(vault, accounts.boxes);
  const avatars = createAvatars(vault, accounts.boxes, clock);
  const mailer = createMemoryMailer();
  const mails = createMails({
    ...accounts,
    vault,
    crypto,
    clock,
    scheduler: untilWoken,
    randomness: seededRandomness('mails'),
    throttling: createThrottling({ vault, crypto, purposeKeys: accounts.purposeKeys }),
    mailer,
    fromEnvironment: options.mailServer ?? null,
    publicUrl: () => 'https://keys.example.com',
  });
  const commands = {
    ...accounts.commands,
    ...mails.commands,
    ...settingsCommands,
    ...serviceTokenCommands({ crypto }),
    ...auditCommands,
    ...avatarCommands(avatars),
    ...endKeysCommands({ lastUseOf: async () => null }),
    ...apiKeyCommands({ crypto, secrets, claims: importClaims(vault) }),
  };
  const acknowledgements = vaultTable<Acknowledgement>(vault, acknowledgementKind);
  const now = () => instant(clock.now());
  const context = {
    execute,
    commands,
    now,
    load,
    secrets,
    avatars,
    images: sharpImages(),
    mails,
    addresses: emailAddresses({ crypto, purposeKeys: accounts.purposeKeys }),
    folds,
    codec,
    store,
    lists,
    listReader,
    newestWrite,
    projector,
    reader,
    clock,
    scheduler: untilWoken,
    cursors: createCursors(crypto, accounts.purposeKeys('cursors')),
    asOf: () => ({ position: reader.position(), lagMs: 0 }),
    sessions,
    identity,
    signIn,
    requestPasswordReset,
    lastCalls: createLastCalls({ vault, crypto, clock, purposeKeys: accounts.purposeKeys }),
    cookies,
    hasher: accounts.hasher,
    isCommonPassword,
    acknowledgements,
    workers: [projector],
    version: '1.2.3',
    sha256: crypto.sha256,
    sha256Hex: (text: string) => toHex(crypto.sha256(text)),
    ...historyOf({ stores: { store }, codec, folds } as never),
    lastUse: async () => null,
  };
  const routes = allRoutes(context);

  const unexpected: unknown[] = [];
  let requests = 0;
  const appOptions: AppOptions = {
    newRequestId: () => `request-${++requests}`,
    credentials,
    publicOrigin: null,
    now,
    waitFor: async (position) => {
      if (!(await reader.waitFor(position, 0))) throw new Failure('not-caught-up', 'not read that far yet');
    },
    trustedProxies: options.trustedProxies ?? [],
    unexpected: (error) => unexpected.push(error),
  };
  const app = createApp(routes, appOptions);
  // A test moves the clock by hours; the reader proves the end of the log again, as it would have meanwhile.
  const server = createServer((request, response) => {
    const proof = reader.prove();
    void (stopped ? Promise.resolve() : proof).then(() => app(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const as = (userId: UserId) => clientOf({ url }, { cookie: `${cookies.session}=${userId}` });

  return {
    ...accounts,
    bed,
    commands,
    avatars,
    acknowledgements,
    mails,
    /** Holds every mail that was sent. */
    mailer,
    projector,
    reader,
    routes,
    appOptions,
    url,
    unexpected,
    /** Runs a command as if by an administrator. @throws where it is refused */
    run: async <I, R extends Json>(command: Command<I, R>, input: I, actor?: UserId): Promise<R> => {
      const request = bed.request(actor === undefined ? {} : { actor: { kind: 'admin', id: actor } });
      const outcome = await execute(command, input, request);
      if (isRejection(outcome)) throw new Error(outcome.rejected);
      return outcome.result;
    },
    /** Somebody signed in. */
    as,
    nobody: clientOf({ url }),
    withToken: (token: string) => clientOf({ url }, { authorization: `Bearer ${token}` }),
    /** The lists stand still, or go on. */
    holdLists: (hold: boolean) => {
      fills = !hold;
    },
    /** Nothing can be read from the log any more, or again. */
    stopStore: (stop: boolean) => {
      stopped = stop;
    },
    /** Nothing can be written to the log any more, or again. */
    failAppends: (fail: boolean) => {
      full = fail;
    },
    /** How much each look at a list asked for. */
    listLimits,
    close: async () => {
      await accounts.background.settled();
      ending.abort();
      await reading;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
