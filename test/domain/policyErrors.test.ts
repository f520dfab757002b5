import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { KeyPolicy } from '../../domain/keyPolicy.ts';
import { contradictions, rangeErrors } from '../../domain/policyErrors.ts';
import type { PolicyChange } from '../../domain/presets.ts';
import { presets } from '../../domain/presets.ts';
import { looseKeyPolicy } from '../support/keyPolicies.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/policyErrors');

const policyErrors = (policy: KeyPolicy) => [...rangeErrors(policy), ...contradictions(policy)];

test('finds nothing wrong with a preset', () => {
  for (const policy of Object.values(presets)) assert.equal(policyErrors(policy), []);
});

// What is put over a preset, and the fields that are then wrong.
const wrong: readonly (readonly [name: string, base: KeyPolicy, change: PolicyChange, fields: readonly string[]])[] = [
  ['required without a maximum', presets.qalyptus, { maxLifetimeDays: null }, ['/maxLifetimeDays']],
  ['none with a maximum', presets.aip, { maxLifetimeDays: 30 }, ['/maxLifetimeDays']],
  ['none and editable', presets.aip, { expiryEditable: 'any' }, ['/expiryEditable']],
  ['none and to be shortened', presets.aip, { expiryEditable: 'shorten' }, ['/expiryEditable']],
  ['dotted with a prefix', presets.aip, { prefix: 'api' }, ['/prefix']],
  ['prefixed without one', presets.idmp, { prefix: null }, ['/prefix']],
  ['a grace without rotation', presets.helmut, { rotation: false }, ['/maxGraceSeconds']],
  ['a grace with one key per user', presets.helmut, { maxKeysPerUser: 1 }, ['/maxGraceSeconds']],
  ['replace with more than one', presets.aip, { maxKeysPerUser: 2 }, ['/whenFull']],
  ['two at once', presets.aip, { maxKeysPerUser: 2, prefix: 'api' }, ['/prefix', '/whenFull']],
  ['no keys', presets.idmp, { maxKeysPerUser: 0 }, ['/maxKeysPerUser']],
  ['too many keys', presets.idmp, { maxKeysPerUser: 1001 }, ['/maxKeysPerUser']],
  ['half a key', presets.idmp, { maxKeysPerUser: 1.5 }, ['/maxKeysPerUser']],
  ['no life', presets.qalyptus, { maxLifetimeDays: 0 }, ['/maxLifetimeDays']],
  ['too long a life', presets.qalyptus, { maxLifetimeDays: 366 }, ['/maxLifetimeDays']],
  ['a prefix in capitals', presets.idmp, { prefix: 'API' }, ['/prefix']],
  ['a prefix of one letter', presets.idmp, { prefix: 'a' }, ['/prefix']],
  ['a prefix of thirteen', presets.idmp, { prefix: 'a'.repeat(13) }, ['/prefix']],
  ['a prefix with an underscore', presets.idmp, { prefix: 'a_b' }, ['/prefix']],
  ['a prefix and a line break', presets.idmp, { prefix: 'api\n' }, ['/prefix']],
  ['the prefix of service tokens', presets.idmp, { prefix: 'svc' }, ['/prefix']],
  ['a negative grace', presets.helmut, { maxGraceSeconds: -1 }, ['/maxGraceSeconds']],
  ['a grace of more than a day', presets.helmut, { maxGraceSeconds: 86_401 }, ['/maxGraceSeconds']],
  ['notice on the day itself', presets.idmp, { expiryNoticeDays: [7, 0] }, ['/expiryNoticeDays']],
  ['unused for no time', presets.idmp, { endUnusedAfterDays: 0 }, ['/endUnusedAfterDays']],
  ['unused for more than a year', presets.idmp, { endUnusedAfterDays: 366 }, ['/endUnusedAfterDays']],
];

for (const [name, base, change, fields] of wrong) {
  test(`refuses ${name}`, () => {
    const errors = policyErrors({ ...base, ...change } as KeyPolicy);
    assert.equal(
      errors.map((error) => error.field),
      fields,
    );
    for (const { detail } of errors) assert.match(detail, /^[A-Z].*\.$/);
  });
}

test('accepts the edges', () => {
  for (const change of [
    { maxKeysPerUser: 1, maxGraceSeconds: 0 },
    { maxKeysPerUser: 1000 },
    { maxLifetimeDays: 1 },
    { maxLifetimeDays: 365 },
    { prefix: 'ab' },
    { prefix: 'a12345678901' },
    { maxGraceSeconds: 86_400 },
    { expiryNoticeDays: [] },
    { endUnusedAfterDays: 365 },
  ])
    assert.equal(policyErrors({ ...presets.helmut, ...change }), []);
});

test('agrees with the prose on any policy whose values are in range', () => {
  const consistent = (p: KeyPolicy): boolean => {
    if (p.expiry === 'required') if (p.maxLifetimeDays === null) return false;
    if (p.expiry === 'none') if (p.maxLifetimeDays !== null || p.expiryEditable !== 'no') return false;
    if ((p.form === 'dotted') !== (p.prefix === null)) return false;
    if (p.maxGraceSeconds !== 0) if (!p.rotation || p.maxKeysPerUser === 1) return false;
    return p.whenFull === 'refuse' || p.maxKeysPerUser === 1;
  };
  fc.assert(
    fc.property(looseKeyPolicy, (policy) => {
      assert.equal(rangeErrors(policy), []);
      assert.is(contradictions(policy).length === 0, consistent(policy));
    }),
    { numRuns: 2000 },
  );
});

test.run();
