import type { Batch, Lists } from '../../commands/ports/lists.ts';

/** The lists, and which documents were changed by whoever writes them through these. */
export const changesIn = (lists: Lists) => {
  let ids = new Set<string>();
  let any = false;
  const note = ({ applied }: Batch) => {
    for (const change of applied.flatMap(({ changes }) => changes))
      if (change.op === 'updateWhere') any = true;
      else ids.add(change.id);
  };
  return {
    lists: {
      ...lists,
      apply: (buildId, batch) => {
        note(batch);
        return lists.apply(buildId, batch);
      },
    } satisfies Lists as Lists,
    /** @returns those since it was last asked; any: nobody knows which */
    take: (): ReadonlySet<string> | 'any' => {
      const taken = any ? 'any' : ids;
      ids = new Set();
      any = false;
      return taken;
    },
  };
};
