import type { Clock, Scheduler } from '../commands/environment.ts';
import { Failure } from '../commands/failure.ts';
import type { EventStore, Position } from '../commands/ports/eventStore.ts';
import type { Build, Lists, ParkedStream } from '../commands/ports/lists.ts';
import { millis } from '../domain/instant.ts';
import { either } from './worker.ts';

/** `lagMs`: how long the oldest event that the list has not seen yet has been waiting; 0: it has seen all. */
export type AsOf = { readonly position: Position | null; readonly lagMs: number };

export type CurrentList = AsOf & { readonly buildId: string };

export type ListState = AsOf & {
  readonly name: string;
  readonly version: number;
  /** It was once at the log's end: until then it answers 503. */
  readonly complete: boolean;
  readonly parked: readonly ParkedStream[];
  /** Another build that is being filled beside it. */
  readonly rebuilding: { readonly version: number; readonly position: Position | null } | null;
};

/** How whoever answers from a list finds the build that answers, and waits for it. */
export type ListReader = {
  /** @throws Failure `not-caught-up` while the list was never at the log's end */
  readonly current: (list: string) => Promise<CurrentList>;
  /** Waits for the list, at most so long. @returns whether it has come that far */
  readonly reached: (list: string, position: Position, maxMs: number) => Promise<boolean>;
  /** @throws Failure `not-caught-up` where it has not come that far in time */
  readonly waitFor: (list: string, position: Position, maxMs: number) => Promise<void>;
  readonly states: () => Promise<readonly ListState[]>;
};

/** A list that another process fills is looked at this often while somebody waits for it. */
const lookMs = 25;

/** @param moved resolves when this process's projector moves a checkpoint (Projector.moved) */
export const createListReader = (parts: {
  readonly lists: Lists;
  readonly store: EventStore;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly moved: (signal: AbortSignal) => Promise<void>;
}): ListReader => {
  const { lists, store, clock, scheduler } = parts;

  const lagBehind = async (position: Position | null): Promise<number> => {
    const { events } = await store.readAll(position, 1);
    const waiting = events[0];
    return waiting === undefined ? 0 : Math.max(0, clock.now() - millis(waiting.metadata.at));
  };

  const asOf = async ({ checkpoint }: Build): Promise<AsOf> => {
    const position = checkpoint?.position ?? null;
    return { position, lagMs: await lagBehind(position) };
  };

  const reached: ListReader['reached'] = async (list, position, maxMs) => {
    const until = clock.monotonic() + maxMs;
    for (;;) {
      const build = answering(await lists.builds(), list);
      if (build && (build.checkpoint?.position ?? '') >= position) return true;
      const left = until - clock.monotonic();
      if (left <= 0) return false;
      await either(new AbortController().signal, parts.moved, (any) => scheduler.sleep(Math.min(left, lookMs), any));
    }
  };

  return {
    current: async (list) => {
      const build = answering(await lists.builds(), list);
      if (build === undefined) throw new Failure('not-caught-up', `the list ${list} is still being filled`);
      return { buildId: build.id, ...(await asOf(build)) };
    },
    reached,
    waitFor: async (list, position, maxMs) => {
      if (!(await reached(list, position, maxMs))) {
        throw new Failure('not-caught-up', `the list ${list} has not come to ${position} yet`);
      }
    },
    states: async () => {
      const builds = await lists.builds();
      const names = [...new Set(builds.filter(({ current }) => current).map(({ list }) => list))].sort();
      const states: ListState[] = [];
      for (const name of names) {
        const build = answering(builds, name) ?? builds.find(({ list }) => list === name)!;
        const beside = builds.find((other) => other.list === name && other.id !== build.id && !other.complete);
        states.push({
          name,
          version: build.version,
          complete: build.complete,
          ...(await asOf(build)),
          parked: await lists.parked(build.id),
          rebuilding: beside ? { version: beside.version, position: beside.checkpoint?.position ?? null } : null,
        });
      }
      return states;
    },
  };
};

/** The newest version that is complete: the older one answers while the newer is being filled. */
const answering = (builds: readonly Build[], list: string): Build | undefined =>
  builds
    .filter((build) => build.list === list && build.current && build.complete)
    .sort((a, b) => b.version - a.version)[0];
