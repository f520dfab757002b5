import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { PasswordHasher, Randomness } from '../commands/environment.ts';
import { isRejection, type Rejection } from '../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../domain/emailClaim.ts';
import type { UserId } from '../domain/ids.ts';
import { administratorRole, roles, rolesStream } from '../domain/roles.ts';
import { userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import type { Inside } from './core.ts';
import { OperationError } from './operations.ts';

const defaultEmail = 'admin@localhost';

export type AdministratorDeps = {
  readonly inside: Inside;
  readonly hasher: PasswordHasher;
  readonly randomness: Randomness;
};

/** 24 characters without those that are easily mistaken for one another: about 138 bits. */
const newPassword = (randomness: Randomness): string => {
  const letters = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  const fair = 256 - (256 % letters.length);
  let text = '';
  while (text.length < 24)
    for (const byte of randomness.bytes(32))
      if (byte < fair && text.length < 24) text += letters[byte % letters.length];
  return text;
};

/** The password in the file; a file that a crash left behind is used again, so that it is never one that does not work. */
const passwordIn = (file: string, randomness: Randomness): string => {
  if (existsSync(file)) {
    const password = readFileSync(file, 'utf8').trim();
    if (password !== '') return password;
  }
  const password = newPassword(randomness);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, `${password}\n`, { mode: 0o600, flush: true });
  return password;
};

const holderOf = async ({ inside }: AdministratorDeps, email: string): Promise<UserId | null> => {
  const address = inside.addresses.signInAddress(email);
  if (address === null) throw new OperationError(`${email} is no e-mail address`);
  return inside.folds.read(emailClaim, emailClaimStream(address.claim), ({ state }) => state?.userId ?? null);
};

/** Whoever has the address is administrator and signs in with the password; nobody has it: they are made. */
const makeAdministrator = async (
  deps: AdministratorDeps,
  email: string,
  password: string,
  mustChangePassword: boolean,
): Promise<Rejection | null> => {
  const { execute, commands, request } = deps.inside;
  const passwordHash = await deps.hasher.hash(password);
  const holder = await holderOf(deps, email);
  const outcome =
    holder === null
      ? await execute(
          commands.registerUser,
          {
            kind: 'human',
            email,
            passwordHash,
            externalProvider: null,
            mustChangePassword,
            invite: false,
            profile: {},
            roles: [administratorRole],
            groups: [],
            organizations: [],
          },
          request('cli'),
        )
      : await execute(commands.recoverAdministrator, { userId: holder, passwordHash }, request('cli'));
  return isRejection(outcome) ? outcome : null;
};

/** Another process may have been first, with a password of its own: then the one in the file never worked. */
const opens = async (deps: AdministratorDeps, file: string): Promise<boolean> => {
  const holder = await holderOf(deps, defaultEmail);
  const hash =
    holder && (await deps.inside.folds.read(user, userStream(holder), ({ state }) => state?.passwordHash ?? null));
  const { right } = await deps.hasher.verify(readFileSync(file, 'utf8').trim(), hash);
  if (!right) rmSync(file, { force: true });
  return right;
};

const cannotBe = (email: string, { rejected }: Rejection) =>
  new OperationError(`${email} cannot be made administrator: ${rejected}`);

const attempts = 20;
const turnMs = 10_000;

/**
 * Of several processes at their first start one at a time makes the administrator, or one would set the password again
 * that another has just written down. In a folder there is but one, and it must not wait for itself after a crash.
 */
const inTurn = async <T>({ inside }: AdministratorDeps, work: () => Promise<T>): Promise<T> => {
  const { stores, processId, parts } = inside;
  if (!stores.shared) return work();
  while ((await stores.vault.lease('first-administrator', processId, turnMs)) === null)
    await parts.scheduler.sleep(100);
  return work().finally(() => stores.vault.releaseLease('first-administrator', processId));
};

const initialFile = (folder: string) => join(folder, 'initial-admin');

/**
 * As long as nobody was ever made administrator: with the configured address and password, else admin@localhost with a
 * password in a file that only the server's user can read. @returns the file, while it holds a password that works
 */
export const ensureFirstAdministrator = async (
  deps: AdministratorDeps,
  folder: string,
  configured: { readonly email: string; readonly password: string } | null,
): Promise<string | null> => {
  const file = initialFile(folder);
  const email = configured?.email ?? defaultEmail;
  const granted = () => deps.inside.folds.read(roles, rolesStream, ({ state }) => state.administrators.length > 0);
  const there = async () => (existsSync(file) && (await opens(deps, file)) ? file : null);
  const make = async (tried: number): Promise<string | null> => {
    if (await granted()) return there();
    const password = configured?.password ?? passwordIn(file, deps.randomness);
    const refused = await makeAdministrator(deps, email, password, configured === null);
    if (refused === null) return configured === null ? file : null;
    // Another process makes them at this very moment.
    if (refused.rejected !== 'email-taken' || tried === attempts) throw cannotBe(email, refused);
    await deps.inside.parts.scheduler.sleep(100);
    return make(tried + 1);
  };
  return (await granted()) ? there() : inTurn(deps, () => make(1));
};

/** Takes the file away once its password no longer works. Resolves when there is none, or at the signal. */
export const removeUsedPassword = async (
  { inside }: AdministratorDeps,
  folder: string,
  signal: AbortSignal,
): Promise<void> => {
  const file = initialFile(folder);
  const holder = await holderOf({ inside } as AdministratorDeps, defaultEmail);
  const waiting = async () =>
    holder !== null &&
    inside.folds.read(user, userStream(holder), ({ state, position }) =>
      state?.mustChangePassword ? { position } : false,
    );
  while (existsSync(file)) {
    const still = await waiting();
    if (still === false) return rmSync(file, { force: true });
    if (signal.aborted) return;
    await inside.stores.store.changed(inside.reader.position() ?? still.position, signal);
    await inside.parts.scheduler.sleep(200, signal);
  }
};

/** For the command line: a password in a file of its own, for an administrator who can sign in with it. */
export const recoverAdministrator = async (deps: AdministratorDeps, folder: string, email: string | null) => {
  const file = join(folder, 'recovered-admin');
  rmSync(file, { force: true });
  const address = email ?? defaultEmail;
  const refused = await makeAdministrator(deps, address, passwordIn(file, deps.randomness), false);
  if (refused !== null) throw cannotBe(address, refused);
  return { email: address, passwordFile: file };
};
