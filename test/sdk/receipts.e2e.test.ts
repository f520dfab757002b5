import * as assert from 'uvu/assert';
import { expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { startProxy } from './proxy.ts';
import { closeAll, codeOf, type ForService, isLive, startForService, verifierOf } from './service.ts';

type Context = { world: ForService };
type Receipt = {
  readonly subscriber: string;
  readonly instance: string;
  readonly position: string;
  readonly at: string;
};

const receipts = suite<Context>('who confirmed a revocation, and when');

receipts.before(async (context) => {
  context.world = await startForService();
});
receipts.after.each(closeAll);
receipts.after(async ({ world }) => void (await world.server.stop()));

receipts('by service and process, on the key, in the list, and in the log', async ({ world }) => {
  const { admin, server, token, makeKey } = world;
  const { client: owner } = await world.member('ada@example.com');
  const permissions = ['verify', 'revocations:read'];
  const made = await admin.post('/v1/admin/service-tokens', { name: 'reports', permissions });
  const ofReports = expectStatus(made, 201).body.token as string;
  const proxy = await startProxy(server.url);
  const [first, second] = ['first', 'second'].map((instance) => verifierOf(server.url, token, { instance }));
  const stalled = verifierOf(proxy.url, ofReports, { instance: 'only' });
  await Promise.all([first!, second!, stalled].map((verifier) => verifier.ready()));

  const subscribers = async () => {
    const { items, lastMessage } = expectStatus(await admin.get('/v1/admin/subscribers'), 200).body;
    return { lastMessage, of: (wanted: string) => items.find(({ name }: { name: string }) => name === wanted) };
  };
  await eventually(async () => {
    const { of } = await subscribers();
    return of('billing')?.instances.length === 2 && of('reports')?.state === 'acknowledged';
  }, 'all three are known');

  const { id, key } = await makeKey(owner, 'ends');
  for (const verifier of [first!, second!, stalled]) assert.is(await codeOf(verifier, key), 'valid');
  const delivery = async () => expectStatus(await admin.get(`/v1/admin/api-keys/${id}`), 200).body.delivery;
  assert.equal(await delivery(), [], 'there is nothing to confirm yet');

  proxy.stall();
  const before = new Date().toISOString();
  const revoked = expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
  const position = revoked.headers.get('keyledger-position')!;
  const confirmed = async (subscriber: string): Promise<string | null> => {
    const found = (await delivery()).find((one: { subscriber: string }) => one.subscriber === subscriber);
    assert.equal(Object.keys(found), ['subscriber', 'acknowledgedAt']);
    return found.acknowledgedAt;
  };
  await eventually(async () => (await confirmed('billing')) !== null, 'both of billing have confirmed');
  const at = (await confirmed('billing'))!;
  assert.ok(before <= at && at <= new Date().toISOString());
  assert.is(await confirmed('reports'), null, 'it was not told');
  const waiting = (await subscribers()).of('reports');
  assert.ok(['behind', 'silent'].includes(waiting.state));
  assert.equal(Object.keys(waiting), ['name', 'state', 'position', 'lastHeardAt', 'instances']);
  assert.equal(
    waiting.instances.map(({ instance }: Receipt) => instance),
    ['only'],
  );
  assert.ok(waiting.position < position);

  proxy.pass();
  await eventually(async () => (await confirmed('reports')) !== null, 'reports has confirmed');
  await isLive(stalled);
  const { lastMessage, of } = await subscribers();
  assert.is(lastMessage, position);
  for (const name of ['billing', 'reports']) {
    assert.is(of(name).state, 'acknowledged');
    for (const { state, position: at } of of(name).instances) assert.ok(state === 'acknowledged' && at >= position);
  }

  const events = async (): Promise<{ data: { epoch: string; items: Receipt[] } }[]> =>
    expectStatus(await admin.get('/v1/audit/events?type=RevocationsAcknowledged'), 200).body.items;
  const ofThis = async () =>
    (await events()).flatMap(({ data }) => data.items).filter((receipt) => receipt.position === position);
  await eventually(async () => (await ofThis()).length === 3, 'it is in the log');
  const written = await ofThis();
  assert.equal(written.map(({ subscriber, instance }) => `${subscriber}/${instance}`).sort(), [
    'billing/first',
    'billing/second',
    'reports/only',
  ]);
  for (const receipt of written) assert.equal(Object.keys(receipt), ['subscriber', 'instance', 'position', 'at']);
  const last = written
    .filter(({ subscriber }) => subscriber === 'billing')
    .map((receipt) => receipt.at)
    .sort()
    .at(-1);
  assert.is(await confirmed('billing'), last, 'what the key says is what the log says');
  const all = (await events()).flatMap(({ data }) => data.items);
  assert.ok((await events()).length < all.length, 'several are put down at once');

  await second!.close();
  await eventually(async () => (await subscribers()).of('billing').instances.length === 1, 'one said that it ends');
  assert.is(await confirmed('billing'), last, 'what it confirmed it has confirmed');
  await proxy.close();
});

receipts.run();
