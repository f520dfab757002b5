import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { toHex } from '../../commands/sealing/encoding.ts';
import type { PresetName } from '../../domain/keyPolicy.ts';
import { presets } from '../../domain/presets.ts';
import { goodPassword } from '../support/accounts.ts';
import { expectStatus } from '../support/client.ts';
import { suite } from '../support/suite.ts';
import { startWholeApp, type WholeApp } from '../support/wholeApp.ts';

// Keys of every kind that any preset makes, alive beside each other, under every change from one preset to another.
type Kind = { readonly id: string; readonly text: string; readonly ownerMayUseApi: boolean; readonly kind: string };
type World = { app: WholeApp; admin: string; kinds: readonly Kind[] };

const s = suite<World>('changing the preset, with keys of every kind alive');

const { sha256 } = nodeCryptography();
const hour = 3_600_000;
const day = 24 * hour;
const names = ['qalyptus', 'idmp', 'aip', 'helmut'] as const satisfies readonly PresetName[];

const put = async (app: WholeApp, admin: string, change: object) =>
  expectStatus(await app.as(admin).put('/v1/admin/policy', change), 200).body;

const makeKinds = async (app: WholeApp, admin: string): Promise<readonly Kind[]> => {
  const kinds: Kind[] = [];
  const at = (ms: number) => new Date(app.bed.clock.now() + ms).toISOString();
  let people = 0;
  const owner = async (role: 'member' | 'guest') => {
    people += 1;
    const email = `person.${people}@example.com`;
    return { id: await app.register({ email, roles: [role] }), role, email };
  };
  type Owner = Awaited<ReturnType<typeof owner>>;
  const kept = ({ role }: Owner, kind: string, { id, key }: { id: string; key: string }) => {
    kinds.push({ id, text: key, ownerMayUseApi: role === 'member', kind });
    return id;
  };
  const make = async (of: Owner, kind: string, body: object) =>
    kept(of, kind, expectStatus(await app.as(of.id).post('/v1/api-keys', body), 201).body);
  const rotate = async (of: Owner, kind: string, id: string, graceSeconds: number) =>
    kept(of, kind, expectStatus(await app.as(of.id).post(`/v1/api-keys/${id}/rotate`, { graceSeconds }), 201).body);

  for (const preset of names) {
    await put(app, admin, { preset, enabled: true });
    const { requireRole, expiry, scoped, rotation, whenFull, maxGraceSeconds, secret } = presets[preset];
    const { nameRequired, uniqueNames } = presets[preset];
    const scopes = scoped ? { scopes: ['app:write'] } : {};
    for (const role of requireRole ? (['member'] as const) : (['member', 'guest'] as const)) {
      // Under `replace` another key would end the one before: an owner for each.
      const single = whenFull === 'replace';
      const only = await owner(role);
      const next = async () => (single ? owner(role) : only);
      const named = (name: string) => `${preset}, ${role}: ${name}`;
      const dates = [
        ...(expiry === 'required' ? [] : [['without end', null] as const]),
        ...(expiry === 'none'
          ? []
          : ([
              ['a month', 30 * day],
              ['two hours', 2 * hour],
              ['over', 1000],
            ] as const)),
      ];
      for (const [kind, ms] of dates)
        await make(await next(), named(kind), { name: kind, ...scopes, expiresAt: ms === null ? null : at(ms) });
      const end = expiry === 'required' ? { expiresAt: at(90 * day) } : {};
      const revoked = await next();
      const id = await make(revoked, named('revoked'), { name: 'revoked', ...scopes, ...end });
      expectStatus(await app.as(revoked.id).delete(`/v1/api-keys/${id}`), 204);
      if (rotation) {
        const rotating = await next();
        const old = await make(rotating, named('rotated'), { name: 'rotated', ...scopes });
        await rotate(rotating, named('its successor'), old, Math.min(maxGraceSeconds, 6 * 3600));
      }
      if (!nameRequired) await make(await next(), named('unnamed'), { ...scopes, ...end });
      if (!uniqueNames && !single)
        for (const which of ['one', 'another'])
          await make(only, named(`${which} of the same name`), { name: 'twin', ...scopes, ...end });
      if (secret === 'recoverable') {
        const id = await make(only, named('copied again'), { name: 'copied again', ...scopes, ...end });
        const reveal = app.as(only.id).post(`/v1/api-keys/${id}/reveal`, { password: goodPassword });
        assert.is(expectStatus(await reveal, 200).body.key, kinds.at(-1)!.text);
      }
      const importing = await next();
      const text = `made elsewhere ${named('')}`;
      const item = { ownerEmail: importing.email, sha256: toHex(sha256(text)), mask: 'old', name: 'imported' };
      const items = [{ ...item, ...scopes, ...end }];
      const { results } = expectStatus(await app.as(admin).post('/v1/admin/api-keys/import', { items }), 200).body;
      kept(importing, named('imported'), { id: results[0].id, key: text });
    }
  }
  app.bed.clock.advance(1000);
  return kinds;
};

s.before(async (context) => {
  const app = await startWholeApp();
  const admin = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  const items = [{ application: 'app', actions: ['read', 'write'] }];
  expectStatus(await app.as(admin).put('/v1/admin/scopes', { items }), 200);
  const kinds = await makeKinds(app, admin);
  Object.assign(context, { app, admin, kinds });
});
s.after(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const later = [0, hour, 2 * hour, 6 * hour, 20 * day, 30 * day, 90 * day, 400 * day] as const;

/** What every key is and may, now and at times to come. */
const seen = async ({ app, admin, kinds }: World) => {
  const index = app.reader.proven()!;
  const now = app.bed.clock.now();
  const all = kinds.map(async ({ id, text, kind }) => {
    const { body } = expectStatus(await app.as(admin).get(`/v1/admin/api-keys/${id}`), 200);
    // These say what the policy lets be done with it: what it is, is all the rest.
    const { usable: _u, unusableBecause: _b, recoverable: _r, ...is } = body;
    const may = later.map((ms) => {
      const question = { hash: sha256(text), wellFormed: () => false, scopes: [], applications: null };
      const { code, ...rest } = index.verify(question, now + ms);
      return { code, rest: code === 'valid' ? rest : null };
    });
    return { kind, is, may };
  });
  return Promise.all(all);
};
type Seen = Awaited<ReturnType<typeof seen>>;

/** The same, but for the two that apply at every check. `free`: as seen while neither stops anything. */
const under = (preset: PresetName, kinds: readonly Kind[], free: Seen): Seen => {
  const { enabled, requireRole } = presets[preset];
  return free.map((key, n) => ({
    ...key,
    may: key.may.map((at) => {
      if (at.code !== 'valid') return at;
      if (!enabled) return { code: 'api-keys-disabled', rest: null };
      return requireRole && !kinds[n]!.ownerMayUseApi ? { code: 'role-not-permitted', rest: null } : at;
    }),
  }));
};

const assertChanges = async (world: World, from: PresetName) => {
  const { app, admin, kinds } = world;
  await put(app, admin, { enabled: true, requireRole: false });
  const free = await seen(world);
  const before = (await app.bed.store.readAll(null, 1000)).events.length;
  for (const to of names.filter((name) => name !== from)) {
    await put(app, admin, { preset: from });
    assert.equal(await seen(world), under(from, kinds, free), `as ${from}`);
    await put(app, admin, { preset: to });
    assert.equal(await seen(world), under(to, kinds, free), `from ${from} to ${to}`);
  }
  await put(app, admin, { enabled: true, requireRole: false });
  assert.equal(await seen(world), free, 'nothing is left of it');
  const { events } = await app.bed.store.readAll(null, 1000);
  assert.equal(new Set(events.slice(before).map(({ type }) => type)), new Set(['KeyPolicyChanged']));
};

s('there are keys of every kind, and they work or not as they should', async (world) => {
  const { app, admin, kinds } = world;
  await put(app, admin, { preset: 'helmut' });
  const codes = new Map((await seen(world)).map(({ kind, may }) => [kind, may[0]?.code]));
  assert.is(codes.size, kinds.length);
  for (const [kind, code] of codes) {
    const aipRotated = kind.startsWith('aip') && kind.endsWith('rotated');
    const expected = kind.endsWith('over') ? 'expired' : kind.endsWith('revoked') || aipRotated ? 'revoked' : 'valid';
    assert.is(code, expected, kind);
  }
  assert.ok(kinds.length > 40, `${kinds.length} kinds`);
  // What the strictest of the presets would not let be made again.
  const { items } = (await app.as(admin).get('/v1/admin/users?q=person&limit=200')).body;
  assert.ok(
    items.some(({ keyCounts }: { keyCounts: { active: number } }) => keyCounts.active > 1),
    'over a limit of one',
  );
});

s(
  'qalyptus · changing the preset: to any other, no key ends, extends or widens, but by enabled and requireRole',
  (world) => assertChanges(world, 'qalyptus'),
);

s('idmp · changing the preset: to any other, no key ends, extends or widens, but by enabled and requireRole', (world) =>
  assertChanges(world, 'idmp'),
);

s('aip · changing the preset: to any other, no key ends, extends or widens, but by enabled and requireRole', (world) =>
  assertChanges(world, 'aip'),
);

s(
  'helmut · changing the preset: to any other, no key ends, extends or widens, but by enabled and requireRole',
  (world) => assertChanges(world, 'helmut'),
);

s.run();
