import type { RevocationMessage, State } from '../types.ts';

export type Events = { readonly revoked: RevocationMessage; readonly state: State };

/** Whoever wants to be told. */
export const createListeners = () => {
  const listeners: { readonly [E in keyof Events]: Set<(event: Events[E]) => void> } = {
    revoked: new Set(),
    state: new Set(),
  };

  return {
    /** @returns ends it @throws TypeError where there is no such event */
    on: <E extends keyof Events>(name: E, listener: (event: Events[E]) => void): (() => void) => {
      if (!Object.hasOwn(listeners, name)) throw new TypeError("events are 'revoked' and 'state'");
      if (typeof listener !== 'function') throw new TypeError('a listener is a function');
      // Its own for each call: the same listener may be there twice, and each is ended alone.
      const own = (event: Events[E]) => listener(event);
      listeners[name].add(own);
      return () => {
        listeners[name].delete(own);
      };
    },

    emit: <E extends keyof Events>(name: E, event: Events[E]): void => {
      for (const listener of [...listeners[name]]) {
        try {
          listener(event);
        } catch (error) {
          // What a listener does wrong is not this verifier's to hide, nor to stumble over.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },

    clear: (): void => {
      for (const set of Object.values(listeners)) set.clear();
    },
  };
};
