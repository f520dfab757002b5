import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { csvRow } from '../../api/csv.ts';
import { suite } from '../support/suite.ts';

const s = suite('csv');

s('writes nothing for null, and quotes what needs it', () => {
  assert.is(csvRow(['a', null, true]), 'a,,true\r\n');
  assert.is(csvRow(['a,b', 'say "no"', 'two\nlines', ' edge']), '"a,b","say ""no""","two\nlines"," edge"\r\n');
});

s('makes a text of what a spreadsheet would run', () => {
  assert.is(csvRow(['=1+1']), "'=1+1\r\n");
  assert.is(csvRow(['+1', '-1', '@SUM(A1)']), "'+1,'-1,'@SUM(A1)\r\n");
  assert.is(csvRow(['\t=1', '\r=1']), '"\'\t=1","\'\r=1"\r\n');
  assert.is(csvRow(['=HYPERLINK("http://192.0.2.1","x")']), '"\'=HYPERLINK(""http://192.0.2.1"",""x"")"\r\n');
  assert.is(csvRow(['a=b', '1-2']), 'a=b,1-2\r\n');
});

/** One row as RFC 4180 reads it. */
const read = (text: string): readonly string[] => {
  assert.ok(text.endsWith('\r\n'));
  const cells: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/gy;
  for (let rest = pattern.exec(text); rest !== null; rest = pattern.exec(text)) {
    cells.push(rest[1] === undefined ? rest[2]! : rest[1].replaceAll('""', '"'));
    if (rest[3] !== ',') break;
  }
  return cells;
};

s('gives every text back, but for the apostrophe, and never begins like a formula', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('=', '"', ',', '\r', '\n', '\t', '-', '@', 'a') }),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (cells) => {
      const found = read(csvRow(cells));
      assert.is(found.length, cells.length);
      for (const [i, cell] of found.entries()) {
        assert.not.match(cell, /^[=+\-@\t\r]/);
        assert.is(cell.startsWith("'") && cell !== cells[i] ? cell.slice(1) : cell, cells[i]);
      }
    }),
  );
});

s.run();
