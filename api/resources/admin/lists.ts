import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { AuditCommands } from '../../../commands/installation/audit.ts';
import type { EventStore, Position } from '../../../commands/ports/eventStore.ts';
import type { ParkedStream } from '../../../commands/ports/lists.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import type { AsOf } from '../../listing.ts';
import { Refusal } from '../../refusal.ts';
import { type Route, route } from '../../route.ts';
import { instant } from '../../schemas/common.ts';

/** A list as the worker that fills it knows it. */
export type ListState = AsOf & {
  readonly name: string;
  readonly version: number;
  /** It was once at the log's end: until then it answers 503. */
  readonly complete: boolean;
  readonly parked: readonly ParkedStream[];
  readonly rebuilding: { readonly version: number; readonly position: Position | null } | null;
};

export type ListsContext = {
  readonly listReader: { readonly states: () => Promise<readonly ListState[]> };
  readonly projector: {
    readonly parkedAt: (list: string, stream: string) => Promise<ParkedStream | null>;
    readonly retry: (list: string, stream: string) => Promise<boolean>;
    readonly skip: (list: string, stream: string, revision: number) => Promise<boolean>;
    /** Fills another build and waits for it, telling how far it is, until the signal fires: then it goes on by itself. */
    readonly rebuild: (list: string, progress: () => void, signal: AbortSignal) => Promise<void>;
  };
  readonly store: Pick<EventStore, 'readAt'>;
  readonly reader: Pick<ProvenIndex, 'position'>;
  readonly execute: Execute;
  readonly commands: Pick<AuditCommands, 'recordSkip'>;
};

const tag = 'Operations';
const access = ['operations'] as const;

const params = z.strictObject({ name: z.string().max(100) });
const streamBody = z.strictObject({ stream: z.string().min(1).max(300) });

const listSchema = z.object({
  name: z.string(),
  version: z.int(),
  position: z.string().nullable(),
  lagMs: z.number(),
  state: z
    .enum(['filling', 'behind', 'live'])
    .meta({ description: 'filling: not once at the log’s end, so it does not answer yet.' }),
  parked: z
    .array(
      z.object({
        stream: z.string(),
        revision: z.int(),
        position: z.string(),
        eventId: z.string(),
        type: z.string().nullable(),
        error: z.string(),
        since: instant,
      }),
    )
    .meta({ description: 'Streams that wait, from the event on that could not be applied.' }),
  rebuild: z
    .object({ version: z.int(), position: z.string().nullable(), done: z.number().min(0).max(1) })
    .nullable()
    .meta({ description: 'Another build that is filled beside this one; `done` is an estimate.' }),
});

/** Positions are compared and never counted; as an estimate of how far it is, they will do. */
const shareOf = (position: Position | null, head: Position | null): number => {
  if (position === null || head === null) return 0;
  const [now, end] = [Number.parseInt(position, 16), Number.parseInt(head, 16)];
  return end > 0 ? Math.min(1, now / end) : 1;
};

const stateOf = ({ complete, lagMs }: ListState) => (complete ? (lagMs > 0 ? 'behind' : 'live') : 'filling');

const shown = async ({ store, reader }: ListsContext, list: ListState) => ({
  name: list.name,
  version: list.version,
  position: list.position,
  lagMs: list.lagMs,
  state: stateOf(list),
  parked: await Promise.all(
    list.parked.map(async ({ stream, revision, position, eventId, error, since }) => {
      const event = await store.readAt(position);
      return { stream, revision, position, eventId, type: event?.type ?? null, error, since };
    }),
  ),
  rebuild: list.rebuilding && {
    ...list.rebuilding,
    done: shareOf(list.rebuilding.position, reader.position()),
  },
});

/** @throws Refusal not-found */
const listNamed = async ({ listReader }: ListsContext, name: string): Promise<ListState> => {
  const list = (await listReader.states()).find((state) => state.name === name);
  if (list === undefined) throw new Refusal('not-found');
  return list;
};

const readLists = (context: ListsContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/lists',
    summary: 'How far every list is, and which streams wait in it',
    tag,
    access,
    answers: { 200: z.object({ items: z.array(listSchema) }) },
    handle: async () => {
      const states = await context.listReader.states();
      return { status: 200, body: { items: await Promise.all(states.map((list) => shown(context, list))) } };
    },
  });

const resumed = z.object({
  resumed: z.boolean().meta({ description: 'The stream goes on; false: it waits again, at this or a later event.' }),
});

/** @throws Refusal not-found: there is no such list, or nothing of that stream waits in it */
const parkedIn = async (context: ListsContext, name: string, stream: string): Promise<ParkedStream> => {
  await listNamed(context, name);
  const parked = await context.projector.parkedAt(name, stream);
  if (parked === null) throw new Refusal('not-found');
  return parked;
};

const retry = (context: ListsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/lists/:name/retry',
    summary: 'Try a waiting stream again',
    tag,
    access,
    params,
    body: streamBody,
    answers: { 200: resumed },
    unlogged: 'Lists follow from the log; filling one again decides nothing',
    notIdempotent: true,
    refuses: ['not-found'],
    handle: async ({ params: { name }, body: { stream } }) => {
      await parkedIn(context, name, stream);
      return { status: 200, body: { resumed: await context.projector.retry(name, stream) } };
    },
  });

const skip = (context: ListsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/lists/:name/skip',
    summary: 'Let the one event pass that a stream waits at; from then on the list lacks what it says',
    tag,
    access,
    params,
    body: streamBody,
    answers: { 200: resumed },
    command: {
      command: 'SkipParkedEvent',
      stream: 'audit',
      events: ['ProjectionSkipped'],
      message: 'none',
      rejections: ['not-found'],
    },
    // Sent twice it would let pass the event after the first as well, which nobody has looked at.
    notIdempotent: true,
    handle: async ({ params: { name }, body: { stream }, command }) => {
      const { revision } = await parkedIn(context, name, stream);
      const data = { list: name, stream, fromRevision: revision, toRevision: revision };
      const recorded = await context.execute(
        context.commands.recordSkip,
        { type: 'ProjectionSkipped', data },
        command(),
      );
      if (isRejection(recorded)) return recorded;
      const body = { resumed: await context.projector.skip(name, stream, revision) };
      return { status: 200, body, position: recorded.position };
    },
  });

/** Begins the filling and leaves it to whoever fills lists, here or in another process. */
const beginRebuild = async ({ projector }: ListsContext, name: string): Promise<void> => {
  const leaving = new AbortController();
  try {
    await projector.rebuild(name, () => leaving.abort(), leaving.signal);
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  }
};

const rebuild = (context: ListsContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/lists/:name/rebuild',
    summary: 'Fill the list anew beside the present one, which answers until then',
    tag,
    access,
    params,
    answers: { 202: listSchema },
    unlogged: 'Lists follow from the log; filling one again decides nothing',
    notIdempotent: true,
    refuses: ['not-found'],
    handle: async ({ params: { name } }) => {
      await listNamed(context, name);
      await beginRebuild(context, name);
      return { status: 202, body: await shown(context, await listNamed(context, name)) };
    },
  });

/** What operators do to lists. */
export const listRoutes = (context: ListsContext): readonly Route[] => [
  readLists(context),
  retry(context),
  skip(context),
  rebuild(context),
];
