import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

// docs/behaviours.md shows, for each of the systems that an installation can stand in for, what it asks and which test
// shows it. It is made from names of tests, so a test becomes a line of it by its name alone:
//
//     <who> · <row>: <what holds>          s('idmp · name: title, unique per user, fixed', async () => …)
//
// `who` is one of `systems`, for what it asks for, or `all` for what holds beside that; `row` one of `keyRows` or
// `otherRows`. The name
// is a plain text (no variable in it), the first argument of the suite's call, in any file under test/. Several tests may
// share a cell. A name that has the dot and another who or row fails the test of this file.

/** In the order of the columns. */
export const systems = ['qalyptus', 'idmp', 'aip', 'helmut'] as const;
export const everySystem = 'all';

/** What the systems differ in: each has something of its own in every row, and nothing is common to all. */
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
  'changing the preset',
] as const;

type System = (typeof systems)[number];

/** What they ask for beside keys, each with the systems that do. Here it is there whatever the preset. */
export const otherRows = {
  account: ['qalyptus'],
  profile: ['idmp'],
  password: systems,
  sessions: ['helmut'],
  'two-factor': ['idmp', 'helmut'],
  notices: ['aip'],
  administrators: ['qalyptus'],
  pages: systems,
  troubleshooting: ['qalyptus'],
} as const satisfies { readonly [row: string]: readonly System[] };

/** What of a row is not there yet. It says so itself, and goes with the first test of it. */
export const outstanding: { readonly [row in keyof typeof otherRows]?: string } = {
  administrators: '*Not there yet: one call for an incident.*',
  pages: '*Not there yet: the console, which is built on the calls above.*',
};

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
const knownRows: readonly string[] = [...keyRows, ...Object.keys(otherRows)];

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

const cell = (behaviours: readonly Behaviour[]) => behaviours.map(linked).join('<br>');

/** docs/behaviours.md. */
export const behavioursTable = (behaviours: readonly Behaviour[]): string => {
  const of = (who: string, row: string) => behaviours.filter((one) => one.who === who && one.row === row);
  const head = (columns: readonly string[]) => [line(['', ...columns]), line(['---', ...columns.map(() => '---')])];
  const keys = keyRows.map((row) => line([`**${row}**`, ...systems.map((who) => cell(of(who, row)))]));
  const others = Object.entries(otherRows).map(([row, askedBy]) => {
    const shown = [...systems, everySystem].map((who) => cell(of(who, row)));
    const missing = outstanding[row as keyof typeof otherRows] ?? '';
    const who = askedBy.length === systems.length ? 'all of them' : askedBy.join(', ');
    return line([`**${row}**`, who, [...shown, missing].filter((text) => text !== '').join('<br>')]);
  });
  return `# Behaviours

Made by \`npm run docs\` from the names of the tests; a test holds it against them. Each entry is one test, by what it
shows, and leads to its file.

## Keys

A column is a preset of the key policy: an administrator picks it, and Keyledger behaves like that system.

${[...head(systems), ...keys].join('\n')}

## Beside keys

There whatever the preset.

${[...head(['asked for by', 'what holds']), ...others].join('\n')}
`;
};
