import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Execute } from '../../commands/command.ts';
import type { Images } from '../../commands/ports/images.ts';
import type { Load } from '../../commands/signIn/signIn.ts';
import type { AvatarCommands, Avatars } from '../../commands/users/avatars.ts';
import { isRejection, reject } from '../../domain/decider.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';

export type AvatarContext = {
  readonly execute: Execute;
  readonly load: Load;
  readonly commands: Pick<AvatarCommands, 'changeAvatar' | 'removeAvatar'>;
  readonly avatars: Pick<Avatars, 'read'>;
  readonly images: Images;
};

const path = '/v1/profile/avatar';
const tag = 'Profile';
const types = ['image/jpeg', 'image/png'];
/** Bytes; a file must have fewer. */
const tooLarge = 1_048_576;

/** A browser may keep it and asks each time whether it is still the one: whoever signs in next is shown their own. */
const caching = { 'Cache-Control': 'private, no-cache', Vary: 'Cookie' };

const knows = ({ headers }: IncomingMessage, etag: string): boolean => {
  const tags = headers['if-none-match']?.split(',').map((one) => one.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(`"${etag}"`) || tags.includes('*');
};

const read = ({ load, avatars }: AvatarContext) =>
  route({
    method: 'GET',
    path,
    summary: 'Your picture',
    tag,
    access: 'session',
    answers: { 200: z.string(), 304: null },
    produces: types,
    refuses: ['not-found'],
    handle: async ({ caller, incoming }) => {
      const avatarId = (await load(user, userStream(caller.userId))).state?.avatarId ?? null;
      const picture = avatarId && (await avatars.read(avatarId));
      if (!picture) throw new Refusal('not-found');
      if (knows(incoming, avatarId)) return { status: 304, etag: avatarId, headers: caching };
      const headers = { ...caching, 'Content-Type': picture.type };
      return { status: 200, etag: avatarId, headers, bytes: picture.bytes };
    },
  });

const change = ({ execute, commands, images }: AvatarContext) =>
  route({
    method: 'PUT',
    path,
    summary: 'Change your picture: a JPEG or PNG of less than 1 MiB, of which a square is kept and nothing else',
    tag,
    access: 'session',
    takesBytes: { types, limit: tooLarge - 1 },
    answers: { 204: null },
    command: {
      command: 'ChangeAvatar',
      stream: 'user-<id>',
      events: ['AvatarChanged'],
      message: 'none',
      rejections: ['image-invalid', 'revision-mismatch', 'already-ended'],
    },
    handle: async ({ caller, bytes, command }) => {
      const request = command();
      const picture = await images.avatarOf(bytes);
      if (picture === null) return reject('image-invalid');
      const outcome = await execute(commands.changeAvatar, { userId: caller.userId, picture }, request);
      if (isRejection(outcome)) return outcome;
      const { result, position, replayed } = outcome;
      return { status: 204, etag: result.avatarId, position, replayed };
    },
  });

const remove = ({ execute, commands }: AvatarContext) =>
  route({
    method: 'DELETE',
    path,
    summary: 'Have no picture',
    tag,
    access: 'session',
    answers: { 204: null },
    command: {
      command: 'RemoveAvatar',
      stream: 'user-<id>',
      events: ['AvatarRemoved'],
      message: 'none',
      rejections: ['already-ended'],
    },
    handle: async ({ caller, command }) => {
      const outcome = await execute(commands.removeAvatar, { userId: caller.userId }, command());
      if (isRejection(outcome)) return outcome;
      return { status: 204, position: outcome.position, replayed: outcome.replayed };
    },
  });

/** A person's own picture. */
export const avatarRoutes = (context: AvatarContext): readonly Route[] => [
  read(context),
  change(context),
  remove(context),
];
