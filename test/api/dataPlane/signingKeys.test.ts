import * as assert from 'uvu/assert';
import { Failure } from '../../../commands/failure.ts';
import { installed, policy, registered } from '../../projections/logs.ts';
import { suite } from '../../support/suite.ts';
import { serviceToken, withRig } from './rig.ts';

const test = suite('GET /v1/revocations/signing-key');
const path = '/v1/revocations/signing-key';

test(
  'answers the keys that are good, the one that signs first, and nothing private',
  withRig(async (rig) => {
    const { status, body, headers, text } = await rig.get(path);
    assert.is(status, 200);
    assert.is(headers.get('cache-control'), 'no-store');
    assert.equal(Object.keys(body), ['keys']);
    assert.equal(Object.keys(body.keys[0]), ['id', 'publicKey', 'notAfter']);
    assert.is(Buffer.from(body.keys[0].publicKey, 'base64').length, 32);
    assert.is(body.keys[0].notAfter, null);
    assert.is((await rig.get(path)).text, text, 'made once');

    const next = await rig.signingKeys.rotate(60_000);
    const both = (await rig.get(path)).body.keys;
    assert.equal(
      both.map(({ id }: { id: string }) => id),
      [next.id, body.keys[0].id],
    );
    assert.is(Date.parse(both[1].notAfter), rig.time.now() + 60_000);

    assert.is((await rig.get(`${path}?all=true`)).body.code, 'validation-failed');
    const beyond = { headers: { 'keyledger-min-position': '?' } };
    assert.is((await rig.get(path, beyond)).body.code, 'validation-failed');
  }),
);

test(
  'is for service tokens that may read the feed, without parameters, to read only',
  withRig(
    async (rig) => {
      const codeOf = async (where: string, call: Parameters<typeof rig.call>[1]) => {
        const { status, body } = await rig.call(where, { method: 'GET', ...call });
        return [status, body.code];
      };
      assert.equal(await codeOf(path, { token: null }), [401, 'unauthenticated']);
      assert.equal(await codeOf(path, {}), [403, 'forbidden']);
      assert.equal(await codeOf(`${path}?all=true`, {}), [403, 'forbidden']);
      assert.equal(await codeOf(path, { method: 'POST' }), [405, 'method-not-allowed']);
    },
    { log: [installed, policy({}), registered(1), serviceToken(1, { permissions: ['verify'] })] },
  ),
);

test(
  'says that it cannot tell while the vault does not answer',
  withRig(async (rig) => {
    Object.assign(rig.vault, {
      get: async () => {
        throw new Failure('store-unavailable', 'away');
      },
    });
    const { status, body } = await rig.get(path);
    assert.equal([status, body.code], [503, 'unavailable']);
    assert.equal(rig.unexpected, []);
  }),
);

test.run();
