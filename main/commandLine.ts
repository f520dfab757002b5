import { parseArgs } from 'node:util';
import { ConfigurationError, readConfiguration } from './configuration.ts';
import { OperationError } from './operations.ts';
import { progressBar } from './progressBar.ts';
import { StartError } from './startError.ts';
import { version } from './version.ts';

const usage = `Usage: keyledger COMMAND

  serve                          run the server
  lists rebuild [NAME …]         fill lists anew from the log, then switch to them
  lists verify [NAME …]          replay the log and report any difference from the lists
  admin recover [--email ADDRESS]
                                 make somebody administrator who can sign in; prints where the password stands
  restore accept                 go on with a log and a vault from backups of different times; every server must be stopped

Settings are environment variables (KEYLEDGER_DATA, KEYLEDGER_PORT, …): see docs/configuration.md.
The commands on lists and administrators talk to the server that runs on the data folder, or work on the stores themselves.
Exit code: 0 done, 1 failed, 2 wrong usage, setting or store.
`;

/** What was typed is no command. */
class UsageError extends Error {}

type Environment = { readonly [name: string]: string | undefined };

// Loaded late, so that a wrong setting is told before anything else is read or started.
const program = () => import('./program.ts');

const withOperations = async (
  environment: Environment,
  work: (on: import('./operations.ts').Operations) => Promise<number>,
): Promise<number> => {
  const configuration = readConfiguration(environment);
  return (await program()).withOperations(configuration, work);
};

const serve = async (environment: Environment): Promise<number> => {
  const configuration = readConfiguration(environment);
  return (await program()).serve(configuration);
};

const lists = async (verb: string | undefined, names: readonly string[], environment: Environment) => {
  const bar = progressBar(process.stderr);
  if (verb === 'rebuild')
    return withOperations(environment, async (on) => {
      await on.rebuildLists(names, bar.show).finally(bar.end);
      process.stdout.write('The lists are filled anew.\n');
      return 0;
    });
  if (verb === 'verify')
    return withOperations(environment, async (on) => {
      const differences = await on.verifyLists(names, bar.show).finally(bar.end);
      for (const { list, id, detail } of differences) process.stdout.write(`${list} ${id}: ${detail}\n`);
      process.stdout.write(
        differences.length === 0
          ? 'The lists equal a replay of the log.\n'
          : `${differences.length} differences. \`keyledger lists rebuild\` mends them.\n`,
      );
      return differences.length === 0 ? 0 : 1;
    });
  throw new UsageError('lists takes rebuild or verify');
};

const recover = (email: string | null, environment: Environment) =>
  withOperations(environment, async (on) => {
    const recovered = await on.recoverAdministrator(email);
    process.stdout.write(`${recovered.email} is administrator. The password stands in ${recovered.passwordFile}\n`);
    return 0;
  });

const acceptRestored = async (environment: Environment): Promise<number> => {
  const configuration = readConfiguration(environment);
  const { epoch, lost } = await (await import('./restore.ts')).acceptRestored(configuration);
  process.stdout.write(`Accepted as they are. Whoever follows the feed begins anew, with epoch ${epoch}.\n`);
  if (lost > 0) process.stdout.write(`Of ${lost} persons the vault has no key: what was personal of them is lost.\n`);
  return 0;
};

const dispatch = async (args: readonly string[], environment: Environment): Promise<number> => {
  const options = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
    email: { type: 'string' },
  } as const;
  const { values, positionals } = parse(args, options);
  const [command, verb, ...names] = positionals;
  if (values.email !== undefined && command !== 'admin') throw new UsageError('--email goes with admin recover');
  if (values.version) return say(`keyledger ${version()}\n`);
  if (values.help || command === 'help') return say(usage);
  if (command === 'serve' && verb === undefined) return serve(environment);
  if (command === 'lists') return lists(verb, names, environment);
  if (command === 'admin' && verb === 'recover' && names.length === 0)
    return recover(values.email ?? null, environment);
  if (command === 'restore' && verb === 'accept' && names.length === 0) return acceptRestored(environment);
  throw new UsageError(command === undefined ? 'no command given' : `no such command: ${positionals.join(' ')}`);
};

const say = (text: string): number => {
  process.stdout.write(text);
  return 0;
};

const parse = <const O extends NonNullable<Parameters<typeof parseArgs>[0]>['options']>(
  args: readonly string[],
  options: O,
) => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
};

/** @returns the exit code */
export const commandLine = async (args: readonly string[], environment: Environment): Promise<number> => {
  try {
    return await dispatch(args, environment);
  } catch (error) {
    if (error instanceof UsageError) process.stderr.write(`keyledger: ${error.message}\n\n${usage}`);
    else if (error instanceof ConfigurationError || error instanceof StartError)
      process.stderr.write(`keyledger: ${error.message}\n`);
    else if (error instanceof OperationError) {
      process.stderr.write(`keyledger: ${error.message}\n`);
      return 1;
    } else {
      process.stderr.write(`keyledger: ${(error as Error).stack}\n`);
      return 1;
    }
    return 2;
  }
};
