import * as assert from 'uvu/assert';
import type { KeyPolicy, PresetName } from '../../domain/keyPolicy.ts';
import { appliedPolicy, isCustomized, presets, samePolicy } from '../../domain/presets.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/presets');

// The table of the HTTP contract, row by row: qalyptus, idmp, aip, helmut.
const table: readonly (readonly [keyof KeyPolicy, ...unknown[]])[] = [
  ['enabled', false, true, true, true],
  ['requireRole', true, false, false, false],
  ['nameRequired', true, true, false, true],
  ['nameEditable', true, false, true, true],
  ['uniqueNames', false, true, false, false],
  ['maxKeysPerUser', 1000, 1000, 1, 1000],
  ['whenFull', 'refuse', 'refuse', 'replace', 'refuse'],
  ['expiry', 'required', 'optional', 'none', 'optional'],
  ['maxLifetimeDays', 180, null, null, null],
  ['expiryEditable', 'shorten', 'any', 'no', 'any'],
  ['secret', 'once', 'recoverable', 'once', 'once'],
  ['form', 'prefixed', 'prefixed', 'dotted', 'prefixed'],
  ['prefix', 'api', 'api', null, 'api'],
  ['scoped', false, false, false, true],
  ['rotation', false, false, true, true],
  ['maxGraceSeconds', 0, 0, 0, 86_400],
  ['expiryNoticeDays', [30, 7, 1], [30, 7, 1], [], [30, 7, 1]],
  ['endUnusedAfterDays', null, null, null, null],
];
const names: readonly PresetName[] = ['qalyptus', 'idmp', 'aip', 'helmut'];

test('has the values of the table and no others', () => {
  names.forEach((name, column) => {
    const expected = {
      preset: name,
      ...Object.fromEntries(table.map(([field, ...values]) => [field, values[column]])),
    };
    assert.equal(presets[name], expected);
  });
});

test('calls a policy customized where one field differs from its preset', () => {
  for (const name of names) assert.not.ok(isCustomized(presets[name]));
  assert.ok(isCustomized({ ...presets.qalyptus, enabled: true }));
  assert.ok(isCustomized({ ...presets.idmp, expiryNoticeDays: [] }));
});

test('compares every field, and null with a prefix of that name', () => {
  assert.ok(samePolicy(presets.aip, { ...presets.aip, expiryNoticeDays: [] }));
  assert.not.ok(samePolicy(presets.aip, { ...presets.aip, prefix: 'null' }));
});

test('applies known fields only', () => {
  const change = JSON.parse('{"preset": "aip", "colour": "red", "__proto__": {"enabled": false}}');
  assert.equal(appliedPolicy(presets.qalyptus, change), presets.aip);
});

test.run();
