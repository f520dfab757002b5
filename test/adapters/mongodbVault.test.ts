import * as assert from 'uvu/assert';
import { openVault } from '../../adapters/mongodb/vault.ts';
import { noMongo, sharedMongo } from '../servers/mongodb.ts';
import { eventually } from '../support/eventually.ts';
import { createManualClock } from '../support/manualClock.ts';
import { suite } from '../support/suite.ts';
import { vaultModel } from './vaultModel.ts';
import { row, vaultBehaviours } from './vaultSuite.ts';

const mongo = sharedMongo();
const server = { missing: noMongo, after: mongo.stop };

// Years ahead: a server that deletes what is long expired by its own clock finds nothing here.
const start = Date.UTC(2100, 0, 1);

const open = async () => {
  const clock = createManualClock(start);
  const database = mongo.database();
  const url = await mongo.url();
  const another = () => openVault({ url, database, clock, serverTime: async () => clock.now() });
  const vault = await another();
  const dispose = async () => {
    await vault.close();
    await mongo.drop(database);
  };
  return { vault, clock, url, database, another, reopen: another, dispose };
};

vaultBehaviours('MongoDB', open, server);
vaultModel('MongoDB', open, 12, server);

type Opened = Awaited<ReturnType<typeof open>>;
const test = suite<Opened>('vault: MongoDB: several processes');
test.skipUnless(noMongo);
test.before.each(async (context) => {
  Object.assign(context, await open());
});
test.after.each(({ dispose }) => dispose());
test.after(mongo.stop);

test('no version comes back, and that of a row rises, whoever writes', async ({ vault, another }) => {
  const other = await another();
  const versions: number[] = [];
  const written = async (by: typeof vault, fields = {}) => {
    const result = await by.put(row('a', fields), 'any');
    assert.ok(result.put);
    versions.push(result.version);
    return result.version;
  };
  // Each takes its numbers first, so that those of the second are all greater.
  await vault.put(row('x'), 'any');
  await other.put(row('y'), 'any');
  for (const by of [other, vault, other, vault]) await written(by);
  const before = await written(other);
  const over = await vault.put(row('a'), before);
  assert.ok(over.put && over.version > before);
  versions.push(over.version);
  assert.equal(
    versions,
    versions.toSorted((a, b) => a - b),
  );
  await other.remove('thing', 'a');
  await written(vault);
  await vault.remove('thing', 'a');
  await written(other);
  assert.is(new Set(versions).size, versions.length);
  await other.close();
});

test('an expired row with a number of another process is written over like none', async ({ vault, another, clock }) => {
  const other = await another();
  await vault.put(row('x'), 'any');
  const old = await other.put(row('a', { expiresAt: clock.now() + 1 }), 'any');
  clock.advance(1);
  const put = await vault.put(row('a'), 'absent');
  assert.ok(put.put && old.put && put.version > old.version);
  await other.close();
});

test('exactly one of two processes wins each conditional write', async ({ vault, another }) => {
  const other = await another();
  for (let round = 0; round < 20; round++) {
    const before = await vault.get('thing', 'a');
    const expect = before?.version ?? 'absent';
    const puts = await Promise.all([vault, other].map((by, n) => by.put(row('a', { value: `${round}-${n}` }), expect)));
    assert.is(puts.filter(({ put }) => put).length, 1);
    const stands = await other.get('thing', 'a');
    assert.is(stands!.value, `${round}-${puts.findIndex(({ put }) => put)}`);
  }
  await other.close();
});

test('leases run by the clock of the server', async ({ url, database }) => {
  const wrongClock = createManualClock(0);
  const vault = await openVault({ url, database, clock: wrongClock });
  const other = await openVault({ url, database, clock: createManualClock(Date.UTC(2200, 0, 1)) });
  const first = await vault.lease('short', 'x', 1);
  assert.is((await vault.lease('long', 'x', 3_600_000))!.fence, 1);
  assert.is(await other.lease('long', 'y', 3_600_000), null);
  let second: Awaited<ReturnType<typeof other.lease>> = null;
  await eventually(async () => {
    second = await other.lease('short', 'y', 3_600_000);
    return second !== null;
  });
  assert.equal(second, { fence: first!.fence + 1 });
  await Promise.all([vault.close(), other.close()]);
});

test('what looks like an operator is a text', async ({ vault }) => {
  await vault.put(row('a', { person: 'p', ref: 'r' }), 'any');
  for (const trick of [{ $gt: '' }, { $ne: null }, { $regex: '.*' }]) {
    const text = trick as unknown as string;
    assert.is(await vault.get('thing', text), null);
    assert.is(await vault.remove('thing', text), false);
    assert.equal(await vault.find('thing', { person: text }, { after: null, limit: 9 }), []);
    assert.equal(await vault.find('thing', { ref: text }, { after: null, limit: 9 }), []);
    assert.is(await vault.purgePerson(text), 0);
    assert.not.ok((await vault.put(row('a'), text as unknown as number)).put);
  }
  assert.is((await vault.find('thing', {}, { after: null, limit: 9 })).length, 1);
});

test.run();
