import * as assert from 'uvu/assert';
import { auditStream } from '../../../../domain/audit.ts';
import type { UserId } from '../../../../domain/ids.ts';
import { plusDays } from '../../../../domain/instant.ts';
import { keyringStream } from '../../../../domain/keyring.ts';
import { makeKeyText } from '../../../../domain/keyText.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

type Context = { app: WholeApp; admin: Client; adminId: UserId; ada: UserId };
const s = suite<Context>('leaks');

s.before.each(async (context) => {
  const app = await startWholeApp();
  const adminId = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  const ada = await app.register({ email: 'ada@example.com' });
  await app.run(app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
  Object.assign(context, { app, adminId, admin: app.as(adminId), ada });
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

type Made = { readonly id: string; readonly key: string; readonly mask: string };

const make = async (app: WholeApp, ownerId: UserId, own: object = {}): Promise<Made> =>
  expectStatus(await app.as(ownerId).post('/v1/api-keys', { name: 'ci', ...own }), 201).body;

const source = 'https://paste.example.com/1';
const unknown = makeKeyText({ form: 'prefixed', prefix: 'api' }, (length) => new Uint8Array(length).fill(7));

const report = (client: Client, keys: readonly string[], headers = {}) =>
  client.post('/v1/admin/leaks', { keys, source }, headers);

const opened = async (app: WholeApp, stream: string, type: string) =>
  (await app.codec.openAll((await app.store.readStream(stream, 0, 2_000)).events)).filter((one) => one.type === type);

s('paste keys found in the wild, they end at once and it is put down', async ({ app, admin, adminId, ada }) => {
  const leaked = await make(app, ada);
  const kept = await make(app, ada);
  const { status, body, headers } = await report(admin, [leaked.key, unknown]);
  assert.is(status, 200);
  assert.equal(body, {
    results: [
      { mask: leaked.mask, status: 'revoked' },
      { mask: `${unknown.slice(0, 8)}…${unknown.slice(-4)}`, status: 'unknown' },
    ],
  });
  assert.ok(headers.has('keyledger-position'));
  const shown = expectStatus(await admin.get(`/v1/admin/api-keys/${leaked.id}`), 200).body;
  assert.equal([shown.status, shown.revokedReason, shown.revokedNote], ['revoked', 'leak', source]);
  const other = expectStatus(await app.as(ada).get(`/v1/api-keys/${kept.id}`), 200).body;
  assert.is(other.status, 'active');
  const [revocation, ...more] = await opened(app, keyringStream(ada), 'ApiKeyRevoked');
  assert.equal([revocation?.metadata.actor, more.length], [{ kind: 'admin', id: adminId }, 0]);
  const [reported] = await opened(app, auditStream, 'LeakReported');
  assert.equal(reported?.data, { source, reported: 2, revoked: 1 });
});

s('what has ended stays as it ended, and a second report changes no key', async ({ app, admin, ada }) => {
  const deleted = await make(app, ada);
  expectStatus(await app.as(ada).delete(`/v1/api-keys/${deleted.id}`), 204);
  const expiring = await make(app, ada, { expiresAt: plusDays(app.bed.request().at, 1) });
  const leaked = await make(app, ada);
  app.bed.clock.advance(2 * 86_400_000);
  const keys = [deleted.key, expiring.key, leaked.key];
  const statuses = async () => (await report(admin, keys)).body.results.map((one: { status: string }) => one.status);
  assert.equal(await statuses(), ['already-ended', 'already-ended', 'revoked']);
  assert.equal(await statuses(), ['already-ended', 'already-ended', 'already-ended']);
  const shown = expectStatus(await admin.get(`/v1/admin/api-keys/${deleted.id}`), 200).body;
  assert.is(shown.revokedReason, 'owner');
  assert.is((await opened(app, keyringStream(ada), 'ApiKeyRevoked')).length, 2);
  assert.equal(
    (await opened(app, auditStream, 'LeakReported')).map(({ data }) => data.revoked),
    [1, 0],
  );
});

s('the same text twice has the same answer twice, and blanks around it are none of it', async ({ app, admin, ada }) => {
  const { key, mask } = await make(app, ada);
  const { body } = await report(admin, [key, ` ${key}\n`, key]);
  assert.equal(body.results, Array(3).fill({ mask, status: 'revoked' }));
  assert.is((await opened(app, keyringStream(ada), 'ApiKeyRevoked')).length, 1);
});

s('a repeat under one Idempotency-Key has the first answer', async ({ app, admin, ada }) => {
  const { key } = await make(app, ada);
  const header = { 'idempotency-key': 'one' };
  const first = await report(admin, [key, unknown], header);
  const again = await report(admin, [key, unknown], header);
  assert.equal(again.body, first.body);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  assert.is((await opened(app, auditStream, 'LeakReported')).length, 1);
});

s(
  'a service that may report leaks ends an administrator’s key as well: it has the text',
  async ({ app, adminId, admin }) => {
    const { key } = await make(app, adminId);
    const permissions = ['leaks:report'];
    const token = expectStatus(
      await admin.post('/v1/admin/service-tokens', { name: 'scanner', permissions }),
      201,
    ).body;
    const { status, body } = await report(app.withToken(token.token), [key]);
    assert.equal([status, body.results[0].status], [200, 'revoked']);
    const [event] = await opened(app, keyringStream(adminId), 'ApiKeyRevoked');
    assert.equal(event?.metadata.actor, { kind: 'service', id: token.id });
  },
);

s('is nobody’s who has neither permission', async ({ app, admin, ada }) => {
  const { key } = await make(app, ada);
  assert.is((await report(app.as(ada), [key])).status, 403);
  const permissions = ['verify', 'keys:read'];
  const token = expectStatus(await admin.post('/v1/admin/service-tokens', { name: 'other', permissions }), 201).body;
  assert.is((await report(app.withToken(token.token), [key])).status, 403);
  assert.is((await report(app.nobody, [key])).status, 401);
  assert.equal(await opened(app, keyringStream(ada), 'ApiKeyRevoked'), []);
});

s('refuses no keys, too many, too long ones, and no source, and repeats none of them', async ({ app, admin, ada }) => {
  const { key } = await make(app, ada);
  for (const body of [
    { keys: [], source },
    { keys: [key] },
    { keys: [key], source: ' ' },
    { keys: [key, 'x'.repeat(257)], source },
    { keys: Array(1001).fill(key), source },
    { keys: [key], source, also: key },
    { keys: [{ key }], source },
  ]) {
    const answer = await admin.post('/v1/admin/leaks', body);
    assert.equal([answer.status, answer.body.code], [400, 'validation-failed']);
    assert.not.ok(JSON.stringify(answer.body).includes(key));
  }
  const { body } = await report(admin, ['a password that was on the page, too']);
  assert.equal(body.results, [{ mask: '…', status: 'unknown' }]);
});

s('a thousand keys of one owner end together, and not one text is kept anywhere', async ({ app, admin, ada }) => {
  const made: Made[] = [];
  for (let n = 0; n < 250; n += 1) made.push(await make(app, ada, { name: `key ${n}` }));
  const keys = made.map(({ key }) => key);
  const noise = Array.from({ length: 750 }, (_, n) => `${unknown}${n}`);
  const { body } = await report(admin, [...keys, ...noise]);
  assert.is(body.results.filter((one: { status: string }) => one.status === 'revoked').length, 250);
  const [reported] = await opened(app, auditStream, 'LeakReported');
  assert.equal(reported?.data, { source, reported: 1000, revoked: 250 });
  const log = JSON.stringify((await app.store.readAll(null, 100_000)).events);
  assert.not.ok(keys.some((key) => log.includes(key)));
});

s(
  'who identifies a key is put down before they are told, and the key lives on',
  async ({ app, admin, adminId, ada }) => {
    const { id, key } = await make(app, ada);
    const { status, body } = await admin.post('/v1/admin/identify', { key: `${key}\n` });
    assert.equal([status, body.id, body.status, body.owner.id, body.key], [200, id, 'active', ada, undefined]);
    const [identified] = await opened(app, auditStream, 'KeyIdentified');
    assert.equal([identified?.data, identified?.metadata.actor.id], [{ keyId: id }, adminId]);
    app.failAppends(true);
    assert.is((await admin.post('/v1/admin/identify', { key })).status, 503);
    app.failAppends(false);
    assert.is((await admin.post('/v1/admin/identify', { key: unknown })).status, 404);
  },
);

s.run();
