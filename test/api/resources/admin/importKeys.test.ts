import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../../adapters/node/crypto.ts';
import type { StoredEvent } from '../../../../commands/ports/eventStore.ts';
import { toHex } from '../../../../commands/sealing/encoding.ts';
import type { PolicyChange } from '../../../../domain/presets.ts';
import { answered } from '../../../support/administration.ts';
import { expectStatus } from '../../../support/client.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const imports = suite<{ app: WholeApp; admin: string; ada: string }>('taking over keys of another system, over HTTP');
const path = '/v1/admin/api-keys/import';
const { sha256 } = nodeCryptography();
const hashOf = (text: string) => toHex(sha256(text));

imports.before.each(async (context) => {
  context.app = await startWholeApp();
  context.admin = await context.app.register({ email: 'admin@example.com', roles: ['admin'] });
  context.ada = await context.app.register({ email: 'ada@example.com' });
  await policy(context.app, { preset: 'idmp' });
});
imports.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const policy = (app: WholeApp, change: PolicyChange) => app.run(app.commands.changeKeyPolicy, { change });
const item = (text: string, own: object = {}) => ({
  ownerEmail: 'ada@example.com',
  sha256: hashOf(text),
  mask: `${text.slice(0, 2)}…`,
  name: text,
  ...own,
});
type Result = { status: string; id: string | null; code: string | null };
const ask = async (app: WholeApp, by: string, items: readonly object[], headers = {}) =>
  expectStatus(await app.as(by).post(path, { items }, headers), 200).body.results as readonly Result[];
const codes = (results: readonly Result[]) => results.map(({ status, code }) => (status === 'imported' ? null : code));
const verified = (app: WholeApp, text: string) =>
  app.reader
    .proven()!
    .verify({ hash: sha256(text), wellFormed: () => false, scopes: [], applications: null }, app.bed.clock.now());
const log = async (app: WholeApp) => {
  const events: StoredEvent[] = [];
  for (let after: string | null = null; ; ) {
    const page = await app.bed.store.readAll(after, 500);
    events.push(...page.events);
    if (page.end) return events;
    after = page.position;
  }
};

imports(
  'they work on as they are, whatever their form, and are the owner’s like any other',
  async ({ app, admin, ada }) => {
    const createdAt = '2026-01-01T00:00:00.000Z';
    const [result] = await ask(app, admin, [item('an old secret', { ownerEmail: ' Ada@Example.com ', createdAt })]);
    assert.is(result?.status, 'imported');
    const found = verified(app, 'an old secret');
    assert.equal([found.code, found.valid && found.keyId, found.valid && found.ownerId], ['valid', result?.id, ada]);
    const key = expectStatus(await app.as(ada).get(`/v1/api-keys/${result?.id}`), 200).body;
    assert.equal(
      [key.name, key.mask, key.createdAt, key.recoverable, key.createdBy],
      ['an old secret', 'an…', createdAt, false, { kind: 'admin', id: admin }],
    );
    const [made] = (await log(app)).filter(({ type }) => type === 'ApiKeyImported');
    assert.is(made?.metadata.policyRevision, 0);
    expectStatus(await app.as(ada).delete(`/v1/api-keys/${result?.id}`), 204);
    assert.is(verified(app, 'an old secret').code, 'revoked');
  },
);

imports('one that is refused stops no other, and says why', async ({ app, admin, ada }) => {
  const gone = await app.register({ email: 'gone@example.com' });
  const off = await app.register({ email: 'off@example.com' });
  await app.run(app.commands.deleteUser, { userId: gone, reason: null });
  await app.run(app.commands.deactivateUser, { userId: off, reason: null });
  const theirs = expectStatus(await app.as(ada).post('/v1/api-keys', { name: 'there' }), 201).body;
  const results = await ask(app, admin, [
    item('one'),
    item('two', { name: null }),
    item('three', { name: 'there' }),
    item('four', { name: ' one ' }),
    item('one', { name: 'same text' }),
    item(theirs.key, { name: 'made here' }),
    item('five', { ownerEmail: 'nobody@example.com' }),
    item('six', { ownerEmail: 'not an address' }),
    item('seven', { ownerEmail: 'gone@example.com' }),
    item('eight', { ownerEmail: 'off@example.com' }),
    item('nine', { expiresAt: '2001-01-01T00:00:00Z' }),
    item('ten', { scopes: ['app:read'] }),
    item('eleven'),
  ]);
  assert.equal(codes(results), [
    null,
    ...['name-required', 'api-key-name-taken', 'api-key-name-taken', 'conflict', 'conflict'],
    ...['not-found', 'not-found', 'not-found', 'forbidden', 'expiry-in-past', 'scopes-not-allowed'],
    null,
  ]);
  assert.equal(
    results.map(({ id }) => id === null),
    codes(results).map((code) => code !== null),
  );
});

imports(
  'a text belongs to its first key for ever, also after its end and with another owner',
  async ({ app, admin }) => {
    await app.register({ email: 'grace@example.com' });
    const [first] = await ask(app, admin, [item('text')]);
    await app.as(admin).post(`/v1/admin/api-keys/${first?.id}/revoke`);
    const again = await ask(app, admin, [item('text'), item('text', { ownerEmail: 'grace@example.com' })]);
    assert.equal(codes(again), ['conflict', 'conflict']);
    assert.is(verified(app, 'text').code, 'revoked');
  },
);

imports('a service’s token becomes nobody’s key', async ({ app, admin }) => {
  const given = { name: 'billing', permissions: ['verify'] };
  const { token } = expectStatus(await app.as(admin).post('/v1/admin/service-tokens', given), 201).body;
  assert.equal(codes(await ask(app, admin, [item('text', { sha256: hashOf(token) })])), ['conflict']);
  assert.is(verified(app, token).code, 'malformed');
});

imports('a repeat is answered alike, and makes nothing', async ({ app, admin }) => {
  const items = Array.from({ length: 5 }, (_, n) => item(`key ${n % 4}`, { name: `key ${n % 3}` }));
  const first = await app.as(admin).post(path, { items }, { 'idempotency-key': 'k' });
  const before = (await log(app)).length;
  const second = await app.as(admin).post(path, { items }, { 'idempotency-key': 'k' });
  assert.equal(second.body, first.body);
  assert.equal(codes(first.body.results), [null, null, null, 'api-key-name-taken', 'conflict']);
  assert.is(second.headers.get('idempotency-replayed'), 'true');
  assert.equal(
    codes(await ask(app, admin, items)),
    Array(3).fill('conflict').concat(['api-key-name-taken', 'conflict']),
    'without the header it is another import',
  );
  assert.is((await log(app)).length, before);
});

imports(
  'a thousand at once, of many owners and of one, in pieces that any store takes',
  async ({ app, admin, ada }) => {
    const appends: number[] = [];
    for (let n = 0; n < 3; n += 1) await app.register({ email: `user${n}@example.com` });
    const items = Array.from({ length: 1000 }, (_, n) =>
      item(`text ${n}`, {
        name: `${'é'.repeat(180)} ${n}`,
        ...(n % 4 > 0 && { ownerEmail: `user${(n % 4) - 1}@example.com` }),
      }),
    );
    const results = await ask(app, admin, items, { 'user-agent': 'a'.repeat(512) });
    assert.equal(new Set(codes(results)), new Set([null]));
    assert.is(new Set(results.map(({ id }) => id)).size, 1000);
    const made = (await log(app)).filter(({ type }) => type === 'ApiKeyImported');
    assert.is(made.length, 1000);
    // Events of one append have one time and correlation, and stand side by side: at most 100 of them, well under 1 MiB.
    for (let from = 0; from < made.length; from += 100)
      appends.push(Buffer.byteLength(JSON.stringify(made.slice(from, from + 100))));
    assert.ok(Math.max(...appends) < 524_288, `${Math.max(...appends)} bytes`);
    const own = await app.as(ada).get('/v1/api-keys?limit=1&count=true');
    assert.is(own.body.total, 250);
    const full = Array.from({ length: 1000 }, (_, n) => item(`more ${n}`));
    assert.equal(
      codes(await ask(app, admin, full)),
      Array.from({ length: 1000 }, (_, n) => (n < 750 ? null : 'api-key-limit-reached')),
    );
  },
);

imports('under a policy with scopes they are expanded, and only what the owner holds', async ({ app, admin }) => {
  await app.run(app.commands.changeScopeCatalog, { items: [{ application: 'app', actions: ['read', 'write'] }] });
  await policy(app, { preset: 'helmut' });
  const results = await ask(app, admin, [
    item('one', { scopes: ['app:write'] }),
    item('two'),
    item('three', { scopes: ['app:other'] }),
  ]);
  assert.equal(codes(results), [null, 'scopes-required', 'unknown-scope']);
  const key = expectStatus(await app.as(admin).get(`/v1/admin/api-keys/${results[0]?.id}`), 200).body;
  assert.equal(key.scopes, ['app:read', 'app:write']);
});

imports('nobody makes a key for somebody who may more than they', async ({ app }) => {
  await app.run(app.commands.defineRole, {
    name: 'importer',
    permissions: ['keys:import', 'api-keys:use'],
    scopes: null,
  });
  const importer = await app.register({ email: 'importer@example.com', roles: ['importer'] });
  const member = await app.register({ email: 'member@example.com' });
  const to = (ownerEmail: string) => item(`of ${ownerEmail}`, { ownerEmail });
  const results = await ask(app, importer, [to('admin@example.com'), to('ada@example.com')]);
  assert.equal(codes(results), ['forbidden', null]);
  assert.equal(answered(await app.as(member).post(path, { items: [item('x')] })), [403, 'forbidden']);
});

imports('refuses what is no list of keys, saying where', async ({ app, admin }) => {
  const before = (await log(app)).length;
  const pointers = async (items: unknown) => {
    const { status, body } = await app.as(admin).post(path, { items });
    assert.equal([status, body.code], [400, 'validation-failed']);
    return body.errors.map(({ pointer }: { pointer: string }) => pointer);
  };
  assert.equal(await pointers([]), ['/items']);
  assert.equal(await pointers(Array.from({ length: 1001 }, (_, n) => item(`key ${n}`))), ['/items']);
  assert.equal(await pointers([item('abc'), item('b', { sha256: 'b' })]), ['/items/1/sha256']);
  assert.equal(await pointers([item('abc', { mask: 'abc' })]), ['/items/0/mask'], 'the key itself');
  for (const nothing of ['', ' ', '\n', '\r\n'])
    assert.equal(
      await pointers([item('abc', { sha256: hashOf(nothing).toUpperCase() })]),
      ['/items/0/sha256'],
      `no key would be one: ${JSON.stringify(nothing)}`,
    );
  for (const mask of ['abc ', ' abc', '"abc"', 'key: abc', 'abc, and more'])
    assert.equal(await pointers([item('abc', { mask })]), ['/items/0/mask'], `the key in ${mask}`);
  assert.equal(await pointers([item('abc', { key: 'a' })]), ['/items/0/key']);
  assert.is((await log(app)).length, before);
});

imports.run();
