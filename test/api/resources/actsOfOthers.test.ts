import * as assert from 'uvu/assert';
import { expectStatus } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';

const s = suite<{ app: WholeApp; admin: string; ada: string }>(
  'what an owner sees of others who did something to a key',
);
const path = '/v1/api-keys';

s.before.each(async (context) => {
  context.app = await startWholeApp();
  context.admin = await context.app.register({ email: 'admin@example.com', roles: ['admin'] });
  context.ada = await context.app.register({ email: 'ada@example.com' });
  await context.app.run(context.app.commands.changeKeyPolicy, { change: { preset: 'idmp' } });
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

type Told = {
  readonly type: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly actor: { readonly kind: string; readonly label: string | null };
  readonly data: { readonly note?: string };
};

s('that they did, and why; not their name, address or browser', async ({ app, admin, ada }) => {
  const browser = { 'user-agent': 'a browser' };
  const { id } = expectStatus(await app.as(ada).post(path, { name: 'ci' }, browser), 201).body;
  const reason = 'left in a log';
  expectStatus(await app.as(admin).post(`/v1/admin/api-keys/${id}/revoke`, { reason }, browser), 200);
  const told = (items: readonly Told[]) =>
    items.map(({ type, ip, userAgent, actor, data }) => [type, ip, userAgent, actor.kind, actor.label, data.note]);
  const own = expectStatus(await app.as(ada).get(`${path}/${id}/history`), 200).body.items;
  assert.equal(told(own), [
    ['ApiKeyCreated', '127.0.0.1', 'a browser', 'user', 'ada@example.com', undefined],
    ['ApiKeyRevoked', null, null, 'admin', null, reason],
  ]);
  const audited = expectStatus(await app.as(admin).get(`/v1/audit/keys/${id}`), 200).body.events;
  assert.equal(told(audited)[1], ['ApiKeyRevoked', '127.0.0.1', 'a browser', 'admin', 'admin@example.com', reason]);
});

s('not from where a key of theirs was brought over', async ({ app, admin, ada }) => {
  const item = { ownerEmail: 'ada@example.com', sha256: 'ab'.repeat(32), mask: 'old…', name: 'old' };
  const imported = await app.as(admin).post('/v1/admin/api-keys/import', { items: [item] });
  const [{ id }] = expectStatus(imported, 200).body.results;
  const [listed] = expectStatus(await app.as(ada).get(path), 200).body.items;
  const read = expectStatus(await app.as(ada).get(`${path}/${id}`), 200).body;
  assert.equal([listed.id, listed.createdIp, read.createdIp], [id, null, null]);
  assert.is(expectStatus(await app.as(admin).get(`/v1/admin/api-keys/${id}`), 200).body.createdIp, '127.0.0.1');
  assert.is(expectStatus(await app.as(ada).post(path, { name: 'own' }), 201).body.createdIp, '127.0.0.1');
});

s.run();
