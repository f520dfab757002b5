import * as assert from 'uvu/assert';
import { streamName } from '../../adapters/nats/stream.ts';
import { lookAt } from '../adapters/nats/parts.ts';
import { expectStatus, signIn } from '../support/client.ts';
import { administrator, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';

const test = suite('two workers, one of which was not told of NATS');
test.skipUnless(noServers);

test('the other publishes everything, whoever came first', async () => {
  const { start, nats, stop } = await startDeployment();
  const first = await start({ KEYLEDGER_NATS: '' });
  const admin = await signIn(first, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'aip' }), 200);
  for (let n = 0; n < 3; n++) expectStatus(await admin.post('/v1/api-keys'), 201);
  await start({ KEYLEDGER_ROLE: 'worker' });
  expectStatus(await admin.post('/v1/api-keys'), 201);

  const { streams, kept, close } = await lookAt(nats.url);
  const ended = async () => (await kept()).filter(({ subject }) => subject.startsWith('keyledger.revocations.key.'));
  await eventually(async () => (await streams.info(streamName)).state.messages > 0 && (await ended()).length === 3);
  assert.is(JSON.parse((await kept())[0]!.text).data.previous, null, 'from the first on');
  await close();
  await stop();
});

test.run();
