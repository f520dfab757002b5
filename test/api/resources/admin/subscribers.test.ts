import * as assert from 'uvu/assert';
import { type Client, expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const s = suite('administration of subscribers');

let app: WholeApp;
let admin: Client;

s.before(async () => {
  app = await startWholeApp();
  admin = app.as(await app.register({ email: 'admin@example.com', roles: ['admin'] }));
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const confirm = (name: string, instance: string | null, position: string, epoch = 'epoch-1') =>
  app.acknowledgements.put(
    `${name}/${instance ?? ''}`,
    { name, instance, position, epoch, at: new Date(app.bed.clock.now()).toISOString() },
    'any',
    { ref: name },
  );

const states = async () => {
  const { body } = expectStatus(await admin.get('/v1/admin/subscribers'), 200);
  return Object.fromEntries(body.items.map(({ name, state }: { name: string; state: string }) => [name, state]));
};

s('says who has confirmed the newest message, who is on the way and who is not heard of', async () => {
  const newest = app.reader.feed().lastMessage()!;
  const earlier = '0'.repeat(newest.length);
  await confirm('silent', null, earlier);
  app.bed.clock.advance(15_001);
  await confirm('current', null, newest);
  await confirm('elsewhere', null, newest, 'epoch-0');
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
