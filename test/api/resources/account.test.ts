import * as assert from 'uvu/assert';
import type { UserId } from '../../../domain/ids.ts';
import { type Client, expectStatus } from '../../support/client.ts';
import { jpegOf, metadataOf, pngOf, svg } from '../../support/pictures.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';

// Each line of what users and administrators ask for about accounts and profiles, by its name.

type Context = { app: WholeApp; admin: Client; adminId: UserId; ada: UserId; client: Client };
const s = suite<Context>('account and profile, line by line');

s.before.each(async (context) => {
  const app = await startWholeApp();
  const adminId = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  const ada = await app.register({ email: 'ada@example.com' });
  Object.assign(context, { app, adminId, admin: app.as(adminId), ada, client: app.as(ada) });
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const refusal = ({ status, body }: { status: number; body: { code: string } }) => [status, body.code];

s('full name, interface language and time zone are one’s own to change', async ({ client }) => {
  const wanted = { fullName: 'Ada E. Example', language: 'de-at', timeZone: 'europe/vienna' };
  const { body } = expectStatus(await client.patch('/v1/profile', wanted), 200);
  assert.equal(
    [body.fullName, body.displayName, body.language, body.timeZone],
    ['Ada E. Example', 'Ada E. Example', 'de-AT', 'Europe/Vienna'],
  );
  assert.equal((await client.get('/v1/profile')).body, body);
  const cleared = expectStatus(await client.patch('/v1/profile', { language: null, timeZone: null }), 200).body;
  assert.equal([cleared.language, cleared.timeZone], ['en', 'UTC']);
  for (const [field, values] of [
    ['language', ['german', 'de_AT', 'd', '']],
    ['timeZone', ['Vienna', '+02:00', 'Mars/Olympus']],
  ] as const)
    for (const value of values.filter((one) => one !== '')) {
      const answer = await client.patch('/v1/profile', { [field]: value });
      assert.equal(refusal(answer), [400, 'validation-failed'], value);
      assert.is(answer.body.errors[0].pointer, `/${field}`);
    }
});

s('services ask for the time zone to run this user’s schedules', async ({ app, admin, ada, client }) => {
  expectStatus(await client.patch('/v1/profile', { fullName: 'Ada', timeZone: 'Asia/Tokyo', language: 'ja' }), 200);
  const token = async (...permissions: string[]) =>
    app.withToken(
      expectStatus(await admin.post('/v1/admin/service-tokens', { name: 'runner', permissions }), 201).body.token,
    );
  const service = await token('owners:read');
  const path = `/v1/services/users/${ada}`;
  const seen = expectStatus(await service.get(path), 200);
  assert.equal(seen.body, {
    id: ada,
    status: 'active',
    displayName: 'Ada',
    language: 'ja',
    timeZone: 'Asia/Tokyo',
  });
  await app.run(app.commands.deactivateUser, { userId: ada, reason: null });
  assert.is((await service.get(path)).body.status, 'deactivated');
  await app.run(app.commands.eraseUser, { userId: ada, reason: null });
  const erased = expectStatus(await service.get(path), 200).body;
  assert.equal(erased, { id: ada, status: 'erased', displayName: ada, language: 'en', timeZone: 'UTC' });
  const nobody = '/v1/services/users/00000000-0000-4000-8000-000000000000';
  assert.equal(refusal(await service.get(nobody)), [404, 'not-found']);
  assert.equal(refusal(await (await token('verify')).get(path)), [403, 'forbidden']);
  assert.equal(refusal(await admin.get(path)), [403, 'forbidden']);
});

s('organizations, groups and roles are shown, and an administrator’s to change', async ({ admin, ada, client }) => {
  for (const own of [{ organizations: ['acme'] }, { groups: ['dev'] }, { roles: ['admin'] }])
    assert.equal(refusal(await client.patch('/v1/profile', own)), [400, 'validation-failed']);
  const given = { organizations: ['works', 'acme'], groups: ['dev'], roles: ['member', 'auditor'] };
  expectStatus(await admin.patch(`/v1/admin/users/${ada}`, given), 200);
  const { body } = await client.get('/v1/profile');
  assert.equal([body.organizations, body.groups, body.roles], [['acme', 'works'], ['dev'], ['auditor', 'member']]);
});

s(
  'the e-mail address moves by an administrator’s hand, and is somebody else’s to have',
  async ({ app, admin, ada, client }) => {
    const path = `/v1/admin/users/${ada}`;
    assert.is(
      expectStatus(await admin.patch(path, { email: ' Ada@New.Example.COM ' }), 200).body.email,
      'ada@new.example.com',
    );
    assert.is((await client.get('/v1/me')).body.email, 'ada@new.example.com');
    assert.equal(refusal(await admin.patch(path, { email: 'admin@example.com' })), [409, 'email-taken']);
    assert.equal(refusal(await admin.patch(path, { email: 'not an address' })), [400, 'validation-failed']);
    assert.equal(refusal(await admin.patch(path, { email: null })), [422, 'email-required']);
    const { events } = await app.store.readStream(`user-${ada}`, 0, 10);
    assert.equal(
      events.map(({ type }) => type),
      ['UserRegistered', 'EmailChanged'],
    );
  },
);

s('first and last name, phone with country code, position, description', async ({ client }) => {
  const wanted = {
    firstName: 'Ada',
    lastName: 'Example',
    phone: '+4312345678',
    position: 'Engineer',
    description: 'builds\nstreams',
  };
  const { body } = expectStatus(await client.patch('/v1/profile', wanted), 200);
  for (const [field, value] of Object.entries(wanted)) assert.is(body[field], value);
  assert.is(body.displayName, 'Ada Example');
  for (const phone of ['012345678', '12345678', '+43 1 2345678', '+999123456789', '+431', 'phone']) {
    const answer = await client.patch('/v1/profile', { phone });
    assert.equal(refusal(answer), [400, 'validation-failed'], phone);
    assert.is(answer.body.errors[0].pointer, '/phone');
  }
  const both = await client.patch('/v1/profile', { phone: '+999123456789', timeZone: 'Vienna' });
  assert.equal(both.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort(), ['/phone', '/timeZone']);
});

s('the e-mail address is read-only here', async ({ client }) => {
  assert.equal(refusal(await client.patch('/v1/profile', { email: 'eve@example.com' })), [400, 'validation-failed']);
  assert.is((await client.get('/v1/profile')).body.email, 'ada@example.com');
});

s('an avatar, JPG, JPEG or PNG under 1 MB', async ({ app, ada }) => {
  const call = (method: string, body?: Uint8Array, type = 'image/jpeg') =>
    fetch(`${app.url}/v1/profile/avatar`, {
      method,
      headers: { cookie: `keyledger=${ada}`, ...(body && { 'content-type': type }) },
      ...(body && { body }),
    });
  for (const [file, type] of [
    [await jpegOf(700, 500), 'image/jpeg'],
    [await pngOf(700, 500), 'image/png'],
  ] as const) {
    assert.is((await call('PUT', file, type)).status, 204);
    const shown = await call('GET');
    assert.equal([shown.status, shown.headers.get('content-type')], [200, type]);
    const { width, height } = await metadataOf(Buffer.from(await shown.arrayBuffer()));
    assert.equal([width, height], [500, 500]);
  }
  const large = Buffer.concat([await jpegOf(), Buffer.alloc(1_048_576)]);
  assert.is((await call('PUT', large)).status, 413);
  assert.is((await call('PUT', await jpegOf(), 'image/gif')).status, 415);
  assert.is((await call('PUT', svg(), 'image/png')).status, 422);
  assert.is((await call('GET')).status, 200);
  assert.is((await call('DELETE')).status, 204);
  assert.is((await call('GET')).status, 404);
});

s.run();
