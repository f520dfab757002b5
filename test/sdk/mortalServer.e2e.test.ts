import * as assert from 'uvu/assert';
import type { RevocationMessage } from '../../sdk/src/index.ts';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/freePort.ts';
import { keyledger, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { closeAll, codeOf, type ForService, failure, isLive, startForService, verifierOf } from './service.ts';

type Mortal = { port: string; data: string; world: ForService; owner: Client };

const mortal = suite<Mortal>('the verifier and a server that stops, dies and comes back');

mortal.before.each(async (context) => {
  const port = await freePort();
  const world = await startForService({ KEYLEDGER_PORT: port });
  const { client } = await world.member('ada@example.com');
  Object.assign(context, { port, world, owner: client, data: world.server.data });
});
mortal.after.each(async ({ world }) => {
  await closeAll();
  await world.server.stop('SIGKILL');
});

mortal('stopped: stale after its time; going on, live again', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token, { maxSilenceMs: 3_500 });
  await verifier.ready();
  const { key } = await world.makeKey(owner, 'one');
  assert.is(await codeOf(verifier, key), 'valid');
  process.kill(world.server.pid, 'SIGSTOP');
  assert.is(await codeOf(verifier, key), 'valid', 'memory');
  await eventually(() => verifier.status().state === 'stale');
  assert.is(await failure(verifier.verify(key)), 'VerifierUnavailable stale');
  process.kill(world.server.pid, 'SIGCONT');
  await isLive(verifier);
  assert.is(await codeOf(verifier, key), 'valid');
});

mortal('killed and started again: it goes on where it was', async ({ world, owner, port, data }) => {
  const verifier = verifierOf(world.server.url, world.token);
  const heard: RevocationMessage[] = [];
  verifier.on('revoked', (message) => heard.push(message));
  await verifier.ready();
  const [kept, ended] = [await world.makeKey(owner, 'kept'), await world.makeKey(owner, 'ended')];
  for (const { key } of [kept, ended]) assert.is(await codeOf(verifier, key), 'valid');
  await world.server.stop('SIGKILL');
  const next = await startServer({ KEYLEDGER_PORT: port, KEYLEDGER_DATA: data });
  try {
    // Before the verifier is back, for all that is known here.
    expectStatus(await owner.delete(`/v1/api-keys/${ended.id}`), 204);
    await eventually(() => heard.some(({ keyId }) => keyId === ended.id));
    await isLive(verifier);
    assert.is(await codeOf(verifier, ended.key), 'revoked');
    assert.is(await codeOf(verifier, kept.key), 'valid');
  } finally {
    await next.stop();
  }
});

mortal('another log: everything is forgotten, and it goes on from its head', async ({ world, owner, port, data }) => {
  const verifier = verifierOf(world.server.url, world.token);
  await verifier.ready();
  const { key } = await world.makeKey(owner, 'one');
  assert.is(await codeOf(verifier, key), 'valid');
  await world.server.stop();
  const accepted = await keyledger(['restore', 'accept'], { KEYLEDGER_DATA: data });
  assert.is(accepted.code, 0, accepted.stderr);
  const next = await startServer({ KEYLEDGER_PORT: port, KEYLEDGER_DATA: data });
  try {
    await eventually(() => verifier.status().cached === 0, 'it has forgotten');
    await isLive(verifier);
    assert.is(await codeOf(verifier, key), 'valid');
    assert.is(verifier.status().cached, 1);
  } finally {
    await next.stop();
  }
});

mortal.run();
