import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createBytesTable } from '../../projections/index/bytesTable.ts';
import { readHex, readUuid, writeUuid } from '../../projections/index/uuidBytes.ts';
import { suite } from '../support/suite.ts';

const table = suite('bytes table');

const keys = fc.array(fc.uint8Array({ minLength: 4, maxLength: 4, max: 3 }), { maxLength: 400 });

table('finds every key at its first row, as a Map would', () =>
  fc.assert(
    fc.property(keys, fc.array(fc.uint8Array({ minLength: 4, maxLength: 4, max: 4 })), (added, asked) => {
      const made = createBytesTable(4, 1);
      const rows = new Map<string, number>();
      added.forEach((key, row) => {
        assert.is(made.add(key), row);
        if (!rows.has(key.join())) rows.set(key.join(), row);
      });
      const loaded = createBytesTable(4);
      loaded.load(made.bytes(), added.length);
      for (const key of [...added, ...asked])
        for (const one of [made, loaded]) assert.is(one.find(key), rows.get(key.join()) ?? -1);
      assert.is(loaded.add(new Uint8Array(4)), added.length);
    }),
  ),
);

table('reads a key in the middle of other bytes', () => {
  const made = createBytesTable(4);
  made.add(new Uint8Array([9, 1, 2, 3, 4]), 1);
  assert.is(made.find(new Uint8Array([1, 2, 3, 4])), 0);
  assert.is(made.find(new Uint8Array([0, 0, 1, 2, 3, 4]), 2), 0);
});

table('reads UUIDs in their one written form and writes them back', () => {
  const bytes = new Uint8Array(16);
  assert.not.ok(readUuid('A0000000-0000-7000-8000-000000000000', bytes));
  assert.not.ok(readUuid('00000000x0000-7000-8000-000000000000', bytes));
  assert.not.ok(readHex('AB', new Uint8Array(1)));
  assert.not.ok(readHex('abc', new Uint8Array(1)));
  return fc.assert(
    fc.property(fc.uuid(), (id) => {
      assert.ok(readUuid(id, bytes));
      assert.is(writeUuid(bytes, 0), id);
      assert.not.ok(readUuid(id.replace(/-/g, ''), bytes));
      assert.not.ok(readUuid(`${id} `, bytes));
      assert.not.ok(readUuid(id.replace(id[0]!, 'g'), bytes));
    }),
  );
});

table.run();
