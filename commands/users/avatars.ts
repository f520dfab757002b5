import { isRejection, reject } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Command, Run } from '../command.ts';
import type { Clock } from '../environment.ts';
import type { Picture } from '../ports/images.ts';
import type { Vault, VaultRow } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { fromBase64, toBase64 } from '../sealing/encoding.ts';
import { sealedTable } from '../sealing/vaultTable.ts';

/** The pictures of people, each sealed under its person's key: the log holds no more than that there is another one. */
export type Avatars = {
  /** Null: there is none of that id, or its person is erased. */
  readonly read: (avatarId: string) => Promise<Picture | null>;
  /**
   * Durable before it resolves, and only for a day before an event says that it is shown.
   * @returns false where the person is erased, so nothing was kept
   */
  readonly keep: (avatarId: string, userId: UserId, picture: Picture) => Promise<boolean>;
  /** It is shown: from now on it stays. */
  readonly stays: (avatarId: string) => Promise<void>;
  readonly destroy: (avatarId: string) => Promise<void>;
  /**
   * Destroys all of a person's that stayed but the one that is shown, which stays. What no event has come to yet is left
   * alone, and goes with its day. @param shownOf asked once it is known which there are: what came after is not touched
   */
  readonly tidy: (userId: UserId, shownOf: (userId: UserId) => Promise<string | null>) => Promise<void>;
};

// Stored shape of the vault's rows of kind `avatar`, by the avatar's id. At most some 1.5 MB.
type Kept = { readonly type: Picture['type']; readonly bytes: string };

const kind = 'avatar';
const pageSize = 20;
/** Far longer than a command takes, and than what makes good a command that died. */
const unshownMs = 24 * 3_600_000;

export const createAvatars = (vault: Vault, boxes: Boxes, clock: Clock): Avatars => {
  const table = sealedTable<Kept>(vault, kind, boxes);

  const stays: Avatars['stays'] = async (avatarId) => {
    for (;;) {
      const row = await vault.get(kind, avatarId);
      if (row === null || row.expiresAt === null) return;
      const { version, ...kept } = row;
      if ((await vault.put({ ...kept, expiresAt: null }, version)).put) return;
    }
  };

  const rowsOf = async (userId: UserId) => {
    const rows: { readonly id: string; readonly stays: boolean }[] = [];
    for (let after: string | null = null; ; ) {
      const page: readonly VaultRow[] = await vault.find(kind, { person: userId }, { after, limit: pageSize });
      rows.push(...page.map(({ id, expiresAt }) => ({ id, stays: expiresAt === null })));
      after = page.at(-1)?.id ?? null;
      if (page.length < pageSize) return rows;
    }
  };

  return {
    read: async (avatarId) => {
      const kept = (await table.get(avatarId))?.value;
      return kept === undefined ? null : { type: kept.type, bytes: fromBase64(kept.bytes) };
    },
    keep: async (avatarId, userId, { type, bytes }) => {
      const options = { person: userId, expiresAt: clock.now() + unshownMs };
      const put = await table.put(avatarId, { type, bytes: toBase64(bytes) }, 'absent', options);
      return put.put || put.current !== null;
    },
    stays,
    destroy: async (avatarId) => {
      await table.remove(avatarId);
    },
    tidy: async (userId, shownOf) => {
      const rows = await rowsOf(userId);
      const shown = await shownOf(userId);
      for (const row of rows) {
        if (row.id === shown) await stays(row.id);
        else if (row.stays) await vault.remove(kind, row.id);
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
 * The picture is kept before the event that speaks of it, and stays from then on; where the process died between the two,
 * whoever follows the log sees to that. Rejections: `not-found`, `already-ended`, `revision-mismatch`.
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
    await avatars.stays(avatarId);
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
