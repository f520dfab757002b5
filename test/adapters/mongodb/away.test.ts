import * as assert from 'uvu/assert';
import { openLists } from '../../../adapters/mongodb/lists.ts';
import { openVault } from '../../../adapters/mongodb/vault.ts';
import { failedWith } from '../../../commands/failure.ts';
import { type MongoServer, noMongoToStop, startMongo } from '../../servers/mongodb.ts';
import { eventually } from '../../support/eventually.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';
import { batch, schema } from '../listsSuite.ts';
import { row } from '../vaultSuite.ts';

const test = suite<{ server: MongoServer }>('MongoDB away');
test.skipUnless(noMongoToStop);
test.before(async (context) => {
  context.server = await startMongo();
});
test.after(({ server }) => server.stop());

const refused = (call: () => Promise<unknown>) =>
  call().then(
    () => false,
    (error) => failedWith(error, 'store-unavailable'),
  );

test('every call says that the store is unavailable, and goes on when it is back', async ({ server }) => {
  const vault = await openVault({ url: server.url, clock: createManualClock(Date.UTC(2100, 0, 1)) });
  const lists = await openLists({ url: server.url });
  const build = await lists.createBuild(schema, true);
  const put = await vault.put(row('a', { value: 'kept' }), 'any');
  await server.kill();
  const calls = [
    () => vault.get('thing', 'a'),
    () => vault.put(row('a'), 'any'),
    () => vault.putAll([row('b')]),
    () => vault.lease('mail', 'x', 1000),
    () => lists.builds(),
    () => lists.apply(build.id, batch(1, [])),
    () => lists.getBlob('fold'),
    () => openVault({ url: server.url, clock: createManualClock() }),
  ];
  assert.equal(
    await Promise.all(calls.map(refused)),
    calls.map(() => true),
  );
  await server.start();
  await eventually(async () => (await refused(() => vault.get('thing', 'a'))) === false);
  const kept = await vault.get('thing', 'a');
  assert.equal([kept?.value, kept?.version], ['kept', put.put && put.version]);
  await eventually(async () => (await refused(() => lists.builds())) === false);
  assert.is(await lists.apply(build.id, batch(1, [{ op: 'set', id: 'k', fields: { owner: 'o' } }])), true);
  await Promise.all([vault.close(), lists.close()]);
});

test.run();
