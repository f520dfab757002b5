import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './temporaryFolder.ts';

// As `npm start` has it.
const program = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=16',
  fileURLToPath(new URL('../../main/keyledger.mjs', import.meta.url)),
];

export type Ended = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** The real program in a process of its own. */
export type Server = {
  readonly url: string;
  readonly data: string;
  readonly pid: number;
  /** What it wrote to standard error so far. */
  readonly log: () => string;
  /** @returns how it ended */
  readonly stop: (signal?: NodeJS.Signals) => Promise<Ended>;
};

type Environment = { readonly [variable: string]: string };

const spawned = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of spawned) child.kill('SIGKILL');
});

/** Compiling what all these processes load takes most of their start: once is enough. */
const compiled = join(tmpdir(), 'keyledger-compiled');

const launch = (args: readonly string[], environment: Environment) => {
  const child = spawn(process.execPath, [...program, ...args], {
    env: {
      PATH: process.env.PATH ?? '',
      NODE_COMPILE_CACHE: compiled,
      KEYLEDGER_PORT: '0',
      KEYLEDGER_LOG_LEVEL: 'warn',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  spawned.add(child);
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      spawned.delete(child);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    stderr: () => stderr,
    onOutput: (listener: () => void) => listeners.add(listener),
  };
};

/** Runs the command line to its end. */
export const keyledger = (args: readonly string[], environment: Environment): Promise<Ended> =>
  launch(args, environment).ended;

/** Starts to serve and does not wait for it. */
export const launchServer = (environment: Environment) => launch(['serve'], environment);

/** Serving, on a folder of its own where none is given. @throws with its log where it ends instead */
export const startServer = async (environment: Environment = {}): Promise<Server> => {
  const data = environment.KEYLEDGER_DATA ?? join(temporaryFolder(), 'data');
  const { child, ended, stdout, stderr, onOutput } = launchServer({ ...environment, KEYLEDGER_DATA: data });
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      onOutput(() => {
        const found = /^Keyledger listening on (\S+)$/m.exec(stdout())?.[1];
        if (found) resolve(found);
      });
    }),
    ended.then(({ code, signal }) => {
      throw new Error(`the server ended (${code ?? signal}) before it listened:\n${stderr()}`);
    }),
  ]);
  return {
    url,
    data,
    pid: child.pid!,
    log: stderr,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
};

/** The password that the first start left in the data folder. */
export const initialPassword = (server: Pick<Server, 'data'>): string =>
  readFileSync(join(server.data, 'initial-admin'), 'utf8').trim();
