import * as assert from 'uvu/assert';
import type { RevocationMessage, VerifierOptions } from '../../sdk/src/index.ts';
import { noNatsToStop, startNats } from '../servers/nats.ts';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { closeAll, codeOf, type ForService, isLive, startForService, verifierOf } from './service.ts';

type OverNats = { nats: Awaited<ReturnType<typeof startNats>>; world: ForService; owner: Client };

const overNats = suite<OverNats>('the verifier over NATS');
overNats.skipUnless(noNatsToStop);

overNats.before(async (context) => {
  const nats = await startNats();
  const world = await startForService({ KEYLEDGER_NATS: nats.url });
  const { client } = await world.member('ada@example.com');
  Object.assign(context, { nats, world, owner: client });
});
overNats.after.each(closeAll);
overNats.after(async ({ nats, world }) => {
  await world.server.stop();
  await nats.stop();
});

const natsVerifier = async ({ nats, world }: OverNats, more: Partial<VerifierOptions> = {}) => {
  const verifier = verifierOf(world.server.url, world.token, { feed: { nats: nats.url }, ...more });
  const heard: RevocationMessage[] = [];
  verifier.on('revoked', (message) => heard.push(message));
  await verifier.ready();
  return { verifier, heard };
};

overNats('hears what is signed', async (context) => {
  const { world, owner } = context;
  const { verifier, heard } = await natsVerifier(context);
  const { id, key } = await world.makeKey(owner, 'signed');
  assert.is(await codeOf(verifier, key), 'valid');
  assert.is(verifier.status().cached, 1);
  expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
  await eventually(() => heard.some(({ keyId }) => keyId === id));
  assert.is(await codeOf(verifier, key), 'revoked');
  await isLive(verifier);
});

overNats('what is forged costs a look at the feed, and nothing else', async (context) => {
  const { nats, world, owner } = context;
  const states: string[] = [];
  const { verifier, heard } = await natsVerifier(context);
  verifier.on('state', (state) => states.push(state));
  const { key } = await world.makeKey(owner, 'not forged');
  assert.is(await codeOf(verifier, key), 'valid');
  const { connect } = await import('nats');
  const client = await connect({ servers: nats.url });
  client.publish('keyledger.revocations.all', JSON.stringify({ type: 'keyledger.revocation.v1', data: {} }));
  await client.drain();
  await eventually(() => states.includes('catching-up') && states.at(-1) === 'live');
  assert.equal(heard, []);
  assert.is(verifier.status().cached, 1);
});

overNats('NATS killed, started again, emptied: what was missed is read from the server', async (context) => {
  const { nats, world, owner } = context;
  const { verifier, heard } = await natsVerifier(context);
  const { id, key } = await world.makeKey(owner, 'missed');
  assert.is(await codeOf(verifier, key), 'valid');
  await nats.kill();
  expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
  await eventually(() => verifier.status().state === 'catching-up');
  assert.is(await codeOf(verifier, key), 'revoked');
  await eventually(() => heard.some(({ keyId }) => keyId === id));
  await nats.start(true);
  await isLive(verifier);
  const after = await world.makeKey(owner, 'after');
  assert.is(await codeOf(verifier, after.key), 'valid');
  expectStatus(await owner.delete(`/v1/api-keys/${after.id}`), 204);
  await eventually(() => heard.some(({ keyId }) => keyId === after.id));
});

overNats.run();
