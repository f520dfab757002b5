import { nodeCryptography } from '../../adapters/node/crypto.ts';
import type { Command, Outcome, Request } from '../../commands/command.ts';
import { Failure, failedWith } from '../../commands/failure.ts';
import { settingsCommands } from '../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { endKeysCommands } from '../../commands/keys/endKeys.ts';
import { importClaims } from '../../commands/keys/importClaims.ts';
import { keySecrets } from '../../commands/keys/keySecrets.ts';
import { toHex } from '../../commands/sealing/encoding.ts';
import { avatarCommands, createAvatars } from '../../commands/users/avatars.ts';
import { claimCommands } from '../../commands/users/claims.ts';
import { emailAddresses } from '../../commands/users/emailAddresses.ts';
import { userCommands } from '../../commands/users/users.ts';
import { isRejection } from '../../domain/decider.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import { type Instant, instant } from '../../domain/instant.ts';
import type { Json } from '../../domain/json.ts';
import { isGone, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { chances } from '../support/chances.ts';
import { createBed, orderlyScheduler } from '../support/commandBed.ts';
import { hashOf } from '../support/fakeHasher.ts';
import { type Fault, withFaults } from '../support/faultyEventStore.ts';
import { vaultWithFaults } from '../support/faultyVault.ts';

/** A key that somebody was told of. */
export type ToldKey = {
  readonly id: KeyId;
  readonly ownerId: UserId;
  readonly text: string;
  /** When it was told, in turns. */
  readonly at: number;
};

/** What clients were told, and what they tried: all that anybody outside knows of what happened. */
export type Told = {
  readonly users: Map<UserId, string>;
  readonly keys: Map<KeyId, ToldKey>;
  /** Somebody may have ended these, whether they heard of it or not. */
  readonly maybeEnded: Set<KeyId | UserId>;
  /** Somebody was told that these have ended. */
  readonly ended: Set<KeyId>;
  /** What somebody may have put up as theirs, by its bytes. */
  readonly pictures: Map<UserId, Set<string>>;
  /** To be asked again: whoever asks again is told the same. */
  readonly answers: {
    readonly ask: () => Promise<Outcome<Json>>;
    readonly answer: Outcome<Json>;
    readonly what: string;
  }[];
};

export type Simulation = Awaited<ReturnType<typeof simulate>>;

export const mostKeys = 5;

/** So long nobody has used a key that ends for it. */
const unusedMs = 20_000;

const crypto = nodeCryptography();

/**
 * Three processes with the real commands over stores that fail, lose their answers or do what they were asked when nobody
 * waits for it any more, processes that die at any moment and are started again, and impatient clients that ask another
 * one. Everything follows from the seed.
 * @param faulty how likely a call of a store fails, 0..1
 */
export const simulate = async (seed: number, faulty: number, turns: number) => {
  const chance = chances(seed);
  const below = (n: number) => Math.floor(chance() * n);
  const one = <T>(of: readonly T[]): T | undefined => of[below(of.length)];
  const bed = createBed({ folds: { snapshotEvery: 5, pageSize: 4 } });
  const scheduler = orderlyScheduler(bed.clock);
  let calm = true;
  /** Calls whose callers were told that they failed, and that are done later. */
  const givenUp: (() => Promise<unknown>)[] = [];
  /** What comes of it nobody hears. */
  const doLate = () =>
    givenUp
      .splice(below(givenUp.length), 1)[0]?.()
      .catch(() => {});
  /** As services reported it, who are always heard. */
  const used = new Map<KeyId, Instant>();

  const start = () => {
    const life = { over: false };
    const fault = (): Fault | undefined => {
      if (life.over) return 'fail';
      if (calm || chance() >= faulty) return undefined;
      return one(['fail', 'lost', { late: (call) => void givenUp.push(call) }]);
    };
    const store = withFaults(bed.store, { append: fault, read: () => (fault() ? 'fail' : undefined) });
    const vault = vaultWithFaults(bed.vault, fault);
    const core = bed.process({ store, vault, scheduler });
    const addresses = emailAddresses({ crypto, purposeKeys: core.purposeKeys });
    const avatars = createAvatars(vault, core.boxes, bed.clock);
    const commands = {
      ...apiKeyCommands({ crypto, secrets: keySecrets(vault, core.boxes), claims: importClaims(vault) }),
      ...userCommands({ addresses, tokens: { issue: async () => true }, isPhoneNumber: () => true }),
      ...settingsCommands,
      ...claimCommands,
      ...avatarCommands(avatars),
      ...endKeysCommands({ lastUseOf: async (keyId) => used.get(keyId) ?? null }),
    };
    const registry = Object.fromEntries(
      Object.values(commands)
        .filter(({ several }) => several)
        .map((command) => [command.name, command as never]),
    );
    return { ...core, life, commands, registry, avatars };
  };
  type Process = ReturnType<typeof start>;
  type Choose<I, R extends Json> = (commands: Process['commands']) => Command<I, R>;

  const processes = [start(), start(), start()];
  const someone = () => processes[below(processes.length)]!;
  let turn = 0;
  let requests = 0;
  let imports = 0;
  const told: Told = {
    users: new Map(),
    keys: new Map(),
    maybeEnded: new Set(),
    ended: new Set(),
    pictures: new Map(),
    answers: [],
  };

  const ask = async <I, R extends Json>(choose: Choose<I, R>, input: I, request: Request) => {
    const { commands, handler, life } = someone();
    const answer = await handler.execute(choose(commands), input, request);
    // Whoever is dead answers nobody, whatever it was about to say.
    if (life.over) throw new Failure('store-unavailable', 'the process died');
    return answer;
  };

  /** Asks until there is an answer, or the client loses patience. Null: nobody knows what came of it. */
  const insist = async <I, R extends Json>(choose: Choose<I, R>, input: I): Promise<Outcome<R> | null> => {
    requests += 1;
    const request = bed.request({ key: `key ${requests}` });
    for (let patience = 1 + below(12); patience > 0; patience -= 1) {
      try {
        const answer = await ask(choose, input, request);
        if (isRejection(answer) && answer.rejected === 'idempotency-in-progress') continue;
        told.answers.push({
          ask: () => ask(choose, input, request),
          answer,
          what: `${choose(processes[0]!.commands).name} ${JSON.stringify(input)}`,
        });
        return answer;
      } catch (error) {
        if (!failedWith(error, 'store-unavailable')) throw error;
      }
    }
    return null;
  };

  const done = <R extends Json>(outcome: Outcome<R> | null) =>
    outcome === null || isRejection(outcome) ? null : outcome;

  const register = async (email: string, roles: readonly string[]) => {
    const outcome = await insist(({ registerUser }) => registerUser, {
      kind: 'human',
      email,
      passwordHash: hashOf('a password'),
      externalProvider: null,
      mustChangePassword: false,
      invite: false,
      profile: {},
      roles,
      groups: [],
      organizations: [],
    } as const);
    const made = done(outcome);
    if (made) told.users.set(made.result.userId, email.toLowerCase());
  };

  const tell = (ownerId: UserId, made: { result: { keyId: KeyId }; secret?: { text: string } } | null) => {
    if (made?.secret === undefined) return;
    const { keyId: id } = made.result;
    told.keys.set(id, { id, ownerId, text: made.secret.text, at: turn });
  };

  const somebody = () => one([...told.users.keys()]);
  const someKey = () => one([...told.keys.values()]);

  const turnOff = async (userId: UserId) => {
    const began = turn;
    told.maybeEnded.add(userId);
    const name = chance() < 0.8 ? 'deactivateUser' : 'deleteUser';
    const off = done(await insist((commands) => commands[name], { userId, reason: null }));
    if (!off) return;
    for (const key of told.keys.values()) if (key.ownerId === userId && key.at < began) told.ended.add(key.id);
  };

  const rotate = async ({ id: keyId, ownerId }: ToldKey) => {
    told.maybeEnded.add(keyId);
    const graceSeconds = one([0, 60])!;
    const rotated = done(await insist((commands) => commands.rotateKey, { ownerId, keyId, graceSeconds }));
    if (rotated && graceSeconds === 0) told.ended.add(keyId);
    tell(ownerId, rotated);
  };

  const revoke = async ({ id: keyId, ownerId }: ToldKey) => {
    told.maybeEnded.add(keyId);
    const input = { ownerId, keyId, reason: 'owner', note: null } as const;
    if (done(await insist((commands) => commands.revokeKey, input))) told.ended.add(keyId);
  };

  const reveal = async ({ id: keyId, ownerId, text }: ToldKey) => {
    const shown = done(await insist((commands) => commands.revealKey, { ownerId, keyId }));
    if (shown && shown.secret?.text !== text) throw new Error(`${keyId} was shown with another text`);
  };

  const importKey = async (ownerId: UserId) => {
    imports += 1;
    const text = `made elsewhere ${imports}`;
    const item = { ownerId, sha256: toHex(crypto.sha256(text)), mask: 'm', name: `name ${below(4)}` };
    const imported = done(await insist((commands) => commands.importKeys, { items: [item] }));
    const keyId = imported?.result.results[0]?.id;
    if (keyId) tell(ownerId, { result: { keyId }, secret: { text } });
  };

  /** Keys that were found where others can read them, and a text that is no key of ours. */
  const reportLeak = async () => {
    const some = Array.from({ length: 1 + below(3) }, () => someKey()).filter((key) => key !== undefined);
    for (const { id } of some) told.maybeEnded.add(id);
    const found = [...some.map(({ id: keyId, ownerId }) => ({ keyId, ownerId })), null];
    const outcome = done(await insist((commands) => commands.reportLeak, { found, source: 'a public repository' }));
    if (outcome === null) return;
    const { results } = outcome.result;
    for (const [n, { id }] of some.entries()) {
      if (results[n]?.status === 'unknown') throw new Error(`${id} is said to be no key`);
      told.ended.add(id);
    }
    if (results.at(-1)?.status !== 'unknown') throw new Error('no key of ours is said to be one');
  };

  /** As the worker has it ended by what it knows, which may be old; the span is cut to seconds by what may be late. */
  const endUnused = async (ownerId: UserId) => {
    const before = instant(bed.clock.now() - unusedMs);
    const keyIds = [...told.keys.values()].filter((key) => key.ownerId === ownerId).map(({ id }) => id);
    for (const id of keyIds) if ((used.get(id) ?? '') < before) told.maybeEnded.add(id);
    const slackSeconds = (unusedMs - 86_400_000) / 1000;
    await insist((commands) => commands.endUnusedKeys, { ownerId, keyIds, slackSeconds });
  };

  const changeAvatar = async (userId: UserId) => {
    if (chance() < 0.3) {
      told.pictures.get(userId)?.add('none');
      return void (await insist((commands) => commands.removeAvatar, { userId }));
    }
    const bytes = new Uint8Array([below(256), below(256)]);
    told.pictures.set(userId, (told.pictures.get(userId) ?? new Set(['none'])).add(toHex(bytes)));
    await insist((commands) => commands.changeAvatar, { userId, picture: { type: 'image/png', bytes } });
  };

  const actBesides = (userId: UserId): Promise<void> | void => {
    const what = chance();
    if (what < 0.25) {
      const key = someKey();
      return key && void used.set(key.id, instant(bed.clock.now()));
    }
    if (what < 0.5) return reportLeak();
    return what < 0.7 ? endUnused(userId) : changeAvatar(userId);
  };

  const act = async (): Promise<void> => {
    const what = chance();
    const userId = somebody();
    const key = someKey();
    if (userId !== undefined && chance() < 0.15) return actBesides(userId);
    if (what < 0.1) return register(`${one(['Ada', 'ada', 'GRACE', 'grace', 'Ken'])}@example.com`, ['member']);
    if (userId === undefined) return;
    if (what < 0.16) return importKey(userId);
    if (what < 0.5) {
      const input = { ownerId: userId, name: `name ${below(4)}` };
      return tell(userId, done(await insist((commands) => commands.createApiKey, input)));
    }
    if (what < 0.6) return turnOff(userId);
    if (what < 0.7) return void (await insist((commands) => commands.reactivateUser, { userId }));
    if (what < 0.78) {
      const roles = chance() < 0.6 ? ['member', 'admin'] : ['member'];
      return void (await insist((commands) => commands.editUser, { userId, roles }));
    }
    if (key === undefined) return;
    if (what < 0.87) return revoke(key);
    return what < 0.94 ? rotate(key) : reveal(key);
  };

  /** As a worker does after any change of a picture. */
  const tidyAvatars = async (userId: UserId) => {
    const { avatars, folds } = someone();
    try {
      await avatars.tidy(userId, (id) =>
        folds.read(user, userStream(id), ({ state }) => (state && !isGone(state) ? state.avatarId : null)),
      );
    } catch (error) {
      if (!failedWith(error, 'store-unavailable')) throw error;
    }
  };

  const shake = async (): Promise<void> => {
    while (givenUp.length > 0 && chance() < 0.3) await doLate();
    if (chance() < 0.2) bed.clock.advance(below(40_000));
    if (chance() < 0.15) {
      const n = below(processes.length);
      processes[n]!.life.over = true;
      processes[n] = start();
    }
    const userId = somebody();
    if (userId !== undefined && chance() < 0.1) await tidyAvatars(userId);
    if (chance() < 0.2) {
      const { handler, registry } = someone();
      await handler.finishIntents(registry, 0).catch((error: unknown) => {
        if (!failedWith(error, 'store-unavailable')) throw error;
      });
    }
  };

  const change = {
    preset: 'helmut',
    scoped: false,
    uniqueNames: true,
    secret: 'recoverable',
    maxKeysPerUser: mostKeys,
    maxGraceSeconds: 60,
    endUnusedAfterDays: 1,
  } as const;
  await insist((commands) => commands.changeKeyPolicy, { change });
  await register('root@example.com', ['admin']);
  calm = false;
  for (turn = 1; turn <= turns; turn += 1)
    await Promise.all([shake(), ...Array.from({ length: 1 + below(4) }, () => act())]);
  calm = true;
  while (givenUp.length > 0) await doLate();

  return { ...bed, told, used, last: start() };
};
