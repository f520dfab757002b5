import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { type PersonKeys, personKeys } from '../../../commands/sealing/personKeys.ts';
import { purposeKeys } from '../../../commands/sealing/purposeKeys.ts';
import { seededRandomness } from '../../support/commandBed.ts';
import { createGate } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const personal = suite('person keys');
const crypto = nodeCryptography();
const at = '2027-01-01T00:00:00.000Z';
const master = new Uint8Array(32).fill(1);
const newVault = () => createMemoryVault(createManualClock());
let processes = 0;
const over = (vault: Vault, masterKey = master): PersonKeys => {
  processes += 1;
  const randomness = seededRandomness(`process ${processes}`);
  return personKeys({ vault, crypto, randomness, purposeKeys: purposeKeys(crypto, masterKey) });
};
const hex = (key: Uint8Array | null | undefined) => key && Buffer.from(key).toString('hex');
const message = (promise: Promise<unknown>) => promise.then(() => 'nothing failed', String);

personal('one key per person, the same in every process', async () => {
  const vault = newVault();
  const [here, there] = [over(vault), over(vault)];
  const made = await Promise.all([here.ensure('p1'), there.ensure('p1'), here.ensure('p1'), there.ensure('p1')]);
  assert.is(made[0]!.length, 32);
  for (const key of made) assert.is(hex(key), hex(made[0]));
  assert.is(hex(await over(vault).find('p1')), hex(made[0]));
  assert.is.not(hex(await here.ensure('p2')), hex(made[0]));
});

personal('the vault holds no key in the clear, nor for another person or under another master key', async () => {
  const vault = newVault();
  const key = (await over(vault).ensure('p1'))!;
  const row = (await vault.get('person-key', 'p1'))!;
  assert.not.ok(row.value.includes(Buffer.from(key).toString('base64')));
  await vault.put({ ...row, id: 'p2' }, 'absent');
  assert.match(await message(over(vault).find('p2')), 'not wrapped under this master key');
  assert.match(await message(over(vault, new Uint8Array(32).fill(2)).find('p1')), 'not wrapped under this master key');
});

personal('a person without one is not taken for erased', async () => {
  const keys = over(newVault());
  assert.match(await message(keys.find('p1')), 'person p1 has no key');
  assert.is(await keys.exists('p1'), false);
  assert.is(keys.cached('p1'), undefined);
  await keys.ensure('p1');
  assert.is(await keys.exists('p1'), true);
});

personal('destroyed is destroyed, in every process and after a purge', async () => {
  const vault = newVault();
  const [here, there] = [over(vault), over(vault)];
  await here.ensure('p1');
  await there.find('p1');
  await here.destroy('p1', at);
  assert.is(here.cached('p1'), null);
  assert.ok(there.cached('p1'), 'not told yet');
  there.drop('p1');
  await vault.purgePerson('p1');
  for (const keys of [here, there, over(vault)]) {
    assert.is(await keys.find('p1'), null);
    assert.is(await keys.ensure('p1'), null);
  }
  await here.destroy('p1', '2028-01-01T00:00:00.000Z');
  assert.equal(JSON.parse((await vault.get('person-key', 'p1'))!.value), { destroyedAt: at });
});

personal('destroying one that was never made forbids making it', async () => {
  const vault = newVault();
  await over(vault).destroy('p1', at);
  assert.is(await over(vault).ensure('p1'), null);
});

personal('what was being read when it was destroyed is not remembered', async () => {
  const vault = newVault();
  await over(vault).ensure('p1');
  for (const forget of ['destroy', 'drop'] as const) {
    const gate = createGate();
    const slow = over(
      vaultWithFaults(vault, ({ name, nth }) => (name === 'get' && nth === 1 ? { after: gate.pass } : undefined)),
    );
    const reading = slow.find('p1');
    await gate.reached;
    if (forget === 'destroy') await slow.destroy('p1', at);
    else slow.drop('p1');
    gate.open();
    await reading;
    assert.is(slow.cached('p1'), forget === 'destroy' ? null : undefined);
  }
});

personal('a key that could not be made is made by the next who asks', async () => {
  const vault = newVault();
  const lossy = over(vaultWithFaults(vault, ({ name, nth }) => (name === 'put' && nth === 1 ? 'lost' : undefined)));
  assert.match(await message(lossy.ensure('p1')), 'lost as planned');
  assert.is(hex(await lossy.ensure('p1')), hex(await over(vault).find('p1')));
});

personal('many who ask share one read', async () => {
  const vault = newVault();
  await over(vault).ensure('p1');
  let reads = 0;
  const counted = over(
    vaultWithFaults(vault, ({ name }) => {
      if (name === 'get') reads += 1;
      return undefined;
    }),
  );
  await Promise.all(Array.from({ length: 20 }, () => counted.find('p1')));
  await counted.find('p1');
  assert.is(reads, 1);
});

personal.run();
