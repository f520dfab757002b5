import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { createBoxes, personsOfBox } from '../../../commands/sealing/boxes.ts';
import { personKeys } from '../../../commands/sealing/personKeys.ts';
import { purposeKeys } from '../../../commands/sealing/purposeKeys.ts';
import { sealedTable, vaultTable } from '../../../commands/sealing/vaultTable.ts';
import { seededRandomness } from '../../support/commandBed.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const tables = suite('vault tables and boxes');
type Session = { readonly ip: string; readonly seen: number };
const at = '2027-01-01T00:00:00.000Z';

const bed = () => {
  const crypto = nodeCryptography();
  const clock = createManualClock();
  const vault = createMemoryVault(clock);
  const derived = purposeKeys(crypto, new Uint8Array(32).fill(1));
  const keys = personKeys({ vault, crypto, randomness: seededRandomness(), purposeKeys: derived });
  const boxes = createBoxes({ crypto, keys, purposeKeys: derived });
  return { vault, keys, boxes, clock };
};
const message = (promise: Promise<unknown>) => promise.then(() => 'nothing failed', String);

for (const [form, person] of [
  ['plain', null],
  ['sealed for nobody', null],
  ['sealed for a person', 'p1'],
] as const) {
  tables(`${form}: a row comes back typed, its writes are conditional`, async () => {
    const { vault, boxes, keys, clock } = bed();
    await keys.ensure('p1');
    const table =
      form === 'plain' ? vaultTable<Session>(vault, 'session') : sealedTable<Session>(vault, 'session', boxes);
    assert.is(await table.get('s1'), null);
    const expiresAt = clock.now() + 1_000;
    const put = await table.put('s1', { ip: '192.0.2.1', seen: 1 }, 'absent', { person, ref: 'r', expiresAt });
    assert.ok(put.put);
    const row = { id: 's1', version: put.version, person, ref: 'r', expiresAt, value: { ip: '192.0.2.1', seen: 1 } };
    assert.equal(await table.get('s1'), row);
    assert.equal(await table.put('s1', { ip: '', seen: 2 }, 'absent'), { put: false, current: row });
    assert.equal(await table.put('s1', { ip: '', seen: 2 }, put.version + 1), { put: false, current: row });
    assert.is((await table.put('s1', { ip: '', seen: 2 }, put.version, { person })).put, true);
    assert.is((await table.get('s1'))?.value.seen, 2);
    assert.is(await table.remove('s1', put.version), false);
    assert.is(await table.remove('s1'), true);
    assert.is(await table.get('s1'), null);
  });
}

tables('pages through what is found', async () => {
  const { vault } = bed();
  const table = vaultTable<number>(vault, 'n');
  for (let n = 0; n < 5; n += 1)
    await table.put(`id${n}`, n, 'absent', { ref: n === 4 ? 'other' : 'ref', person: 'p1' });
  const first = await table.find({ ref: 'ref' }, { after: null, limit: 3 });
  assert.equal(
    first.rows.map(({ value }) => value),
    [0, 1, 2],
  );
  assert.is(first.last, 'id2');
  const second = await table.find({ ref: 'ref' }, { after: first.last, limit: 3 });
  assert.equal(
    second.rows.map(({ value }) => value),
    [3],
  );
  assert.is(second.last, null);
  assert.is((await table.find({ person: 'p1' }, { after: null, limit: 10 })).rows.length, 5);
});

tables('a sealed value tells nothing, and is of its row alone', async () => {
  const { vault, boxes, keys } = bed();
  await keys.ensure('p1');
  const table = sealedTable<Session>(vault, 'session', boxes);
  await table.put('s1', { ip: '192.0.2.1', seen: 1 }, 'absent', { person: 'p1' });
  const row = (await vault.get('session', 's1'))!;
  assert.not.ok(row.value.includes('192.0.2.1'));
  await vault.put({ ...row, id: 's2' }, 'absent');
  assert.match(await message(table.get('s2')), 'was not sealed so');
  await vault.put({ ...row, kind: 'other' }, 'absent');
  assert.match(await message(sealedTable(vault, 'other', boxes).get('s1')), 'was not sealed so');
});

tables('of an erased person nothing is read and nothing is kept', async () => {
  const { vault, boxes, keys } = bed();
  await keys.ensure('p1');
  const table = sealedTable<Session>(vault, 'session', boxes);
  const value = { ip: '192.0.2.1', seen: 1 };
  await table.put('s1', value, 'absent', { person: 'p1' });
  await table.put('s2', value, 'absent');
  await keys.destroy('p1', at);
  assert.is(await table.get('s1'), null);
  assert.equal(
    (await table.find({}, { after: null, limit: 10 })).rows.map(({ id }) => id),
    ['s2'],
  );
  assert.equal(await table.put('s3', value, 'absent', { person: 'p1' }), { put: false, current: null });
  assert.is(await vault.get('session', 's3'), null);
});

tables('a box of several persons is gone with any of them', async () => {
  const { boxes, keys } = bed();
  for (const person of ['p1', 'p2', 'p3']) await keys.ensure(person);
  const box = (await boxes.seal('purpose', ['p2', 'p1', 'p2'], 'text', 'aad'))!;
  assert.equal(personsOfBox(box), ['p1', 'p2']);
  assert.is(await boxes.open('purpose', box, 'aad'), 'text');
  assert.match(await message(boxes.open('another', box, 'aad')), 'was not sealed so');
  assert.match(await message(boxes.open('purpose', box.replace('p2', 'p3'), 'aad')), 'was not sealed so');
  await keys.destroy('p3', at);
  assert.is(await boxes.open('purpose', box, 'aad'), 'text');
  await keys.destroy('p2', at);
  assert.is(await boxes.open('purpose', box, 'aad'), null);
  assert.is(await boxes.seal('purpose', ['p1', 'p2'], 'text', 'aad'), null);
});

tables.run();
