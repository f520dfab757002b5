import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isCommonPassword } from '../../adapters/node/commonPasswords.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { createApp } from '../../api/app.ts';
import type { Credentials } from '../../api/authenticate.ts';
import { cookiesFor } from '../../api/cookies.ts';
import { createCursors } from '../../api/cursor.ts';
import type { ReadKeysContext } from '../../api/readKeys.ts';
import { adminCredentialRoutes } from '../../api/resources/admin/credentials.ts';
import { policyRoutes } from '../../api/resources/admin/policy.ts';
import { roleRoutes } from '../../api/resources/admin/roles.ts';
import { scopeRoutes } from '../../api/resources/admin/scopes.ts';
import { serviceTokenRoutes } from '../../api/resources/admin/serviceTokens.ts';
import { adminUserRoutes } from '../../api/resources/admin/users.ts';
import { apiKeyRoutes } from '../../api/resources/apiKeys.ts';
import { deleteAccountRoutes } from '../../api/resources/deleteAccount.ts';
import { meRoutes } from '../../api/resources/me.ts';
import { passwordRoutes } from '../../api/resources/password.ts';
import { passwordResetRoutes } from '../../api/resources/passwordReset.ts';
import { profileRoutes } from '../../api/resources/profile.ts';
import { sessionRoutes } from '../../api/resources/session.ts';
import { sessionsRoutes } from '../../api/resources/sessions.ts';
import { twoFactorRoutes } from '../../api/resources/twoFactor.ts';
import type { Opened } from '../../commands/handling/eventCodec.ts';
import { settingsCommands } from '../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { importClaims } from '../../commands/keys/importClaims.ts';
import { keySecrets } from '../../commands/keys/keySecrets.ts';
import { toHex } from '../../commands/sealing/encoding.ts';
import { serviceTokenCommands } from '../../commands/services/serviceTokens.ts';
import { createLastCalls } from '../../commands/users/lastCalls.ts';
import type { AnyEvent } from '../../domain/events.ts';
import { instant } from '../../domain/instant.ts';
import { classify } from '../../domain/keyText.ts';
import type { Permission } from '../../domain/permissions.ts';
import { createVerificationIndex } from '../../projections/verificationIndex.ts';
import { createListReader } from '../../workers/listReader.ts';
import { createAccounts } from './accounts.ts';
import { clientOf } from './client.ts';
import { createBed, hurriedScheduler } from './commandBed.ts';
import { projectorOver } from './listsBed.ts';

export type TestApp = Awaited<ReturnType<typeof startTestApp>>;

/** The real application over stores in memory, listening on loopback; time stands still until a test moves it. */
export const startTestApp = async (options: { readonly publicUrl?: string } = {}) => {
  const bed = createBed();
  const crypto = nodeCryptography();
  const now = () => instant(bed.clock.now());
  const index = createVerificationIndex();

  // Every append is in the index when its command is answered.
  let readTo: string | null = null;
  let reading: Promise<void> = Promise.resolve();
  const read = async () => {
    for (;;) {
      const page = await bed.store.readAll(readTo, 500);
      for (const event of page.events) index.apply(accounts.codec.view(event));
      readTo = page.position;
      if (page.end) return;
    }
  };
  const afterAppend = () => {
    reading = reading.then(read);
    return reading;
  };

  const accounts = createAccounts(bed, { afterAppend });
  const { execute, load, sessions, identity, signIn, requestPasswordReset } = accounts;
  const secrets = keySecrets(bed.vault, accounts.boxes);
  const commands = {
    ...accounts.commands,
    ...settingsCommands,
    ...serviceTokenCommands({ crypto }),
    ...apiKeyCommands({ crypto, secrets, claims: importClaims(bed.vault) }),
  };
  const publicOrigin = options.publicUrl === undefined ? null : new URL(options.publicUrl).origin;
  const cookies = cookiesFor(publicOrigin?.startsWith('https:') ?? false);
  const permissions = (names: readonly string[]) => new Set(names as readonly Permission[]);
  const credentials: Credentials = {
    cookieName: cookies.session,
    requireProven: () => {},
    catchUp: async () => {},
    owner: (userId) => {
      const owner = index.owner(userId);
      return owner && { ...owner, active: owner.status === 'active', permissions: permissions(owner.permissions) };
    },
    session: sessions.find,
    key: (text) => {
      const wellFormed = () => classify(text) !== 'malformed';
      const question = { hash: crypto.sha256(text), wellFormed, scopes: [], applications: null };
      const answer = index.verify(question, bed.clock.now());
      if (!answer.valid) return null;
      const { keyId, ownerId, scopes } = answer;
      return { keyId, userId: ownerId, scopes, permissions: permissions(answer.permissions) };
    },
    serviceToken: (text) => {
      const token = index.token(crypto.sha256(text), bed.clock.now());
      return token && { ...token, permissions: permissions(token.permissions), expiresAt: token.expiresAtMs };
    },
  };

  // Lists are filled when somebody looks, and hold everything then.
  const projector = projectorOver(bed, accounts);
  const { clock, store, lists } = bed;
  const reader = createListReader({ lists, store, clock, scheduler: hurriedScheduler(clock), moved: projector.moved });
  let filling: Promise<void> = Promise.resolve();
  const fill = () => {
    filling = filling.then(projector.catchUp);
    return filling;
  };
  const listReader: typeof reader = {
    ...reader,
    reached: async (...of) => {
      await fill();
      return reader.reached(...of);
    },
    waitFor: async (...of) => {
      await fill();
      return reader.waitFor(...of);
    },
    current: async (list) => {
      await fill();
      return reader.current(list);
    },
  };

  const history: ReadKeysContext['history'] = async (stream, wanted = () => true) => {
    const { events } = await bed.store.readStream(stream, 0, 1000);
    const opened = await accounts.codec.openAll(events.filter(wanted));
    return opened.map((event) => ({ event: event as Opened & AnyEvent, label: null }));
  };
  const lastCalls = createLastCalls({ vault: bed.vault, crypto, clock: bed.clock, purposeKeys: accounts.purposeKeys });
  const shared = { execute, commands, load, now, folds: accounts.folds };
  const cursors = createCursors(crypto, accounts.purposeKeys('cursors'));
  const asOf = () => ({ position: readTo, lagMs: 0 });
  const sha256Hex = (text: string) => toHex(crypto.sha256(text));
  const listing = { ...shared, lists, listReader, newestWrite: () => readTo, cursors, asOf };
  const administering = { ...listing, sessions, identity, hasher: accounts.hasher, isCommonPassword };
  const routes = [
    ...sessionRoutes({ ...shared, signIn, identity, cookies }),
    ...sessionsRoutes({ ...shared, sessions, cookies, cursors, asOf }),
    ...meRoutes(shared),
    ...profileRoutes(shared),
    ...passwordRoutes(shared),
    ...passwordResetRoutes({ ...shared, requestPasswordReset, cookies }),
    ...twoFactorRoutes({ ...shared, identity }),
    ...deleteAccountRoutes({ ...shared, identity, sessions, cookies, lastCalls }),
    ...apiKeyRoutes({
      ...shared,
      secrets,
      identity,
      history,
      lastUse: async () => null,
      sha256Hex,
      cursors,
      asOf,
    }),
    ...policyRoutes({ ...shared, reader: { proven: () => index }, scheduler: hurriedScheduler(clock) }),
    ...scopeRoutes(shared),
    ...adminUserRoutes(administering),
    ...adminCredentialRoutes(administering),
    ...roleRoutes(listing),
    ...serviceTokenRoutes({ ...shared, sha256Hex, cursors, asOf }),
  ];

  const unexpected: unknown[] = [];
  let requests = 0;
  const app = createApp(routes, {
    newRequestId: () => {
      requests += 1;
      return `request-${requests}`;
    },
    credentials,
    publicOrigin,
    now,
    waitFor: async () => {},
    trustedProxies: ['loopback'],
    unexpected: (error) => unexpected.push(error),
  });
  const server: Server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    ...accounts,
    commands,
    index,
    routes,
    cookies,
    url,
    clock: bed.clock,
    /** What went wrong inside, which no test means to happen. */
    unexpected,
    /** Another browser, at this address of a client. */
    browser: (ip = '192.0.2.1') => clientOf({ url }, { 'x-forwarded-for': ip }),
    close: async () => {
      await accounts.background.settled();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
