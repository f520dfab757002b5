import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { created, keyId, onKey, userId } from '../../projections/logs.ts';
import { suite } from '../../support/suite.ts';
import { arrange, type Call, keyText, serviceToken, tokenText, withRig, withText } from './rig.ts';

const introspect = suite('POST /v1/introspect');

const key = (n: number, options: Parameters<typeof created>[2] = {}) => withText(created(n, 1, options), n);
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const asking = (fields: { readonly [name: string]: string }, more: Partial<Call> = {}): Call => ({
  raw: new URLSearchParams(fields).toString(),
  ...more,
  headers: { ...form, ...more.headers },
});

introspect(
  'a key that works: who, which and until when',
  withRig(async (rig) => {
    const expiresAt = Date.parse('2030-01-01T00:00:00.900Z');
    await rig.append(key(1, { expiresAt }), key(2));
    await rig.time.settle();
    const answer = await rig.call('/v1/introspect', asking({ token: keyText(1), token_type_hint: 'access_token' }));
    assert.is(answer.status, 200, answer.text);
    assert.equal(answer.body, {
      active: true,
      token_type: 'Bearer',
      exp: Date.parse('2030-01-01T00:00:00Z') / 1000,
      sub: userId(1),
      jti: keyId(1),
    });
    assert.is(answer.headers.get('cache-control'), 'no-store');
    assert.not.ok('exp' in (await rig.call('/v1/introspect', asking({ token: keyText(2) }))).body);
    assert.equal(
      rig.uses.map(({ keyId }) => keyId),
      [keyId(1), keyId(2)],
    );
  }),
);

introspect(
  'of all others nothing but that they do not work',
  withRig(async (rig) => {
    await rig.append(key(1), onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }));
    await rig.time.settle();
    for (const token of [keyText(1), keyText(2), 'anything', '', tokenText(1)])
      assert.is((await rig.call('/v1/introspect', asking({ token }))).text, '{"active":false}');
    assert.equal(rig.uses, []);
  }),
);

introspect(
  'however the form is written',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    const active = async (raw: string) => (await rig.call('/v1/introspect', { raw, headers: form })).text.slice(0, 14);
    const written = [...keyText(1)].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join('');
    for (const raw of [
      `token=${written}`,
      `%74oken=${keyText(1)}`,
      `token=${keyText(1)}&`,
      `&token=${keyText(1)}&token_type_hint=x%26y`,
      `token_type_hint=access_token&token=${keyText(1)}`,
    ])
      assert.is(await active(raw), '{"active":true', raw);
    for (const raw of [
      `token==${keyText(1)}`,
      `token=${keyText(1)}+`,
      `token=+${keyText(1)}`,
      `token=${keyText(1)}%00`,
    ])
      assert.is(await active(raw), '{"active":fals', raw);
    const twice = await rig.call('/v1/introspect', { raw: `token=${keyText(1)}&%74oken=`, headers: form });
    assert.equal(twice.body.errors, [{ in: 'body', pointer: '/token', detail: 'Given twice' }]);
  }),
);

introspect(
  'for service tokens that hold verify',
  withRig(async (rig) => {
    await rig.append(serviceToken(2, { permissions: ['revocations:read'] }));
    await rig.time.settle();
    const ask = (token: string | null) => rig.call('/v1/introspect', asking({ token: keyText(1) }, { token }));
    assert.is((await ask(null)).body.code, 'unauthenticated');
    assert.is((await ask(tokenText(2))).body.code, 'forbidden');
    assert.is((await ask(tokenText(3))).body.code, 'invalid-key');
  }),
);

introspect(
  'what it does not take',
  withRig(async (rig) => {
    const code = async (call: Call) => (await rig.call('/v1/introspect', call)).body.code;
    assert.is(await code({ body: { token: keyText(1) } }), 'unsupported-media-type');
    assert.is(await code({ raw: '', headers: form }), 'validation-failed');
    assert.is(await code({ raw: 'token=a&token=b', headers: form }), 'validation-failed');
    assert.is(await code(asking({ token: 'a', scope: 'b' })), 'validation-failed');
    assert.is(await code(asking({ token: 'a'.repeat(9000) })), 'payload-too-large');
    assert.is(await code({ raw: new Uint8Array([0xff, 0xfe]), headers: form }), 'malformed-request');
    assert.is((await rig.call('/v1/introspect', { method: 'GET' })).status, 405);
    assert.is((await rig.call('/v1/introspect?x=1', asking({ token: 'a' }))).body.code, 'validation-failed');
  }),
);

introspect('any body: never an error of ours, never active', async () => {
  const rig = await arrange();
  try {
    await rig.append(key(1));
    await rig.time.settle();
    const bodies = fc.oneof(
      fc.string(),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
      fc.string().map((text) => `token=${text}`),
      fc
        .string()
        .map((text) => `${keyText(1)}${text}x`)
        .map((text) => `token=${encodeURIComponent(text)}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(bodies, { minLength: 10, maxLength: 30 }), async (all) => {
        for (const answer of await Promise.all(all.map((raw) => rig.call('/v1/introspect', { raw, headers: form })))) {
          assert.ok(answer.status < 500, answer.text);
          assert.is.not(answer.body?.active, true);
        }
      }),
      { numRuns: 30 },
    );
    assert.equal(rig.unexpected, []);
  } finally {
    await rig.close();
  }
});

introspect.run();
