import { uuid7 } from '../../commands/handling/eventIds.ts';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { importClaims } from '../../commands/keys/importClaims.ts';
import { keySecrets } from '../../commands/keys/keySecrets.ts';
import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { instant, plusDays } from '../../domain/instant.ts';
import { type KeyringEvent, keyringStream } from '../../domain/keyring.ts';
import type { Sample } from '../figure.ts';
import { alternate, spread } from '../rounds.ts';
import { compared } from '../support/comparison.ts';
import {
  clock,
  crypto,
  type Installation,
  openInstallation,
  randomness,
  requestBy,
  withoutCaches,
} from '../support/installation.ts';
import { created, registerMembers } from '../support/people.ts';
import type { Trial } from '../trial.ts';

const many = 10_000;
const few = 10;
const rounds = 9;
const commandsPerRound = 40;
const keysPerAppend = 100;

export const foldTrial: Trial = {
  name: 'fold',
  title: 'commands on a long keyring',
  baseline: `CreateApiKey and RevokeKey in turn through the command handler over the SQLite stores, one at a time, by an owner whose keyring has ${few} keys that ended`,
  measured: `the same, by an owner whose keyring has ${many.toLocaleString('en')} keys that ended`,
  bound: 'the fsync of one append, and what deciding and folding cost the more the longer the keyring is',
  run: async (folder, tell) => {
    const installation = await openInstallation(folder);
    try {
      const [long] = await registerMembers(installation, 1);
      await endedKeys(installation, long!, many);
      const round = commandsOf(installation);
      const fresh = async () => {
        const [short] = await registerMembers(installation, 1);
        await endedKeys(installation, short!, few);
        return round(short!);
      };
      const pairs = await alternate({ baseline: fresh, product: () => round(long!) }, rounds, tell);
      return [
        compared('p50 of a command', 'ms', pairs, ({ more }) => more!['p50 ms']!, { atMost: 2, ofBaseline: true }),
        compared(
          'the first command of a process that was just started',
          'ms',
          pairs,
          ({ more }) => more!['first ms']!,
          null,
        ),
      ];
    } finally {
      await installation.close();
    }
  },
};

const newId = () => uuid7(instant(clock.now()), randomness.bytes(10));

const endedKeys = async ({ write }: Installation, owner: UserId, count: number): Promise<void> => {
  for (let made = 0; made < count; made += keysPerAppend) {
    const events = Array.from({ length: Math.min(keysPerAppend, count - made) }, (_, n): readonly KeyringEvent[] => {
      const keyId = newId();
      return [
        created(keyId, { name: `Key ${made + n}` }),
        { type: 'ApiKeyRevoked', data: { keyId, reason: 'owner', note: null } },
      ];
    });
    await write(keyringStream(owner), events.flat(), { actor: { kind: 'user', id: owner } });
  }
};

const commandsOf = (installation: Installation) => {
  const { vault, core } = installation;

  const execute = async (over: Installation['core'], owner: UserId): Promise<readonly number[]> => {
    const { createApiKey, revokeKey } = apiKeyCommands({
      crypto,
      secrets: keySecrets(vault, over.boxes),
      claims: importClaims(vault),
    });
    const request = () => requestBy({ kind: 'user', id: owner });
    const expiresAt = plusDays(instant(clock.now()), 90);
    const began = performance.now();
    const made = await over.handler.execute(
      createApiKey,
      { ownerId: owner, name: 'Nightly export', description: null, expiresAt },
      request(),
    );
    const between = performance.now();
    if (isRejection(made)) throw new Error(`a key was not made: ${made.rejected}`);
    const { keyId } = made.result;
    const ended = await over.handler.execute(
      revokeKey,
      { ownerId: owner, keyId, reason: 'owner', note: null },
      request(),
    );
    if (isRejection(ended)) throw new Error(`a key was not revoked: ${ended.rejected}`);
    return [between - began, performance.now() - between];
  };

  return async (owner: UserId): Promise<Sample> => {
    const [first] = await execute(withoutCaches(installation), owner);
    await execute(core, owner);
    const took: number[] = [];
    while (took.length < commandsPerRound) took.push(...(await execute(core, owner)));
    const p50 = spread(took).median;
    return { rate: 1000 / p50, more: { 'p50 ms': p50, 'first ms': first! } };
  };
};
