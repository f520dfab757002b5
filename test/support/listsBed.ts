import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Document, Lists } from '../../commands/ports/lists.ts';
import { apiKeysList } from '../../projections/lists/apiKeys.ts';
import { auditEventsList } from '../../projections/lists/auditEvents.ts';
import { usersList } from '../../projections/lists/users.ts';
import { createProjector, type Projector, type ProjectorParts } from '../../workers/projector.ts';
import { type Bed, createBed, hurriedScheduler } from './commandBed.ts';
import { type WorldEvent, writeWorld } from './world.ts';

export const everyList = [usersList, apiKeysList, auditEventsList];
export const quiet = { info: () => {}, warn: () => {}, error: () => {} };

/** A bed with a history in its log. */
export const bedWith = async (events: readonly WorldEvent[], options?: { readonly erase: boolean }) => {
  const bed = createBed();
  const core = bed.process();
  await writeWorld(core, bed.store, events, options);
  return { bed, core };
};

export const projectorOver = (
  bed: Bed,
  core: Pick<ProjectorParts, 'codec'>,
  own: Partial<ProjectorParts> & { readonly lists?: Lists; readonly store?: EventStore } = {},
): Projector =>
  createProjector({
    store: bed.store,
    lists: bed.lists,
    codec: core.codec,
    projections: everyList,
    clock: bed.clock,
    scheduler: hurriedScheduler(bed.clock),
    log: quiet,
    ...own,
  });

/** Fills all lists, by so many events at a time. @throws where a stream is parked */
export const fill = async (bed: Bed, core: Pick<ProjectorParts, 'codec'>, batchSize?: number): Promise<Projector> => {
  const projector = projectorOver(bed, core, batchSize === undefined ? {} : { batchSize });
  await projector.catchUp();
  for (const { id, list } of await bed.lists.builds()) {
    const [parked] = await bed.lists.parked(id);
    if (parked) throw new Error(`${list} is parked at ${parked.stream} ${parked.revision}: ${parked.error}`);
  }
  return projector;
};

/** The build of a list that answers. */
export const buildOf = async (lists: Lists, list: string) => {
  const build = (await lists.builds()).find((one) => one.list === list && one.current);
  if (build === undefined) throw new Error(`there is no list ${list}`);
  return build;
};

export const documentsOf = async (lists: Lists, list: string): Promise<readonly Document[]> => {
  const { id } = await buildOf(lists, list);
  return lists.query(id, { where: [], sort: [], after: null, limit: 100_000 });
};

/** All lists, document by document. */
export const dump = async (lists: Lists) =>
  Object.fromEntries(
    await Promise.all(everyList.map(async ({ schema: { name } }) => [name, await documentsOf(lists, name)] as const)),
  );
