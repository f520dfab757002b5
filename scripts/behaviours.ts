import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

// docs/behaviours.md shows, for each of the systems that an installation can stand in for, what it asks and which test
// shows it. It is made from names of tests, so a test becomes a line of it by its name alone:
//
//     <who> · <row>: <what holds>          s('idmp · name: title, unique per user, fixed', async () => …)
//
// `who` is one of `systems`, or `all` for what holds whatever the preset; `row` one of `keyRows` or `otherRows`. The name
// is a plain text (no variable in it), the first argument of the suite's call, in any file under test/. Several tests may
// share a cell. A name that has the dot and another who or row fails the test of this file.

/** In the order of the columns. */
export const systems = ['qalyptus', 'idmp', 'aip', 'helmut'] as const;
export const everySystem = 'all';

/** What the systems differ in; each asks something of its own in every row. */
export const keyRows = [
  'preset name',
  'keys available',
  'who may make keys',
  'name',
  'keys per user',
  'lifetime',
  'expiry after creation',
  'value',
  'form',
  'sent as',
  'rights',
  'replace a lost key',
  'ends when',
  'a key may manage keys',
] as const;

/** What they ask for beside keys, and what only some of them ask for. */
export const otherRows = [
  'account',
  'profile',
  'password',
  'sessions',
  'two-factor',
  'notices',
  'administrators',
  'pages',
  'troubleshooting',
  'changing the preset',
] as const;

export type Behaviour = {
  readonly who: string;
  readonly row: string;
  readonly holds: string;
  /** Path of the test file, from the project's folder. */
  readonly file: string;
};

const separator = ' · ';
const pattern = /^(\S+) · ([^:]+): (.+)$/;
const knownWho: readonly string[] = [...systems, everySystem];
const knownRows: readonly string[] = [...keyRows, ...otherRows];

/** @throws where a name has the dot of a behaviour and is none */
export const behaviourOf = (name: string, file: string): Behaviour | null => {
  if (!name.includes(separator)) return null;
  const [, who, row, holds] = pattern.exec(name) ?? [];
  if (who === undefined || row === undefined || holds === undefined)
    throw new Error(`${file}: "${name}" is not of the form "who · row: what holds"`);
  if (!knownWho.includes(who)) throw new Error(`${file}: "${name}" is of nobody: ${knownWho.join(', ')}`);
  if (!knownRows.includes(row)) throw new Error(`${file}: "${name}" is in no row: ${knownRows.join(', ')}`);
  return { who, row, holds, file };
};

/** The first argument of every call in a file that is a plain text. */
const namesIn = (source: string, file: string): readonly string[] => {
  const names: string[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node)) {
      const [first, second] = node.arguments;
      if (first && second && ts.isStringLiteralLike(first)) names.push(first.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest));
  return names;
};

/** Every behaviour that a test of the project shows, by file and by its place in there. */
export const everyBehaviour = (root: string): readonly Behaviour[] =>
  globSync('{test,sdk,console}/**/*.test.ts', { cwd: root, exclude: ['**/node_modules/**', 'test/scripts/**'] })
    .sort()
    .flatMap((file) => {
      const source = readFileSync(join(root, file), 'utf8');
      // Reading all of them for the few that matter would take seconds.
      return source.includes(separator) ? namesIn(source, file).map((name) => behaviourOf(name, file)) : [];
    })
    .filter((behaviour) => behaviour !== null);

const escaped = (text: string) => text.replaceAll('|', '\\|');
const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const linked = ({ holds, file }: Behaviour) => `[${escaped(holds)}](../${file})`;

const cell = (behaviours: readonly Behaviour[]) =>
  behaviours.length === 0 ? '–' : behaviours.map(linked).join('<br>');

/** docs/behaviours.md. */
export const behavioursTable = (behaviours: readonly Behaviour[]): string => {
  const of = (who: string, row: string) => behaviours.filter((one) => one.who === who && one.row === row);
  const rowsFor = (rows: readonly string[], columns: readonly string[]) =>
    rows.map((row) => line([`**${row}**`, ...columns.map((who) => cell(of(who, row)))]));
  const head = (columns: readonly string[]) => [line(['', ...columns]), line(['---', ...columns.map(() => '---')])];
  // What holds whatever the preset stands in a column of its own, where there is any.
  const shared = behaviours.some(({ who, row }) => who === everySystem && (keyRows as readonly string[]).includes(row));
  const keyColumns = shared ? [...systems, everySystem] : systems;
  return `# Behaviours

Made by \`npm run docs\` from the names of the tests; a test holds it against them. Each entry is one test, by what it
shows, and leads to its file. A column is a preset of the key policy: an administrator picks it, and Keyledger behaves
like that system.

## Keys

${[...head(keyColumns), ...rowsFor(keyRows, keyColumns)].join('\n')}

## Beside keys

\`${everySystem}\`: whatever the preset.

${[...head([...systems, everySystem]), ...rowsFor(otherRows, [...systems, everySystem])].join('\n')}
`;
};
