import { z } from 'zod';
import { defaultLanguage, defaultTimeZone, displayName } from '../../domain/profile.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { ReadUserContext } from '../readUser.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { idParams } from '../schemas/common.ts';
import { userSchema } from '../schemas/user.ts';

/** What a service may know of whoever owns a key that it was shown: how to call them, and in which zone to run their schedules. */
export const serviceUserRoutes = ({ load }: Pick<ReadUserContext, 'load'>): readonly Route[] => [
  route({
    method: 'GET',
    path: '/v1/services/users/:id',
    summary: 'What services need to know of a user: a name, the language, the time zone for schedules',
    tag: 'Services',
    access: ['owners:read'],
    params: idParams,
    answers: {
      200: z
        .object(userSchema.shape)
        .pick({ id: true, status: true, displayName: true, language: true, timeZone: true }),
    },
    refuses: ['not-found'],
    handle: async ({ params }) => {
      const { state } = await load(user, userStream(params.id));
      if (state === null) throw new Refusal('not-found');
      const { userId, status, profile, email, revision } = state;
      const { language, timeZone } = profile;
      const body = {
        id: userId,
        status,
        displayName: displayName(profile, email, userId),
        language: language ?? defaultLanguage,
        timeZone: timeZone ?? defaultTimeZone,
      };
      return { status: 200, etag: revision, body };
    },
  }),
];
