// Who may import whom. The house: domain → nothing; commands, projections → domain; workers, api → those three;
// adapters → the ports they implement and their driver; main → all; sdk → nothing here; nobody imports main.
// Said a second time by code that breaks each rule: test/tooling/importRules.test.ts.

// The drivers of each adapter folder: npm packages and Node modules that no other adapter may touch.
const drivers = {
  eventstoredb: ['@eventstore/db-client'],
  mongodb: ['mongodb'],
  nats: ['nats'],
  node: ['bcryptjs', 'libphonenumber-js', 'otplib', 'piscina'],
  sharp: ['sharp'],
  smtp: ['nodemailer'],
  sqlite: ['node:sqlite'],
};

const free = '^(test|bench|scripts|sdk/test|console/test)/';
const house = '(domain|commands|projections|workers|api|adapters|main)';

/** A package as it is resolved (types may come from @types), or a Node module with or without its prefix. */
const path = (name) =>
  name.startsWith('node:') ? `^(node:)?${name.slice(5)}$` : `(^|/)node_modules/(@types/)?${name.replace('/', '\\/')}/`;

const only = (name, comment, from, ...allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  // What is not there has a rule of its own.
  to: { pathNot: allowed, couldNotResolve: false },
});

const never = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    only(
      'domain-imports-nothing',
      'The domain is pure: no npm, no node:, nothing of the house.',
      '^domain/',
      '^domain/',
    ),
    only(
      'commands-import-domain',
      'Commands know the domain and their own ports.',
      '^commands/',
      '^(commands|domain)/',
    ),
    only(
      'projections-import-domain',
      'Projections know the domain, and of the ports what a list and a stored event are.',
      '^projections/',
      '^(projections|domain|commands/ports)/',
    ),
    only(
      'workers-import-the-inside',
      'Workers know domain, commands and projections; clock and timers are handed in.',
      '^workers/',
      '^(workers|domain|commands|projections)/',
    ),
    only(
      'api-imports-the-inside',
      'HTTP knows domain, commands and projections, and what it is made of.',
      '^api/',
      '^(api|domain|commands|projections)/',
      ...['express', 'zod', 'node:http', 'node:crypto', 'node:stream'].map(path),
    ),
    never(
      'adapters-import-ports',
      'An adapter knows the ports it implements and its own folder; adapters/node is the toolbox they share.',
      { path: '^adapters/([^/]+)' },
      {
        pathNot: [
          '^adapters/($1|node)/',
          '^(commands/(ports/|environment[.]ts|failure[.]ts)|domain/)',
          '(^|/)node_modules/',
        ],
        dependencyTypesNot: ['core'],
        couldNotResolve: false,
      },
    ),
    never(
      'adapters-take-types-of-the-domain',
      'An adapter stores what it is given and decides nothing: of the domain it knows the types.',
      { path: '^adapters/' },
      { path: '^domain/', dependencyTypesNot: ['type-only'] },
    ),
    ...Object.entries(drivers).map(([folder, names]) =>
      never(
        `driver-of-${folder}`,
        `One folder per technology: of the adapters only ${folder} knows its driver.`,
        { path: '^adapters/', pathNot: `^adapters/${folder}/` },
        { path: names.map(path) },
      ),
    ),
    never(
      'adapters-have-one-driver',
      'A package that no adapter folder declares in the table above.',
      { path: '^adapters/' },
      { path: '(^|/)node_modules/', pathNot: Object.values(drivers).flat().map(path) },
    ),
    never('nobody-imports-main', 'Wiring comes last.', { pathNot: ['^main/', free] }, { path: '^main/' }),
    never(
      'nobody-imports-tests',
      'What runs does not know what tests it.',
      { pathNot: free },
      { path: '^(test|bench|scripts)/' },
    ),
    never(
      'sdk-imports-nothing-here',
      'Services embed it: no server code, and no package but nats.',
      { path: '^sdk/', pathNot: [free, '^sdk/build[.]mjs$'] },
      { pathNot: ['^sdk/', path('nats')], dependencyTypesNot: ['core'], couldNotResolve: false },
    ),
    never(
      'no-development-packages',
      'What runs needs only the dependencies proper.',
      { path: `^${house}/` },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    ),
    never('no-cycles', 'Files that import each other are one file, or three.', {}, { circular: true }),
    never('no-unresolvable', 'An import of something that is not there.', {}, { couldNotResolve: true }),
  ],
  options: {
    exclude: { path: '^(coverage|data|docs|deploy|examples)/|/dist/' },
    doNotFollow: { path: 'node_modules' },
    // Type imports count: a type from the wrong side ties the two sides together all the same.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'types'] },
  },
};
