import { Failure } from '../../commands/failure.ts';
import type { Vault } from '../../commands/ports/vault.ts';
import { type Fault, suffer } from './faultyEventStore.ts';

type Call = Exclude<keyof Vault, 'close'>;

/** What was called with what, and how often that name was called by now (from 1). */
export type VaultCall = {
  [Name in Call]: { readonly name: Name; readonly of: Parameters<Vault[Name]>; readonly nth: number };
}[Call];

/** Asked at each call; with no fault it passes. `({ name, of }) => name === 'put' && of[0].kind === 'intent' ? 'lost' : undefined` */
export type VaultFaults = (call: VaultCall) => Fault | undefined;

/** The same vault, whose calls fail, lose their answer or wait as planned (`Fault`): crashes and races on purpose. */
export const vaultWithFaults = (vault: Vault, faults: VaultFaults): Vault => {
  const counts = new Map<string, number>();
  return around(vault, (name, of, call) => {
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    return suffer(faults({ name, of, nth } as VaultCall), call);
  });
};

const writes: ReadonlySet<string> = new Set<Call>([
  'put',
  'putAll',
  'remove',
  'purgePerson',
  'removeExpired',
  'lease',
  'releaseLease',
]);

/** A process that dies at its n-th write (from 1), before or after that took effect: nothing works from then on. */
export const vaultDyingAt = (vault: Vault, nth: number, when: 'before' | 'after'): Vault => {
  let written = 0;
  let died = false;
  const dead = () => new Failure('store-unavailable', 'the process died');
  return around(vault, async (name, _, call) => {
    if (died) throw dead();
    if (!writes.has(name)) return call();
    written += 1;
    if (written < nth) return call();
    died = true;
    if (when === 'after') await call();
    throw dead();
  });
};

type Wrapper = <Result>(name: Call, of: readonly unknown[], call: () => Promise<Result>) => Promise<Result>;

const around = (vault: Vault, wrap: Wrapper): Vault => {
  const wrapped =
    <Arguments extends unknown[], Result>(name: Call, call: (...of: Arguments) => Promise<Result>) =>
    (...of: Arguments) =>
      wrap(name, of, () => call(...of));
  return {
    get: wrapped('get', vault.get),
    put: wrapped('put', vault.put),
    putAll: wrapped('putAll', vault.putAll),
    remove: wrapped('remove', vault.remove),
    find: wrapped('find', vault.find),
    purgePerson: wrapped('purgePerson', vault.purgePerson),
    removeExpired: wrapped('removeExpired', vault.removeExpired),
    lease: wrapped('lease', vault.lease),
    releaseLease: wrapped('releaseLease', vault.releaseLease),
    close: vault.close,
  };
};
