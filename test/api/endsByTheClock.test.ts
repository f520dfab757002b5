import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { keyringStream } from '../../domain/keyring.ts';
import type { Permission } from '../../domain/permissions.ts';
import { expectStatus } from '../support/client.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';

type Context = { app: WholeApp; ownerId: string };

// No worker runs here: nothing closes, expires, publishes. What ends, ends by the log and the clock alone.
const ends = suite<Context>('rights end without any worker');

ends.before.each(async (context) => {
  context.app = await startWholeApp();
  await context.app.run(context.app.commands.changeKeyPolicy, { change: { preset: 'helmut', scoped: false } });
  context.ownerId = await context.app.register({ email: 'ada@example.com' });
});

ends.after.each(async ({ app }) => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const verify = async ({ reader, bed }: WholeApp, text: string, scopes: readonly string[] = []) => {
  assert.ok(await reader.prove());
  const hash = nodeCryptography().sha256(text);
  return reader.proven()!.verify({ hash, wellFormed: () => true, scopes, applications: null }, bed.clock.now());
};

const code = async (app: WholeApp, text: string, scopes?: readonly string[]) => (await verify(app, text, scopes)).code;

const makeKey = async ({ app, ownerId }: Context, fields: object = {}) => {
  const made = await app.as(ownerId).post('/v1/api-keys', { name: 'ci', ...fields });
  return expectStatus(made, 201).body as { id: string; key: string };
};

const after = ({ bed }: WholeApp, ms: number) => new Date(bed.clock.now() + ms).toISOString();

const typesOf = async ({ app, ownerId }: Context) =>
  (await app.bed.store.readStream(keyringStream(ownerId), 0, 100)).events.map(({ type }) => type);

ends('a rotated key at the end of its grace, to the millisecond', async (context) => {
  const { app, ownerId } = context;
  const old = await makeKey(context);
  const graceUntil = after(app, 60_000);
  const rotated = await app.as(ownerId).post(`/v1/api-keys/${old.id}/rotate`, { graceSeconds: 60 });
  const next = expectStatus(rotated, 201).body;
  app.bed.clock.advance(59_999);
  const inGrace = await verify(app, old.key);
  assert.is(inGrace.code, 'valid');
  assert.is(inGrace.valid && inGrace.expiresAt, graceUntil);
  app.bed.clock.advance(1);
  assert.is(await code(app, old.key), 'revoked');
  assert.is(await code(app, next.key), 'valid');
  const shown = expectStatus(await app.as(ownerId).get(`/v1/api-keys/${old.id}`), 200).body;
  assert.is(shown.status, 'revoked');
  assert.is(shown.revokedReason, 'rotated');
  assert.is(shown.revokedAt, graceUntil);
  assert.equal(await typesOf(context), ['ApiKeyCreated', 'ApiKeyRotated', 'ApiKeyCreated'], 'nobody wrote of it');
});

ends('an expiry that comes before the end of a grace wins', async (context) => {
  const { app, ownerId } = context;
  const old = await makeKey(context, { expiresAt: after(app, 30_000) });
  const rotated = await app.as(ownerId).post(`/v1/api-keys/${old.id}/rotate`, { graceSeconds: 60 });
  expectStatus(rotated, 201);
  app.bed.clock.advance(29_999);
  assert.is(await code(app, old.key), 'valid');
  app.bed.clock.advance(1);
  assert.is.not(await code(app, old.key), 'valid');
});

ends('an expired key at its time, to the millisecond', async (context) => {
  const { app } = context;
  const { key } = await makeKey(context, { expiresAt: after(app, 60_000) });
  app.bed.clock.advance(59_999);
  assert.is(await code(app, key), 'valid');
  app.bed.clock.advance(1);
  assert.is(await code(app, key), 'expired');
  assert.equal(await typesOf(context), ['ApiKeyCreated']);
});

ends('a scope that left the catalog', async (context) => {
  const { app } = context;
  const catalog = (...actions: string[]) =>
    app.run(app.commands.changeScopeCatalog, { items: [{ application: 'app', actions }] });
  await catalog('read', 'write');
  await app.run(app.commands.changeKeyPolicy, { change: { scoped: true } });
  const { key } = await makeKey(context, { scopes: ['app:write'] });
  assert.is(await code(app, key, ['app:read', 'app:write']), 'valid');
  await catalog('read');
  const missing = await verify(app, key, ['app:read', 'app:write']);
  assert.equal(missing, { valid: false, code: 'insufficient-scope', missing: ['app:write'] });
  const left = await verify(app, key);
  assert.equal(left.valid && left.scopes, ['app:read']);
});

ends('a role that is taken from its owner, narrowed, or removed', async (context) => {
  const { app, ownerId } = context;
  const { commands } = app;
  const define = (permissions: readonly Permission[], scopes: readonly string[]) =>
    app.run(commands.defineRole, { name: 'ops', permissions, scopes });
  await app.run(commands.changeScopeCatalog, { items: [{ application: 'app', actions: ['read', 'write'] }] });
  await define(['api-keys:use'], ['*:*']);
  await app.run(commands.editUser, { userId: ownerId, roles: ['ops'] });
  await app.run(commands.changeKeyPolicy, { change: { requireRole: true } });
  const { key } = await makeKey(context);
  assert.is(await code(app, key, ['app:write']), 'valid');
  await define(['api-keys:use'], ['app:read']);
  assert.is(await code(app, key, ['app:write']), 'insufficient-scope');
  assert.is(await code(app, key, ['app:read']), 'valid');
  await define([], ['*:*']);
  assert.is(await code(app, key), 'role-not-permitted');
  await define(['api-keys:use'], ['*:*']);
  assert.is(await code(app, key), 'valid');
  await app.run(commands.editUser, { userId: ownerId, roles: [] });
  assert.is(await code(app, key), 'role-not-permitted');
});

ends('keys turned off for everybody, and on again', async (context) => {
  const { app } = context;
  const { key } = await makeKey(context);
  await app.run(app.commands.changeKeyPolicy, { change: { enabled: false } });
  assert.is(await code(app, key), 'api-keys-disabled');
  await app.run(app.commands.changeKeyPolicy, { change: { enabled: true } });
  assert.is(await code(app, key), 'valid');
});

ends.run();
