import { z } from 'zod';
import type { Execute, Loaded } from '../../commands/command.ts';
import type { Sessions } from '../../commands/signIn/sessions.ts';
import type { AccountCommands } from '../../commands/users/account.ts';
import type { UserCommands } from '../../commands/users/users.ts';
import { type Fold, isRejection } from '../../domain/decider.ts';
import { userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import type { Cookies } from '../cookies.ts';
import type { Cursors } from '../cursor.ts';
import { filterText, pageOf, startOf } from '../paging.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { idParams, page, paging } from '../schemas/common.ts';
import { sessionSchema, sessionShape } from '../schemas/session.ts';
import { forgetSession } from './session.ts';

export type SessionsContext = {
  readonly execute: Execute;
  readonly commands: Pick<AccountCommands, 'endSession'> & Pick<UserCommands, 'endAllSessions'>;
  readonly sessions: Sessions;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly cookies: Cookies;
  readonly cursors: Cursors;
  readonly asOf: () => { position: string | null; lagMs: number };
};

const list = (context: SessionsContext) =>
  route({
    method: 'GET',
    path: '/v1/sessions',
    summary: 'Where you are signed in',
    tag: 'Session',
    access: 'session',
    query: z.strictObject(paging),
    answers: { 200: page(sessionSchema) },
    refuses: ['cursor-mismatch'],
    handle: async ({ caller, query }) => {
      const filter = filterText(`sessions ${caller.userId}`, query);
      const after = startOf(context.cursors, query.cursor, filter);
      const { state } = await context.load(user, userStream(caller.userId));
      if (state === null) throw new Refusal('not-found');
      const { ownerEpoch, sessionEpoch } = state;
      const all = await context.sessions.list(caller.userId, { ownerEpoch, sessionEpoch });
      const { items, next } = pageOf(all, {
        value: (session) => session.createdAt,
        idOf: (session) => session.id,
        descending: true,
        after,
        limit: query.limit,
      });
      const body = {
        items: items.map((session) => sessionShape(session, caller.sessionId)),
        nextCursor: next && context.cursors.write(next, filter),
        asOf: context.asOf(),
        ...(query.count && { total: all.length }),
      };
      return { status: 200, body };
    },
  });

const end = (context: SessionsContext) =>
  route({
    method: 'POST',
    path: '/v1/sessions/:id/end',
    summary: 'End one of your sessions',
    tag: 'Session',
    access: 'session',
    params: idParams,
    answers: { 204: null },
    command: {
      command: 'EndSession',
      stream: 'activity-<userId>',
      events: ['SessionEnded'],
      message: 'none',
      rejections: ['not-found'],
    },
    handle: async ({ caller, params, command }) => {
      const input = { userId: caller.userId, sessionId: params.id };
      const outcome = await context.execute(context.commands.endSession, input, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      const own = params.id === caller.sessionId;
      return { status: 204, position, replayed, ...(own && { headers: forgetSession(context.cookies) }) };
    },
  });

const endAll = (context: SessionsContext) =>
  route({
    method: 'POST',
    path: '/v1/sessions/end-all',
    summary: 'End every session of yours, this one too; keys stay',
    tag: 'Session',
    access: 'session',
    answers: { 204: null },
    command: {
      command: 'EndAllSessions',
      stream: 'user-<id>',
      events: ['AllSessionsEnded'],
      message: 'none',
      rejections: [],
    },
    handle: async ({ caller, command }) => {
      const { userId } = caller;
      const outcome = await context.execute(context.commands.endAllSessions, { userId }, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      // Tidying: they ended with the event. Not again for a repeat, which would end those that began since.
      if (!replayed) await context.sessions.endAll(userId);
      return { status: 204, position, replayed, ...(!replayed && { headers: forgetSession(context.cookies) }) };
    },
  });

/** A person's own sessions. */
export const sessionsRoutes = (context: SessionsContext): readonly Route[] => [
  list(context),
  end(context),
  endAll(context),
];
