import * as assert from 'uvu/assert';
import { receiptCommands } from '../../../../commands/services/receipts.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const s = suite('administration of subscribers');

let app: WholeApp;
let admin: Client;

s.before(async () => {
  app = await startWholeApp();
  admin = app.as(await app.register({ email: 'admin@example.com', roles: ['admin'] }));
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut' }), 200);
  const items = [{ application: 'reports', actions: ['read'] }];
  expectStatus(await admin.put('/v1/admin/scopes', { items }), 200);
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const confirm = (name: string, instance: string | null, position: string, more: object = {}) =>
  app.acknowledgements.put(
    `${name}/${instance ?? ''}`,
    { name, instance, position, epoch: 'epoch-1', at: new Date(app.bed.clock.now()).toISOString(), ...more },
    'any',
    { ref: name },
  );

const items = async (): Promise<{ name: string; state: string; instances: { instance: string; state: string }[] }[]> =>
  expectStatus(await admin.get('/v1/admin/subscribers'), 200).body.items;
const states = async () => Object.fromEntries((await items()).map(({ name, state }) => [name, state]));
/** Those that are waited for, by name. */
const instancesOf = async (subscriber: string) =>
  Object.fromEntries(
    (await items()).find(({ name }) => name === subscriber)!.instances.map(({ instance, state }) => [instance, state]),
  );
/** Something to confirm: its position. */
const revocation = async () => {
  const owner = await app.register({ email: `owner.${++owners}@example.com` });
  const input = { ownerId: owner, name: 'ends', expiresAt: null, scopes: ['reports:read'] };
  const { keyId } = await app.run(app.commands.createApiKey, input);
  const revoked = expectStatus(await admin.post(`/v1/admin/api-keys/${keyId}/revoke`), 200);
  return { keyId, position: revoked.headers.get('keyledger-position')! };
};
let owners = 0;
const hourMs = 3_600_000;

s('says who has confirmed the newest message, who is on the way and who is not heard of', async () => {
  const newest = app.reader.feed().lastMessage()!;
  const earlier = '0'.repeat(newest.length);
  await confirm('silent', null, earlier);
  app.bed.clock.advance(15_001);
  await confirm('current', null, newest);
  await confirm('elsewhere', null, newest, { epoch: 'epoch-0' });
  await confirm('two', 'a', newest);
  await confirm('two', 'b', earlier);
  assert.equal(await states(), { current: 'acknowledged', elsewhere: 'behind', silent: 'silent', two: 'behind' });
  await confirm('two', 'b', newest);
  assert.is((await states()).two, 'acknowledged');
  const { body } = expectStatus(await admin.get('/v1/admin/subscribers'), 200);
  assert.is(body.lastMessage, newest);
  const two = body.items.find(({ name }: { name: string }) => name === 'two');
  assert.is(two.position, newest);
  assert.equal(
    two.instances.map(({ instance }: { instance: string }) => instance),
    ['a', 'b'],
  );
});

s('who has nothing to confirm is neither silent nor gone, however long it is quiet', async () => {
  await confirm('quiet', 'a', app.reader.feed().lastMessage()!);
  await confirm('quiet', 'b', app.reader.feed().lastMessage()!);
  app.bed.clock.advance(20 * 24 * hourMs);
  assert.is((await states()).quiet, 'acknowledged');
  const { position } = await revocation();
  assert.is((await states()).quiet, 'behind', 'it had no time yet');
  await confirm('quiet', 'a', position);
  app.bed.clock.advance(15_001);
  assert.equal(await instancesOf('quiet'), { a: 'acknowledged', b: 'silent' });
  assert.is((await states()).quiet, 'silent', 'one of its processes is');
  await confirm('quiet', 'b', '0'.repeat(position.length));
  assert.equal(await instancesOf('quiet'), { a: 'acknowledged', b: 'behind' }, 'it is heard of');
  app.bed.clock.advance(24 * hourMs + 1);
  assert.equal(await instancesOf('quiet'), { a: 'acknowledged' }, 'b is gone');
});

s('nobody waits for a process that said that it ends', async () => {
  const newest = app.reader.feed().lastMessage()!;
  await confirm('deployed', 'old', newest, { left: true });
  assert.equal(await instancesOf('deployed'), { old: 'acknowledged' }, 'nobody else is there');
  await confirm('deployed', 'new', newest);
  const { position } = await revocation();
  await confirm('deployed', 'new', position);
  assert.equal(await instancesOf('deployed'), { new: 'acknowledged' });
  await confirm('deployed', 'old', newest);
  assert.equal(await instancesOf('deployed'), { new: 'acknowledged', old: 'behind' }, 'it is back');
});

const acknowledgedAt = async (keyId: string, subscriber: string) => {
  const { body } = expectStatus(await admin.get(`/v1/admin/api-keys/${keyId}`), 200);
  const found = body.delivery.find((one: { subscriber: string }) => one.subscriber === subscriber);
  assert.equal(Object.keys(found), ['subscriber', 'acknowledgedAt']);
  return found.acknowledgedAt;
};
const time = () => new Date(app.bed.clock.now()).toISOString();

s('a deployment takes back no confirmation, nor makes it later', async () => {
  const before = app.reader.feed().lastMessage()!;
  await confirm('rolling', 'old', before, { from: before });
  const { keyId, position } = await revocation();
  assert.is(await acknowledgedAt(keyId, 'rolling'), null);
  const at = time();
  await confirm('rolling', 'old', position, { from: before });
  assert.is(await acknowledgedAt(keyId, 'rolling'), at);
  app.bed.clock.advance(hourMs);
  await confirm('rolling', 'new', position, { from: position });
  assert.is(await acknowledgedAt(keyId, 'rolling'), at, 'the new one has never remembered it');
  const items = [{ subscriber: 'rolling', instance: 'old', position, at }];
  await app.run(receiptCommands.recordReceipts, { epoch: 'epoch-1', items });
  await confirm('rolling', 'old', position, { from: before, left: true });
  assert.is(await acknowledgedAt(keyId, 'rolling'), at, 'the log says so');
  await app.acknowledgements.remove('rolling/old');
  assert.is(await acknowledgedAt(keyId, 'rolling'), at, 'also when nothing else does');
});

s('a subscriber has confirmed when the last of its processes has', async () => {
  const before = app.reader.feed().lastMessage()!;
  for (const instance of ['a', 'b']) await confirm('pair', instance, before, { from: before });
  const { keyId, position } = await revocation();
  await confirm('pair', 'a', position, { from: before });
  assert.is(await acknowledgedAt(keyId, 'pair'), null);
  app.bed.clock.advance(5_000);
  await confirm('pair', 'b', position, { from: before });
  assert.is(await acknowledgedAt(keyId, 'pair'), time());
});

s('waits no longer for one that is gone, and says so in the log', async () => {
  await confirm('gone', 'a', '0');
  await confirm('gone', 'b', '0');
  const answer = expectStatus(await admin.delete('/v1/admin/subscribers/gone'), 204);
  assert.is((await states()).gone, undefined);
  expectStatus(await admin.delete('/v1/admin/subscribers/gone'), 404);
  const { items } = expectStatus(await admin.get('/v1/audit/events?type=SubscriberRemoved'), 200).body;
  assert.is(items.length, 1);
  assert.equal(items[0].data, { name: 'gone' });
  assert.is(answer.headers.get('keyledger-position'), items[0].position);
});

s('is for operators', async () => {
  const member = app.as(await app.register({ email: 'ada@example.com' }));
  expectStatus(await member.get('/v1/admin/subscribers'), 403);
  expectStatus(await member.delete('/v1/admin/subscribers/current'), 403);
});

s.run();
