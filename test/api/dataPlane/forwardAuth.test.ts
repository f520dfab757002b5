import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { catalog, created, keyId, onKey, userId } from '../../projections/logs.ts';
import { type Fault, withFaults } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';
import { arrange, type Call, keyText, tokenText, withRig, withText } from './rig.ts';

const forward = suite('/v1/forward-auth');

const key = (n: number, options: Parameters<typeof created>[2] = {}) => withText(created(n, 1, options), n);
const withKey = (n: number, more: Partial<Call> = {}): Call => ({ method: 'GET', token: keyText(n), ...more });

forward(
  'lets through whoever sends a key that works, and says whose it is',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    for (const method of ['GET', 'HEAD', 'POST']) {
      const answer = await rig.call('/v1/forward-auth', withKey(1, { method }));
      assert.is(answer.status, 204, answer.text);
      assert.is(answer.headers.get('keyledger-key-id'), keyId(1));
      assert.is(answer.headers.get('keyledger-owner-id'), userId(1));
      assert.is(answer.headers.get('keyledger-scopes'), '*:*');
      assert.is(answer.headers.get('cache-control'), 'no-store');
    }
    const header = await rig.call('/v1/forward-auth', {
      method: 'GET',
      token: null,
      headers: { 'x-api-key': keyText(1), 'x-forwarded-for': '203.0.113.9, 198.51.100.7' },
    });
    assert.is(header.status, 204);
    assert.is(rig.uses.at(-1)!.ip, '198.51.100.7', 'the address that the proxy saw, not one that the client gave');
    await rig.call('/v1/forward-auth', withKey(1, { headers: { 'x-forwarded-for': '::ffff:198.51.100.8' } }));
    assert.is(rig.uses.at(-1)!.ip, '198.51.100.8', 'as a socket for both kinds of addresses names it');
  }),
);

forward(
  'turns away everybody else, without a word on why',
  withRig(async (rig) => {
    await rig.append(key(1), onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }));
    await rig.time.settle();
    const texts = new Set<string>();
    for (const token of [keyText(1), keyText(2), 'anything', tokenText(1)]) {
      const answer = await rig.call('/v1/forward-auth', { method: 'GET', token });
      assert.is(answer.status, 401);
      assert.match(answer.headers.get('www-authenticate')!, /^Bearer/);
      texts.add(JSON.stringify({ ...answer.body, requestId: '' }));
    }
    assert.is(texts.size, 1);
    assert.is((await rig.call('/v1/forward-auth', { method: 'GET', token: null })).body.code, 'unauthenticated');
    const both = { method: 'GET', headers: { 'x-api-key': keyText(2) } };
    assert.is((await rig.call('/v1/forward-auth', { ...both, token: keyText(1) })).body.code, 'ambiguous-credentials');
    assert.equal(rig.uses, []);
  }),
);

forward(
  'scopes: each that is asked for',
  withRig(async (rig) => {
    const streams = { application: 'streams', actions: ['read', 'edit', 'admin'] };
    await rig.append(catalog([streams]), key(1, { scopes: ['streams:read', 'streams:edit'] }));
    await rig.time.settle();
    const ask = (query: string) => rig.call(`/v1/forward-auth${query}`, withKey(1));
    assert.is((await ask('?scope=streams:read&scope=streams:edit')).status, 204);
    assert.is((await ask('')).headers.get('keyledger-scopes'), 'streams:read streams:edit');
    const refused = await ask('?scope=streams:read&scope=streams:admin');
    assert.is(refused.status, 403);
    assert.is(refused.body.code, 'insufficient-scope');
    assert.equal(refused.body.params, { missing: ['streams:admin'] });
    assert.match(refused.headers.get('www-authenticate') ?? 'Bearer', /^Bearer/);
    for (const query of ['?scope=streams', '?scope=', '?scopes=a:b', '?scope=a:*']) {
      assert.is((await ask(query)).body.code, 'validation-failed', query);
    }
  }),
);

forward(
  'names no more scopes than a header has room for, those asked for first, and says how many it left out',
  withRig(async (rig) => {
    const actions = Array.from({ length: 100 }, (_, n) => `action${n + 100}`);
    const items = Array.from({ length: 10 }, (_, n) => ({ application: `streams${n}`, actions }));
    const scopes = items.flatMap(({ application }) => actions.map((action) => `${application}:${action}`));
    await rig.append(catalog(items), key(1, { scopes }), key(2, { scopes: scopes.slice(0, 350) }));
    await rig.time.settle();
    const ask = async (n: number, query: string) => (await rig.call(`/v1/forward-auth${query}`, withKey(n))).headers;

    const few = await ask(2, '');
    assert.equal(few.get('keyledger-scopes')!.split(' '), scopes.slice(0, 350));
    assert.is(few.get('keyledger-scopes-omitted'), null);

    const [last, another] = [scopes.at(-1)!, scopes.at(-2)!];
    const many = await ask(1, `?scope=${last}&scope=${another}&scope=${last}`);
    const named = many.get('keyledger-scopes')!;
    assert.ok(named.length <= 7000 && named.length > 6900, String(named.length));
    const count = named.split(' ').length;
    assert.equal(named.split(' '), [last, another, ...scopes.slice(0, count - 2)]);
    assert.is(many.get('keyledger-scopes-omitted'), String(scopes.length - count));
  }),
);

forward(
  'waits for the position that it is asked for, as every GET does',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    const position = await rig.append(onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }));
    const asking = (text: string) =>
      rig.call('/v1/forward-auth', withKey(1, { headers: { 'keyledger-min-position': text } }));
    const answers = Promise.all([asking(position), asking('f'.repeat(position.length)), asking('?')]);
    for (let turns = 0; turns < 8; turns++) await rig.time.advance(500);
    assert.equal(
      (await answers).map(({ body }) => body.code),
      ['invalid-key', 'not-caught-up', 'validation-failed'],
    );
  }),
);

forward('is not there for whoever is no proxy of ours', async () => {
  const rig = await arrange({ proxies: ['10.0.0.0/8'] });
  try {
    await rig.append(key(1));
    await rig.time.settle();
    const answer = await rig.call('/v1/forward-auth', withKey(1, { headers: { 'x-forwarded-for': '10.0.0.1' } }));
    assert.is(answer.status, 404);
    assert.is(answer.body.code, 'not-found');
    // Nor does a method that it would not take say that it is.
    const other = await rig.call('/v1/forward-auth', withKey(1, { method: 'PUT' }));
    assert.equal([other.status, other.headers.get('allow')], [404, null]);
    assert.equal(rig.uses, []);
  } finally {
    await rig.close();
  }
});

forward('refuses rather than guesses where the log is not proven', async () => {
  let fault: Fault | undefined;
  await withRig(
    async (rig) => {
      await rig.append(key(1));
      await rig.time.settle();
      fault = 'fail';
      await rig.time.advance(2001);
      const answer = await rig.call('/v1/forward-auth', withKey(1));
      assert.equal([answer.status, answer.headers.get('retry-after')], [503, '1']);
    },
    { store: (plain) => withFaults(plain, { read: () => fault }) },
  )();
});

forward('any headers: never an error of ours, never let through', async () => {
  const rig = await arrange();
  try {
    await rig.append(key(1));
    await rig.time.settle();
    const value = fc.string({ unit: 'grapheme-ascii', maxLength: 60 }).map((text) => text.trim());
    const header = fc.oneof(
      value,
      value.map((text) => `Bearer ${text}`),
      value.map((text) => `Bearer ${keyText(1)}${text}x`),
    );
    const headers = fc.record(
      { authorization: header, 'x-api-key': header, 'x-forwarded-for': value },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(headers, fc.webQueryParameters()), { minLength: 10, maxLength: 30 }),
        async (all) => {
          const calls = all.map(([sent, query]) =>
            rig.call(`/v1/forward-auth?${query}`, {
              method: 'GET',
              token: null,
              headers: sent as Record<string, string>,
            }),
          );
          for (const { status, text } of await Promise.all(calls)) assert.ok(status >= 400 && status < 500, text);
        },
      ),
      { numRuns: 30 },
    );
    assert.equal(rig.unexpected, []);
  } finally {
    await rig.close();
  }
});

forward.run();
