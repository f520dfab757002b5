import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { failedWith } from '../../commands/failure.ts';
import { createGate } from './faultyEventStore.ts';
import { vaultDyingAt, vaultWithFaults } from './faultyVault.ts';
import { createManualClock } from './manualClock.ts';
import { suite } from './suite.ts';

const test = suite('a vault that fails as planned');
const row = (id: string) => ({ kind: 'thing', id, value: 'v', person: null, ref: null, expiresAt: null });
const isThere = async (vault: ReturnType<typeof createMemoryVault>, id: string) =>
  (await vault.get('thing', id)) !== null;
const failed = (call: Promise<unknown>) =>
  call.then(
    () => false,
    (error) => failedWith(error, 'store-unavailable'),
  );

test('fails before, or loses the answer after, the call that is meant', async () => {
  const vault = createMemoryVault(createManualClock());
  const faulty = vaultWithFaults(vault, (call) => {
    if (call.name === 'put' && call.of[0].id === 'a') return 'fail';
    return call.name === 'put' && call.nth === 3 ? 'lost' : undefined;
  });
  assert.ok(await failed(faulty.put(row('a'), 'any')));
  assert.not.ok(await failed(faulty.put(row('b'), 'any')));
  assert.ok(await failed(faulty.put(row('c'), 'any')));
  assert.equal([await isThere(vault, 'a'), await isThere(vault, 'b'), await isThere(vault, 'c')], [false, true, true]);
});

test('waits at a gate before or after the effect', async () => {
  for (const when of ['before', 'after'] as const) {
    const vault = createMemoryVault(createManualClock());
    const gate = createGate();
    const faulty = vaultWithFaults(vault, ({ name }) =>
      name !== 'put' ? undefined : when === 'before' ? { before: gate.pass } : { after: gate.pass },
    );
    const put = faulty.put(row('a'), 'any');
    await gate.reached;
    assert.is(await isThere(vault, 'a'), when === 'after');
    gate.open();
    await put;
    assert.ok(await isThere(vault, 'a'));
  }
});

test('dies at its n-th write, before or after the effect, and stays dead', async () => {
  for (const when of ['before', 'after'] as const) {
    const vault = createMemoryVault(createManualClock());
    const dying = vaultDyingAt(vault, 2, when);
    await dying.put(row('a'), 'any');
    assert.ok(await isThere(dying, 'a'), 'reads are not counted');
    assert.ok(await failed(dying.putAll([row('b')])));
    assert.ok(await failed(dying.get('thing', 'a')));
    assert.ok(await failed(dying.lease('mail', 'x', 1)));
    assert.is(await isThere(vault, 'b'), when === 'after');
  }
});

test.run();
