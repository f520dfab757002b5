import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { behaviourOf, behavioursTable, everyBehaviour, keyRows, systems } from '../../scripts/behaviours.ts';
import { suite } from '../support/suite.ts';

const s = suite('the table of behaviours');

const root = fileURLToPath(new URL('../..', import.meta.url));
const behaviours = everyBehaviour(root);

s('is the one that the names of the tests give: run `npm run docs`', () => {
  assert.is(readFileSync(new URL('../../docs/behaviours.md', import.meta.url), 'utf8'), behavioursTable(behaviours));
});

s('has a test in every cell of the rows about keys', () => {
  const empty = keyRows.flatMap((row) =>
    systems.filter((who) => !behaviours.some((one) => one.who === who && one.row === row)).map((who) => [who, row]),
  );
  assert.equal(empty, []);
});

s('names no behaviour twice', () => {
  const names = behaviours.map(({ who, row, holds }) => `${who} · ${row}: ${holds}`);
  assert.equal([...new Set(names)], names);
});

s('takes what has the form, passes over what has no dot, and refuses what only looks like it', () => {
  assert.equal(behaviourOf('idmp · name: title, unique: per user', 'a.test.ts'), {
    who: 'idmp',
    row: 'name',
    holds: 'title, unique: per user',
    file: 'a.test.ts',
  });
  assert.is(behaviourOf('refuses a name in use', 'a.test.ts'), null);
  assert.throws(() => behaviourOf('idpm · name: title', 'a.test.ts'), /of nobody/);
  assert.throws(() => behaviourOf('idmp · nam: title', 'a.test.ts'), /in no row/);
  assert.throws(() => behaviourOf('idmp · name', 'a.test.ts'), /not of the form/);
});

s.run();
