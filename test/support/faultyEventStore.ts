import { Failure } from '../../commands/failure.ts';
import type { EventStore, EventToAppend } from '../../commands/ports/eventStore.ts';

/**
 * What happens to one call. `fail`: it has no effect. `lost`: it takes effect, but its answer never arrives.
 * `before` and `after` its effect it waits, for instance at a gate.
 */
export type Fault =
  | 'fail'
  | 'lost'
  | { readonly before: () => Promise<unknown> }
  | { readonly after: () => Promise<unknown> }
  /** It fails, and is done all the same, whenever whoever gets it does it: a call that was given up. */
  | { readonly late: (call: () => Promise<unknown>) => void };

type Reads = 'readStream' | 'readAll' | 'readAt';

/** Asked at each call, which is counted from 1 by its name; with no fault it passes. */
export type FaultPlan = {
  readonly append?: (stream: string, events: readonly EventToAppend[], call: number) => Fault | undefined;
  readonly read?: (name: Reads, call: number) => Fault | undefined;
};

/** The same store, whose calls fail or wait as planned: crashes and races on purpose, in any order. */
export const withFaults = (store: EventStore, plan: FaultPlan): EventStore => {
  const counts = new Map<string, number>();
  const count = (name: string) => {
    const next = (counts.get(name) ?? 0) + 1;
    counts.set(name, next);
    return next;
  };
  const read =
    <Arguments extends unknown[], Result>(name: Reads, call: (...args: Arguments) => Promise<Result>) =>
    (...args: Arguments) =>
      suffer(plan.read?.(name, count(name)), () => call(...args));

  return {
    ...store,
    append: (stream, expected, events) =>
      suffer(plan.append?.(stream, events, count('append')), () => store.append(stream, expected, events)),
    readStream: read('readStream', store.readStream),
    readAll: read('readAll', store.readAll),
    readAt: read('readAt', store.readAt),
  };
};

/** A process that dies at its n-th append (from 1), before or after that took effect: nothing works from then on. */
export const dyingAt = (store: EventStore, nth: number, when: 'before' | 'after'): EventStore => {
  let appends = 0;
  let died = false;
  const living =
    <Arguments extends unknown[], Result>(call: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments) => {
      if (died) throw new Failure('store-unavailable', 'the process died');
      return call(...args);
    };
  return {
    append: living(async (stream, expected, events) => {
      appends += 1;
      if (appends < nth) return store.append(stream, expected, events);
      died = true;
      if (when === 'after') await store.append(stream, expected, events);
      throw new Failure('store-unavailable', 'the process died');
    }),
    readStream: living(store.readStream),
    readAll: living(store.readAll),
    readAt: living(store.readAt),
    changed: living(store.changed),
    close: store.close,
  };
};

/** Holds whoever comes to it: `await gate.reached`, do what shall happen meanwhile, then `gate.open()`. */
export const createGate = () => {
  const passage = Promise.withResolvers<void>();
  const arrival = Promise.withResolvers<void>();
  return {
    reached: arrival.promise,
    open: passage.resolve,
    pass: () => {
      arrival.resolve();
      return passage.promise;
    },
  };
};

/** One call with its fault. */
export const suffer = async <Result>(fault: Fault | undefined, call: () => Promise<Result>): Promise<Result> => {
  if (fault === 'fail') throw new Failure('store-unavailable', 'failed as planned');
  if (typeof fault === 'object' && 'late' in fault) {
    fault.late(call);
    throw new Failure('store-unavailable', 'given up as planned');
  }
  if (typeof fault === 'object' && 'before' in fault) await fault.before();
  const result = await call();
  if (fault === 'lost') throw new Failure('store-unavailable', 'answer lost as planned');
  if (typeof fault === 'object' && 'after' in fault) await fault.after();
  return result;
};
