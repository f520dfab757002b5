import * as assert from 'uvu/assert';
import { createKnownTokens } from '../../../api/dataPlane/knownTokens.ts';
import { created, onServices, tokenId } from '../../projections/logs.ts';
import { suite } from '../../support/suite.ts';
import { keyText, type Rig, serviceToken, tokenText, withRig, withText } from './rig.ts';

const known = suite('service tokens that are known');

/** What a token may ask, each call that looks at `verify`. */
const askAll = async (rig: Rig, token: string): Promise<readonly string[]> => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const answers = await Promise.all([
    rig.verify({ key: keyText(1) }, { token }),
    rig.call('/v1/introspect', { token, headers: form, raw: `token=${keyText(1)}` }),
    rig.call('/v1/usage', { token, body: { items: [] } }),
    rig.get('/v1/revocations', { token }),
  ]);
  return answers.map(({ status, body }) => (status < 300 ? 'answered' : body.code));
};

const allowed = ['answered', 'answered', 'answered', 'answered'];
const refused = ['invalid-key', 'invalid-key', 'invalid-key', 'invalid-key'];

for (const [what, told] of [
  ['revoked', onServices('ServiceTokenRevoked', { tokenId: tokenId(1) })],
  ['rotated', onServices('ServiceTokenRotated', { tokenId: tokenId(1), secretHash: '0'.repeat(64), mask: '' })],
] as const)
  known(
    `one that is ${what} opens nothing any more, however often it did`,
    withRig(async (rig) => {
      await rig.append(withText(created(1, 1), 1));
      await rig.time.settle();
      assert.equal(await askAll(rig, tokenText(1)), allowed);
      assert.equal(await askAll(rig, tokenText(1)), allowed);
      await rig.append(told);
      await rig.time.settle();
      assert.equal(await askAll(rig, tokenText(1)), refused);
      assert.equal(await askAll(rig, tokenText(1)), refused);
    }),
  );

known(
  'nor one that is past its end',
  withRig(async (rig) => {
    await rig.append(withText(created(1, 1), 1), serviceToken(2, { expiresAt: rig.time.now() + 5000 }));
    await rig.time.settle();
    assert.equal(await askAll(rig, tokenText(2)), allowed);
    await rig.time.advance(4999);
    assert.equal(await askAll(rig, tokenText(2)), allowed);
    await rig.time.advance(1);
    assert.equal(await askAll(rig, tokenText(2)), refused);
  }),
);

known(
  'one that is known is still no second credential beside another',
  withRig(async (rig) => {
    await rig.append(withText(created(1, 1), 1));
    await rig.time.settle();
    const key = keyText(1);
    assert.is((await rig.verify({ key })).status, 200);
    assert.is((await rig.verify({ key }, { headers: { 'x-api-key': key } })).body.code, 'ambiguous-credentials');
    assert.is((await rig.verify({ key }, { headers: { 'x-api-key': tokenText(1) } })).status, 200);
    assert.is(
      (await rig.verify({ key }, { token: null, headers: { 'x-api-key': key } })).body.code,
      'key-not-allowed-here',
    );
  }),
);

known('so many and no more; what was forgotten is not known', () => {
  const tokens = createKnownTokens();
  const hash = (n: number) => new Uint8Array([n]);
  for (let n = 0; n < 250; n++) tokens.remember(`Bearer ${n}`, hash(n));
  const held = Array.from({ length: 250 }, (_, n) => tokens.hashOf(`Bearer ${n}`)).filter(
    (found) => found !== undefined,
  );
  assert.equal(
    held,
    Array.from({ length: 100 }, (_, n) => hash(150 + n)),
  );
  tokens.forget('Bearer 200');
  assert.is(tokens.hashOf('Bearer 200'), undefined);
});

known.run();
