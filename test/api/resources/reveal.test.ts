import * as assert from 'uvu/assert';
import { keySecretKind } from '../../../commands/keys/keySecrets.ts';
import { goodPassword } from '../../support/accounts.ts';
import { answered, personWith, type Signed, written } from '../../support/administration.ts';
import { expectStatus } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startTestApp, type TestApp } from '../../support/testApp.ts';

const reveal = suite<{ app: TestApp; admin: Signed; ada: Signed }>('copying a key again, over HTTP');
const path = '/v1/api-keys';
const password = goodPassword;

reveal.before.each(async (context) => {
  context.app = await startTestApp();
  context.admin = await personWith(context.app, ['admin']);
  context.ada = await personWith(context.app, ['member']);
  await policy(context.admin, { preset: 'idmp' });
});
reveal.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const policy = async ({ client }: Signed, change: object) =>
  expectStatus(await client.put('/v1/admin/policy', change), 200);
const make = async ({ client }: Signed, own: object = {}) =>
  expectStatus(await client.post(path, { name: 'ci', ...own }), 201).body;
const ask = ({ client }: Signed, id: string, body: object = { password }, headers = {}) =>
  client.post(`${path}/${id}/reveal`, body, headers);

reveal('shows the same text as often as it is asked, each time put down', async ({ app, ada }) => {
  const made = await make(ada);
  assert.is(made.recoverable, true);
  for (const times of [1, 2]) {
    const shown = expectStatus(await ask(ada, made.id), 200);
    assert.equal(shown.body, { key: made.key });
    const { items } = (await ada.client.get(`${path}/${made.id}/history`)).body;
    assert.equal(
      items.map(({ type, subject }: { type: string; subject: object }) => [type, subject]),
      [
        ['ApiKeyCreated', { kind: 'key', id: made.id }],
        ...Array(times).fill(['ApiKeyRevealed', { kind: 'key', id: made.id }]),
      ],
    );
    assert.equal(items.at(-1).actor.id, ada.id);
    assert.is(items.at(-1).position, shown.headers.get('keyledger-position'));
    app.bed.clock.advance(1000);
  }
});

reveal('asks for the password, or that it was shown within five minutes', async ({ app, ada }) => {
  const { id, key } = await make(ada);
  const before = await written(app);
  assert.equal(answered(await ask(ada, id, {})), [403, 'reauthentication-required']);
  assert.equal(answered(await ask(ada, id, { password: 'wrong' })), [403, 'reauthentication-failed']);
  assert.equal(answered(await ask(ada, id, { passwort: 'x' })), [400, 'validation-failed']);
  assert.is(await written(app), before);
  expectStatus(await ada.client.post('/v1/session/reauthenticate', { password }), 204);
  assert.equal((await ask(ada, id, {})).body, { key });
  app.bed.clock.advance(5 * 60_000);
  assert.equal(answered(await ask(ada, id, {})), [403, 'reauthentication-required']);
});

reveal('wrong passwords are counted, and then wait', async ({ app, ada }) => {
  const { id } = await make(ada);
  let last = await ask(ada, id, { password: 'wrong' });
  for (let tries = 0; tries < 30 && last.status === 403; tries += 1) last = await ask(ada, id, { password: 'wrong' });
  assert.equal(answered(last), [429, 'too-many-requests']);
  assert.equal(answered(await ask(ada, id)), [429, 'too-many-requests']);
  app.bed.clock.advance(24 * 3_600_000);
});

reveal('another’s key is not found, an administrator’s wish neither', async ({ ada, admin, app }) => {
  const { id, key } = await make(ada);
  const other = await personWith(app, ['member']);
  assert.equal(answered(await ask(other, id)), [404, 'not-found']);
  assert.equal(answered(await ask(admin, id)), [404, 'not-found']);
  assert.equal(answered(await app.browser().post(`${path}/${id}/reveal`, { password })), [401, 'unauthenticated']);
  const byKey = await app.browser().post(`${path}/${id}/reveal`, { password }, { 'x-api-key': key });
  assert.equal(answered(byKey), [403, 'key-not-allowed-here']);
});

reveal('what ended is not shown, and no password is asked for', async ({ app, ada, admin }) => {
  const deleted = await make(ada);
  expectStatus(await ada.client.delete(`${path}/${deleted.id}`), 204);
  assert.equal(answered(await ask(ada, deleted.id, {})), [409, 'already-ended']);
  const soon = new Date(app.bed.clock.now() + 60_000).toISOString();
  const expired = await make(ada, { expiresAt: soon });
  app.bed.clock.advance(60_000);
  assert.equal(answered(await ask(ada, expired.id, {})), [409, 'already-ended']);
  await policy(admin, { rotation: true, maxGraceSeconds: 60 });
  const rotated = await make(ada, { name: 'cd' });
  const next = expectStatus(await ada.client.post(`${path}/${rotated.id}/rotate`, { graceSeconds: 60 }), 201).body;
  assert.equal(answered(await ask(ada, rotated.id, {})), [409, 'already-ended'], 'in grace');
  assert.equal((await ask(ada, next.id)).body, { key: next.key });
});

reveal('turned off, nothing is shown; on again it is', async ({ ada, admin }) => {
  const { id, key } = await make(ada);
  await policy(admin, { enabled: false });
  assert.equal(answered(await ask(ada, id, {})), [403, 'api-keys-disabled']);
  await policy(admin, { enabled: true });
  assert.equal((await ask(ada, id)).body, { key });
});

reveal('once the policy shows texts once, those from before are gone for good', async ({ app, ada, admin }) => {
  const old = await make(ada);
  await policy(admin, { secret: 'once' });
  assert.equal(answered(await ask(ada, old.id, {})), [422, 'not-recoverable']);
  assert.is((await ada.client.get(`${path}/${old.id}`)).body.recoverable, false);
  const shownOnce = await make(ada, { name: 'cd' });
  assert.is(shownOnce.recoverable, false);
  assert.is(await app.bed.vault.get(keySecretKind, shownOnce.id), null);
  app.bed.clock.advance(1);
  await policy(admin, { secret: 'recoverable' });
  // Whether or not the worker has destroyed the texts yet.
  for (const { id } of [old, shownOnce]) {
    assert.equal(answered(await ask(ada, id, {})), [422, 'not-recoverable']);
    assert.is((await ada.client.get(`${path}/${id}`)).body.recoverable, false);
  }
  const young = await make(ada, { name: 'ce' });
  assert.equal((await ask(ada, young.id)).body, { key: young.key });
});

reveal(
  'a repeat is answered alike and put down once, but never what may no longer be shown',
  async ({ app, ada, admin }) => {
    const { id, key } = await make(ada);
    const again = { 'idempotency-key': 'k' };
    const first = expectStatus(await ask(ada, id, { password }, again), 200);
    const before = await written(app);
    const second = expectStatus(await ask(ada, id, { password }, again), 200);
    assert.equal([first.body, second.body], [{ key }, { key }]);
    assert.is(second.headers.get('idempotency-replayed'), 'true');
    assert.is(await written(app), before);
    assert.equal(
      answered(await ask(ada, id, {}, again)),
      [403, 'reauthentication-required'],
      'not without the password',
    );
    await policy(admin, { secret: 'once' });
    assert.equal(answered(await ask(ada, id, { password }, again)), [422, 'not-recoverable']);
  },
);

reveal('the text lies in the vault sealed, and in no event', async ({ app, ada }) => {
  const { id, key } = await make(ada);
  await ask(ada, id);
  const row = await app.bed.vault.get(keySecretKind, id);
  assert.is(row?.person, ada.id);
  assert.not.ok(row?.value.includes(key.slice(4)));
  const { events } = await app.store.readAll(null, 10_000);
  assert.not.ok(JSON.stringify(events).includes(key.slice(4, 30)));
});

reveal.run();
