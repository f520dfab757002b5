import { isCommonPassword } from '../../adapters/node/commonPasswords.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { oneTimeCodes } from '../../adapters/node/oneTimeCodes.ts';
import { isPhoneNumber } from '../../adapters/node/phoneNumbers.ts';
import type { Command, Request } from '../../commands/command.ts';
import type { CoreDeps } from '../../commands/core.ts';
import { createOutbox, outboxTable } from '../../commands/mail/outbox.ts';
import { createBackground } from '../../commands/signIn/background.ts';
import { createCodes, type VerifyCode } from '../../commands/signIn/codes.ts';
import { createDevices } from '../../commands/signIn/devices.ts';
import { createIdentity } from '../../commands/signIn/identity.ts';
import { createLanes } from '../../commands/signIn/lanes.ts';
import { createRequestPasswordReset, passwordResetCommands } from '../../commands/signIn/passwordReset.ts';
import { createPasswordTokens } from '../../commands/signIn/passwordTokens.ts';
import { createSessions } from '../../commands/signIn/sessions.ts';
import { createSignIn, type Load } from '../../commands/signIn/signIn.ts';
import { createThrottling } from '../../commands/signIn/throttling.ts';
import { twoFactorCommands } from '../../commands/signIn/twoFactor.ts';
import { accountCommands } from '../../commands/users/account.ts';
import { emailAddresses } from '../../commands/users/emailAddresses.ts';
import { type RegisterUserInput, userCommands } from '../../commands/users/users.ts';
import { activityStream } from '../../domain/activity.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { type Bed, createBed, seededRandomness } from './commandBed.ts';
import { fakeHasher, hashOf } from './fakeHasher.ts';

export type Accounts = ReturnType<typeof createAccounts>;

export const goodPassword = 'correct horse battery';

let made = 0;

/** Everything that accounts stand on, over stores in memory: one process of a bed. */
export const createAccounts = (
  bed: Bed = createBed(),
  own: Partial<CoreDeps> & { readonly verifyCode?: VerifyCode } = {},
) => {
  const { verifyCode, ...coreDeps } = own;
  const core = bed.process(coreDeps);
  const crypto = nodeCryptography();
  made += 1;
  const vault = own.vault ?? bed.vault;
  const store = own.store ?? bed.store;
  const shared = {
    ...core,
    vault,
    store,
    crypto,
    clock: bed.clock,
    randomness: seededRandomness(`accounts ${made}`),
  };
  const load: Load = async (fold, stream) => {
    const lent = await core.folds.load(fold, stream);
    lent.release();
    return lent;
  };
  const { execute } = core.handler;
  const hasher = fakeHasher();
  const sessions = createSessions(shared);
  const background = createBackground((error, doing) => core.reports.push(`${doing}: ${String(error)}`));
  const addresses = emailAddresses(shared);
  const throttling = createThrottling(shared);
  const devices = createDevices(shared);
  const authenticator = oneTimeCodes();
  const codes = createCodes({ ...shared, oneTimeCodes: authenticator, execute });
  const mailTable = outboxTable(vault, core.boxes);
  const tokens = createPasswordTokens({ ...shared, outbox: createOutbox({ table: mailTable, clock: bed.clock }) });
  const checking = {
    throttling,
    lanes: createLanes(),
    hasher,
    load,
    sessions,
    proveCode: codes.prove,
    verifyCode: verifyCode ?? codes.verify,
  };
  const identity = createIdentity(checking);
  const signIn = createSignIn({ ...checking, execute, devices, background, addresses });
  const requestPasswordReset = createRequestPasswordReset({
    ...shared,
    execute,
    load,
    addresses,
    devices,
    throttling,
    background,
    tokens,
    scheduler: { sleep: () => new Promise((resolve) => setImmediate(resolve)) },
  });
  const commands = {
    ...accountCommands({ sessions, identity, hasher, isCommonPassword, isPhoneNumber }),
    ...userCommands({ addresses, tokens, isPhoneNumber }),
    ...passwordResetCommands({ tokens, hasher, sessions, isCommonPassword }),
    ...twoFactorCommands({ ...shared, identity, codes, oneTimeCodes: authenticator }),
  };

  /** An active user who signs in with the good password, unless said otherwise. */
  const register = async (own: Partial<RegisterUserInput> & { readonly email: string }): Promise<UserId> => {
    const input: RegisterUserInput = {
      kind: 'human',
      passwordHash: hashOf(goodPassword),
      externalProvider: null,
      mustChangePassword: false,
      invite: false,
      profile: {},
      roles: ['member'],
      groups: [],
      organizations: [],
      ...own,
    };
    const outcome = await execute(commands.registerUser, input, bed.request());
    if (isRejection(outcome)) throw new Error(outcome.rejected);
    return outcome.result.userId;
  };

  const turnOnTwoFactor = async (userId: UserId) => {
    const command: Command<UserId, null> = {
      name: 'EnableTwoFactor',
      several: false,
      run: async (of, run) => {
        const enable = {
          type: 'EnableTwoFactor',
          secret: authenticator.secretOf(new Uint8Array(20)),
          recoveryCodeHashes: [],
        } as const;
        const step = await run.step(user, userStream(of), (state) => user.decide(enable, state));
        return isRejection(step) ? step : { result: null };
      },
    };
    const outcome = await execute(command, userId, bed.request());
    if (isRejection(outcome)) throw new Error(outcome.rejected);
  };

  /** What happened to somebody, in order. */
  const activities = async (userId: UserId) => {
    await background.settled();
    const { events } = await store.readStream(activityStream(userId), 0, 1000);
    return events.map(({ type, data }) => ({ type, data }));
  };

  return {
    ...core,
    bed,
    store,
    load,
    execute,
    hasher,
    crypto,
    sessions,
    background,
    identity,
    signIn,
    codes,
    authenticator,
    tokens,
    requestPasswordReset,
    mailTable,
    commands,
    register,
    turnOnTwoFactor,
    activities,
  };
};

/** A request of somebody at an address, now. */
export const from = (accounts: Accounts, ip: string, own: Partial<Request> = {}): Request =>
  accounts.bed.request({ actor: { kind: 'anonymous', id: null }, ip, userAgent: 'browser', ...own });
