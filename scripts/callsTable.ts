import { dataPlaneCalls } from '../api/dataPlane/description.ts';
import type { Described } from '../api/route.ts';
import { allRoutes } from '../api/routes.ts';

/** Every call there is, from its declaration. A declaration looks at its context only when it is called. */
export const everyCall = (): readonly Described[] => [...allRoutes({} as never), ...dataPlaneCalls];

const who: { readonly [access: string]: string } = {
  open: 'open',
  session: 'session',
  'session-or-key': 'session or key',
  key: 'a proxy, about a key',
};

const accessOf = (access: Described['access']): string =>
  typeof access === 'string' ? who[access]! : access.join(' or ');

const code = (text: string) => `\`${text}\``;
const several = (texts: readonly string[]) => (texts.length === 0 ? '–' : texts.map(code).join(', '));

const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const cellsOf = ({ method, path, access, command }: Described): readonly string[] => [
  code(`${method} ${path}`),
  accessOf(access),
  command === undefined ? '–' : code(command.command),
  command === undefined ? '–' : code(command.stream),
  several(command?.events ?? []),
  command?.message ?? 'none',
  several(command?.rejections ?? []),
];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

const isReading = ({ method, command }: Described) => method === 'GET' && command === undefined;

/** docs/calls.md. */
export const callsTable = (calls: readonly Described[]): string => {
  const changing = calls.filter(({ command }) => command !== undefined);
  const unlogged = calls.filter(({ method, command }) => method !== 'GET' && command === undefined);
  const reading = calls.filter(isReading);
  return `# Every call

Made by \`npm run docs\` from the declarations of the routes; a test holds it against them. What each call takes and
answers stands in the OpenAPI document, which a running server has at \`/openapi.json\` and, to read, at \`/docs\`.

Not repeated in each row, because every call may answer them: 400 \`validation-failed\`, \`malformed-json\`,
\`malformed-request\`, \`ambiguous-credentials\`; 401 \`unauthenticated\`, \`invalid-key\`; 403 \`forbidden\` (a permission is
missing), \`cross-site\`, \`key-not-allowed-here\`, \`password-change-required\`; 404 \`not-found\` (an id in the path); 405
\`method-not-allowed\`; 406 \`not-acceptable\`; 413 \`payload-too-large\`; 415 \`unsupported-media-type\`; 503 \`unavailable\`
and, where \`Keyledger-Min-Position\` was sent, \`not-caught-up\`. With an \`Idempotency-Key\`: 409
\`idempotency-in-progress\`, \`already-ended\`; 422 \`idempotency-key-reused\`, and \`not-recoverable\` where a text
that is shown once was destroyed since.

## What changes something

One command each. **Message**: what the events tell the subscribers of the feed of revocations to forget.

${table(['Call', 'Who', 'Command', 'Stream', 'Events', 'Message', 'Rejections'], changing.map(cellsOf))}

## What changes nothing in the log

${table(
  ['Call', 'Who', 'Why not'],
  unlogged.map(({ method, path, access, unlogged: why }) => [code(`${method} ${path}`), accessOf(access), why ?? '–']),
)}

## What reads

${table(
  ['Call', 'Who', 'Refuses with'],
  reading.map(({ method, path, access, refuses }) => [
    code(`${method} ${path}`),
    accessOf(access),
    several(refuses ?? []),
  ]),
)}
`;
};
