import * as assert from 'uvu/assert';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { type BadProxy, startProxy } from './proxy.ts';
import { closeAll, codeOf, type ForService, failure, isLive, startForService, verifierOf } from './service.ts';

type Behind = { world: ForService; owner: Client; proxy: BadProxy };

const bad = suite<Behind>('the verifier behind a bad network');

// Short, so that no test waits long; what it means does not change.
const maxSilenceMs = 3_500;

bad.before(async (context) => {
  const world = await startForService();
  const { client } = await world.member('ada@example.com');
  Object.assign(context, { world, owner: client });
});
bad.before.each(async (context) => {
  context.proxy = await startProxy(context.world.server.url);
});
bad.after.each(async ({ proxy }) => {
  await closeAll();
  await proxy.close();
});
bad.after(async ({ world }) => void (await world.server.stop()));

let count = 0;
const remembered = async ({ world, owner, proxy }: Behind) => {
  const verifier = verifierOf(proxy.url, world.token, { maxSilenceMs });
  await verifier.ready();
  const made = await world.makeKey(owner, `key ${++count}`);
  assert.is(await codeOf(verifier, made.key), 'valid');
  return { verifier, ...made };
};

for (const how of ['cut', 'stall'] as const) {
  bad(`${how}: memory says yes for a while, then nobody can tell; after it, what was missed holds`, async (context) => {
    const { owner, proxy } = context;
    const { verifier, id, key } = await remembered(context);
    proxy[how]();
    assert.is(await codeOf(verifier, key), 'valid');
    expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
    await eventually(() => verifier.status().state === 'stale', 'it is stale');
    assert.match(await failure(verifier.verify(key)), /^VerifierUnavailable/);
    proxy.pass();
    await eventually(async () => (await failure(verifier.verify(key))) === 'none');
    assert.is(await codeOf(verifier, key), 'revoked');
    await isLive(verifier);
  });
}

bad('trickling: it goes on, and never says yes for long after the end', async (context) => {
  const { owner, proxy } = context;
  const { verifier, id, key } = await remembered(context);
  proxy.trickle();
  expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
  await eventually(async () => (await codeOf(verifier, key).catch(() => '')) === 'revoked');
  proxy.pass();
  await isLive(verifier);
});

bad('503 from the guard while nobody can tell, never 401', async (context) => {
  const { proxy } = context;
  const { verifier, key } = await remembered(context);
  proxy.cut();
  await eventually(() => verifier.status().state === 'stale');
  const answer = await verifier.handle(new Request('http://here/', { headers: { 'x-api-key': key } }));
  assert.instance(answer, Response);
  assert.is((answer as Response).status, 503);
  assert.is((answer as Response).headers.get('retry-after'), '1');
});

bad.run();
