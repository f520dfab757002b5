import type { UserId } from '../../domain/ids.ts';
import { plusDays } from '../../domain/instant.ts';
import { keyringStream } from '../../domain/keyring.ts';
import type { WholeApp } from './wholeApp.ts';

const hour = 3_600_000;

/** Numbers that are the same in every run: a small linear congruential generator. */
export const numbers = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return Math.floor((state / 4_294_967_296) * below);
  };
};

export type WorldUser = {
  readonly id: UserId;
  readonly email: string;
  readonly roles: readonly string[];
  readonly group: string;
  readonly organization: string;
};

/** Keys of several users in every state there is, made by commands while time goes by. */
export const makeKeyWorld = async (app: WholeApp, { users = 6, keys = 60, seed = 1 } = {}) => {
  const { commands, run, bed } = app;
  const admin = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  await run(commands.changeScopeCatalog, {
    items: [{ application: 'streams', actions: ['read', 'write'] }],
  });
  const policy = { preset: 'helmut', uniqueNames: false, requireRole: true } as const;
  await run(commands.changeKeyPolicy, { change: policy });
  const pick = numbers(seed);
  const people: WorldUser[] = [];
  for (let i = 0; i < users; i++) {
    const roles = i % 3 === 2 ? ['guest'] : ['member'];
    const [group, organization] = [`group-${i % 2}`, `organization-${i % 3}`];
    const email = `user${i}@example.com`;
    const id = await app.register({
      email,
      roles,
      groups: [group],
      organizations: [organization],
      profile: { fullName: `Ada ${i}` },
    });
    people.push({ id, email, roles, group, organization });
  }
  const owners = people.filter(({ roles }) => roles[0] === 'member');
  const made: { ownerId: UserId; keyId: string }[] = [];
  for (let i = 0; i < keys; i++) {
    bed.clock.advance(hour);
    const owner = owners[pick(owners.length)]!;
    const at = new Date(bed.clock.now()).toISOString();
    const input = {
      ownerId: owner.id,
      name: `key ${i}${pick(4) === 0 ? ' =1+1' : ''}`,
      description: pick(3) === 0 ? `for ${i}` : null,
      expiresAt: pick(2) === 0 ? null : plusDays(at, 1 + pick(4)),
      scopes: [pick(2) === 0 ? 'streams:read' : 'streams:write'],
    };
    made.push(await run(commands.createApiKey, input, pick(2) === 0 ? admin : owner.id));
    const victim = made[pick(made.length)]!;
    const { ownerId, keyId } = victim;
    const what = pick(10);
    // What has ended already cannot be rotated: tried all the same, and refused.
    if (what === 0) await run(commands.revokeKey, { ownerId, keyId, reason: 'owner', note: null });
    if (what === 1)
      await run(commands.rotateKey, { ownerId, keyId, graceSeconds: 3600 * (1 + pick(24)) }).catch(refused);
    if (what === 2) await run(commands.editKey, { ownerId, keyId, name: `renamed ${i}` }).catch(refused);
  }
  return { admin, people, made };
};

const refused = (error: unknown) => {
  if (!(error instanceof Error) || error.message !== 'already-ended') throw error;
};

/** Many keys of one user, straight into the log. */
export const makeManyKeys = async (app: WholeApp, ownerId: UserId, count: number): Promise<void> => {
  const stream = keyringStream(ownerId);
  const at = new Date(app.bed.clock.now()).toISOString();
  for (let from = 0; from < count; from += 500) {
    const events = Array.from({ length: Math.min(500, count - from) }, (_, i) => {
      const number = (from + i).toString(16).padStart(12, '0');
      return {
        id: `00000000-0000-7000-8000-${number}`,
        type: 'ApiKeyCreated',
        data: {
          keyId: `00000000-0000-7000-9000-${number}`,
          ownerEpoch: 0,
          name: `many ${from + i}`,
          description: null,
          secretHash: number.padStart(64, '0'),
          mask: `api_${number}`,
          scopes: null,
          expiresAt: null,
          recoverable: false,
          replaces: null,
        },
      };
    });
    const sealed = await app.codec.seal(stream, events, {
      at,
      correlationId: 'many',
      causationId: null,
      actor: { kind: 'user', id: ownerId },
      ip: null,
      userAgent: null,
      requestId: null,
      policyRevision: null,
      reason: null,
    });
    const { events: last } = await app.bed.store.readStream(stream, from, 1);
    if (last.length > 0) throw new Error('this user has other keys');
    await app.bed.store.append(
      stream,
      from === 0 ? 'no-stream' : from - 1,
      sealed.map(({ toAppend }) => toAppend),
    );
  }
  await app.reader.prove();
};
