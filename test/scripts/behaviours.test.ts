import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import {
  behaviourOf,
  behavioursTable,
  everyBehaviour,
  everySystem,
  keyRows,
  otherRows,
  outstanding,
  systems,
} from '../../scripts/behaviours.ts';
import { suite } from '../support/suite.ts';

const s = suite('the table of behaviours');

const root = fileURLToPath(new URL('../..', import.meta.url));
const behaviours = everyBehaviour(root);

s('is the one that the names of the tests give: run `npm run docs`', () => {
  assert.is(readFileSync(new URL('../../docs/behaviours.md', import.meta.url), 'utf8'), behavioursTable(behaviours));
});

/** Over HTTP, against the real program. */
const isReal = (file: string) => file.endsWith('.e2e.test.ts');

s('has a test against the real process in every cell of the rows about keys', () => {
  // Time has to stand still while every key is looked at under twelve changes.
  const inProcess = ['changing the preset'];
  const shown = (who: string, row: string) =>
    behaviours.some((one) => one.who === who && one.row === row && (isReal(one.file) || inProcess.includes(row)));
  const empty = keyRows.flatMap((row) => systems.filter((who) => !shown(who, row)).map((who) => [who, row]));
  assert.equal(empty, []);
  const common = behaviours.filter(({ who, row }) => who === everySystem && keyRows.includes(row as never));
  assert.equal(common, [], 'what is common to all stands in a row of its own');
});

s('has one in every other row, for each system that asks for it, or says that it is not there yet', () => {
  const empty = Object.entries(otherRows).flatMap(([row, askedBy]) => {
    const real = behaviours.filter((one) => one.row === row && isReal(one.file));
    return askedBy
      .filter((who) => !real.some((one) => one.who === who || one.who === everySystem))
      .map((who) => [who, row]);
  });
  assert.equal(
    empty.filter(([, row]) => outstanding[row as keyof typeof otherRows] === undefined),
    [],
  );
});

s('says of nothing that is there that it is not', () => {
  assert.ok(outstanding.pages === undefined || !behaviours.some(({ row }) => row === 'pages'), 'pages');
  const calls = readFileSync(new URL('../../docs/calls.md', import.meta.url), 'utf8');
  assert.ok(outstanding.administrators === undefined || !calls.includes('/v1/admin/incidents'), 'incidents');
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
