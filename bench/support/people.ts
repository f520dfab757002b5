import { createHash, randomUUID } from 'node:crypto';
import { apiKeyCommands } from '../../commands/keys/apiKeys.ts';
import { importClaims } from '../../commands/keys/importClaims.ts';
import { keySecrets } from '../../commands/keys/keySecrets.ts';
import { isRejection } from '../../domain/decider.ts';
import type { KeyId, UserId } from '../../domain/ids.ts';
import { instant, plusDays } from '../../domain/instant.ts';
import type { KeyringEvent } from '../../domain/keyring.ts';
import { emptyProfile } from '../../domain/profile.ts';
import { type UserEvent, userStream } from '../../domain/user.ts';
import { clock, crypto, type Installation, requestBy } from './installation.ts';

type Parts = Pick<Installation, 'core' | 'write'>;

/** What a user's stream begins with. */
export const registration = (userId: UserId): Extract<UserEvent, { type: 'UserRegistered' }> => ({
  type: 'UserRegistered',
  data: {
    userId,
    kind: 'human',
    email: `${userId}@example.com`,
    claim: userId.replaceAll('-', ''),
    externalProvider: null,
    passwordHash: `$2b$12$${'.'.repeat(53)}`,
    mustChangePassword: false,
    profile: {
      ...emptyProfile,
      firstName: 'Member',
      lastName: userId.slice(-6),
      language: 'en',
      timeZone: 'Europe/Paris',
    },
    roles: ['member'],
    groups: [`group ${Number.parseInt(userId.slice(-2), 16) % 20}`],
    organizations: ['example'],
  },
});

type Created = Extract<KeyringEvent, { type: 'ApiKeyCreated' }>;

/** A key for ninety days whose text nobody has, or what else is said of it. */
export const created = (keyId: KeyId, told: Pick<Created['data'], 'name'> & Partial<Created['data']>): Created => ({
  type: 'ApiKeyCreated',
  data: {
    keyId,
    ownerEpoch: 0,
    description: null,
    secretHash: createHash('sha256').update(keyId).digest('hex'),
    mask: `api_${keyId.slice(0, 4)}…${keyId.slice(-4)}`,
    scopes: null,
    expiresAt: plusDays(instant(clock.now()), 90),
    recoverable: false,
    replaces: null,
    ...told,
  },
});

/** Registers members who can make keys, without a password to hash. */
export const registerMembers = async ({ core, write }: Parts, count: number): Promise<readonly UserId[]> => {
  const members = Array.from({ length: count }, () => randomUUID());
  await Promise.all(
    members.map(async (userId) => {
      await core.keys.ensure(userId);
      await write(userStream(userId), [registration(userId)]);
    }),
  );
  return members;
};

/** Makes one key as its owner would. @returns its text */
export const createKeys = ({ core, vault }: Pick<Installation, 'core' | 'vault'>) => {
  const { createApiKey } = apiKeyCommands({
    crypto,
    secrets: keySecrets(vault, core.boxes),
    claims: importClaims(vault),
  });
  return async (ownerId: UserId): Promise<string> => {
    const expiresAt = plusDays(instant(clock.now()), 90);
    const input = { ownerId, name: 'Nightly export', description: 'Used by the nightly export', expiresAt };
    const outcome = await core.handler.execute(createApiKey, input, requestBy({ kind: 'user', id: ownerId }));
    if (isRejection(outcome) || !outcome.secret) throw new Error('a key was not made');
    return outcome.secret.text;
  };
};
