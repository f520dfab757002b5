import { isRejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import type { Picture } from '../ports/images.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { fromBase64, toBase64 } from '../sealing/encoding.ts';
import { sealedTable } from '../sealing/vaultTable.ts';

/** The pictures of people, each sealed under its person's key: the log holds no more than that there is another one. */
export type Avatars = {
  /** Null: there is none of that id, or its person is erased. */
  readonly read: (avatarId: string) => Promise<Picture | null>;
  /** Durable before it resolves. @returns false where the person is erased, so nothing was kept */
  readonly keep: (avatarId: string, userId: UserId, picture: Picture) => Promise<boolean>;
  readonly destroy: (avatarId: string) => Promise<void>;
  /** Destroys all of a person's but this one. */
  readonly destroyOthers: (userId: UserId, avatarId: string | null) => Promise<void>;
};

// Stored shape of the vault's rows of kind `avatar`, by the avatar's id. At most some 1.5 MB.
type Kept = { readonly type: Picture['type']; readonly bytes: string };

const pageSize = 20;

export const createAvatars = (vault: Vault, boxes: Boxes): Avatars => {
  const table = sealedTable<Kept>(vault, 'avatar', boxes);
  return {
    read: async (avatarId) => {
      const kept = (await table.get(avatarId))?.value;
      return kept === undefined ? null : { type: kept.type, bytes: fromBase64(kept.bytes) };
    },
    keep: async (avatarId, userId, { type, bytes }) => {
      const put = await table.put(avatarId, { type, bytes: toBase64(bytes) }, 'absent', { person: userId });
      return put.put || put.current !== null;
    },
    destroy: async (avatarId) => {
      await table.remove(avatarId);
    },
    destroyOthers: async (userId, avatarId) => {
      for (let after: string | null = null; ; ) {
        const rows = await vault.find('avatar', { person: userId }, { after, limit: pageSize });
        for (const { id } of rows) if (id !== avatarId) await vault.remove('avatar', id);
        after = rows.at(-1)?.id ?? null;
        if (rows.length < pageSize) return;
      }
    },
  };
};

export type ChangeAvatarInput = { readonly userId: UserId; readonly picture: Picture };
/** `avatarId` null: none. */
export type AvatarAnswer = { readonly userId: UserId; readonly avatarId: string | null };

// Its ETag is the picture's id, not a revision.
const moved = ({ request: { ifMatch } }: Run, state: User | null): boolean =>
  ifMatch !== null && ifMatch !== '*' && ifMatch !== state?.avatarId;

const isSame = (a: Picture, b: Picture | null): boolean =>
  b !== null && a.type === b.type && Buffer.compare(a.bytes, b.bytes) === 0;

/**
 * The picture is kept before the event that speaks of it, and looked for after it: whoever tidied up between the two took
 * it for left over. Rejections: `not-found`, `already-ended`, `revision-mismatch`.
 */
const changeAvatar = (avatars: Avatars): Command<ChangeAvatarInput, AvatarAnswer> => ({
  name: 'ChangeAvatar',
  several: false,
  run: async ({ userId, picture }, run) => {
    const avatarId = run.newId('avatar');
    const step = await run.step(user, userStream(userId), async (state) => {
      if (moved(run, state)) return reject('revision-mismatch');
      const decision = user.decide({ type: 'ChangeAvatar', avatarId }, state);
      if (isRejection(decision)) return decision;
      const shown = state?.avatarId ? await avatars.read(state.avatarId) : null;
      if (isSame(picture, shown)) return [];
      return (await avatars.keep(avatarId, userId, picture)) ? decision : reject('not-found');
    });
    if (isRejection(step) || step.events.length === 0) await avatars.destroy(avatarId);
    if (isRejection(step)) return step;
    if (step.events.length === 0) return { result: { userId, avatarId: step.state?.avatarId ?? null } };
    await avatars.keep(avatarId, userId, picture);
    return { result: { userId, avatarId } };
  },
});

/** Rejections: `not-found`, `already-ended`. Without one, done. */
const removeAvatar: Command<{ readonly userId: UserId }, AvatarAnswer> = {
  name: 'RemoveAvatar',
  several: false,
  run: async ({ userId }, run) => {
    const step = await run.step(user, userStream(userId), (state) => user.decide({ type: 'RemoveAvatar' }, state));
    return isRejection(step) ? step : { result: { userId, avatarId: null } };
  },
};

export const avatarCommands = (avatars: Avatars) => ({ changeAvatar: changeAvatar(avatars), removeAvatar });

export type AvatarCommands = ReturnType<typeof avatarCommands>;
