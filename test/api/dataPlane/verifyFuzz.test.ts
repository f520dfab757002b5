import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isVerifyBody, verifyBody } from '../../../api/dataPlane/verifyBody.ts';
import { created } from '../../projections/logs.ts';
import { suite } from '../../support/suite.ts';
import { arrange, keyText, withText } from './rig.ts';

const fuzz = suite('POST /v1/verify, any body');

const nearly = fc.record(
  {
    key: fc.oneof(fc.string(), fc.anything()),
    scopes: fc.oneof(
      fc.array(fc.oneof(fc.string(), fc.constantFrom('a:b', 'a.b:c-d', 'a:*', ':', 'a:b:c'))),
      fc.anything(),
    ),
    minPosition: fc.oneof(fc.stringMatching(/^[0-9a-f]{0,3}$/), fc.anything()),
    ip: fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string(),
      fc.constantFrom('::', '::1', '1.2.3', '::ffff:1.2.3.4', '1.2.3.4\n'),
    ),
    userAgent: fc.oneof(fc.string(), fc.constantFrom('x'.repeat(1024), 'x'.repeat(1025)), fc.integer()),
    more: fc.anything(),
  },
  { requiredKeys: [] },
);

/** As JSON brings it: nothing that JSON has no way to say. */
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? 'null');

fuzz('the check that answers agrees with the schema that explains', () =>
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: nearly }, fc.jsonValue()), (value) => {
      const body = asJson(value);
      assert.is(isVerifyBody(body), verifyBody.safeParse(body).success, JSON.stringify(body));
    }),
    { numRuns: 3000 },
  ),
);

// Bodies of every kind that are no question about the one good key.
const wrong: fc.Arbitrary<string | Uint8Array<ArrayBuffer>> = fc.oneof(
  fc.string(),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
  fc.json(),
  nearly.map((value) => JSON.stringify(value) ?? 'null'),
  // The good body, broken by one change.
  fc.tuple(fc.nat(60), fc.string({ minLength: 1, maxLength: 3 })).map(([at, put]) => {
    const good = JSON.stringify({ key: keyText(1) });
    return good.slice(0, at) + put + good.slice(at + put.length + 1);
  }),
  fc.integer({ min: 1, max: 3000 }).map((depth) => `{"key":${'['.repeat(depth)}${']'.repeat(depth)}}`),
);

const means = (body: string | Uint8Array): boolean => {
  try {
    return JSON.parse(typeof body === 'string' ? body : Buffer.from(body).toString()).key === keyText(1);
  } catch {
    return false;
  }
};

fuzz('never an error of ours, never valid', async () => {
  const rig = await arrange();
  try {
    await rig.append(withText(created(1, 1), 1));
    await rig.time.settle();
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(wrong, { minLength: 10, maxLength: 30 }), async (bodies) => {
        const answers = await Promise.all(
          bodies
            .filter((body) => !means(body) && !String(body).includes('minPosition'))
            .map((raw) => rig.call('/v1/verify', { raw, headers: { 'content-type': 'application/json' } })),
        );
        for (const { status, body } of answers) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          assert.ok(status < 500, `${status}`);
          if (status === 200) assert.is(body.valid, false);
          else assert.is(body.status, status);
        }
      }),
      { numRuns: 150, seed: 20270101 },
    );
    assert.ok(
      [200, 400].every((status) => (statuses.get(status) ?? 0) > 50),
      JSON.stringify([...statuses]),
    );
    assert.equal(rig.unexpected, []);
    assert.equal(rig.uses, []);
    assert.is((await rig.verify({ key: keyText(1) })).body.valid, true);
  } finally {
    await rig.close();
  }
});

fuzz.run();
