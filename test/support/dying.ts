import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { Vault } from '../../commands/ports/vault.ts';

export type When = 'before' | 'after';

/**
 * Store and vault of a process that dies at its n-th write (from 1) to either, before or after that took effect: nothing
 * it calls works from then on.
 */
export const dying = (store: EventStore, vault: Vault, nth: number, when: When) => {
  let written = 0;
  const fate = { died: false };
  const alive = () => {
    if (fate.died) throw new Error('the process died');
  };
  const read =
    <A extends unknown[], R>(call: (...of: A) => Promise<R>) =>
    async (...of: A) => {
      alive();
      return call(...of);
    };
  const write =
    <A extends unknown[], R>(call: (...of: A) => Promise<R>) =>
    async (...of: A) => {
      alive();
      written += 1;
      if (written !== nth) return call(...of);
      if (when === 'before') fate.died = true;
      alive();
      const running = call(...of);
      fate.died = true;
      await running;
      throw new Error('the process died');
    };
  return {
    fate,
    store: {
      ...store,
      append: write(store.append),
      readStream: read(store.readStream),
      readAll: read(store.readAll),
      readAt: read(store.readAt),
    },
    vault: {
      ...vault,
      put: write(vault.put),
      putAll: write(vault.putAll),
      remove: write(vault.remove),
      purgePerson: write(vault.purgePerson),
      get: read(vault.get),
      find: read(vault.find),
    },
  };
};
