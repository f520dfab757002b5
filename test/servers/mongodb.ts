import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MongoClient } from 'mongodb';
import { eventually } from '../support/eventually.ts';
import { dockerWith } from './docker.ts';
import { mayUseInstalled } from './installed.ts';
import { oneAtATime } from './oneAtATime.ts';

/** A server of a test's own, at the same address for as long as it is used. */
export type MongoServer = {
  readonly url: string;
  /** Ends it at once, as a crash does; what it stored stays. */
  readonly kill: () => Promise<void>;
  /** Starts it again after `kill`, with what it had stored. */
  readonly start: () => Promise<void>;
  /** Ends it and removes everything. */
  readonly stop: () => Promise<void>;
};

/** One that is there already, and that no test may stop; each test makes databases of its own in it, and drops them. */
export const givenMongo: string | null = process.env.KEYLEDGER_TEST_MONGODB ?? null;

const onPath = (name: string): string | null =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => mayUseInstalled && existsSync(file)) ?? null;

/** Where .ci/run puts what it built from ferretdb/. */
const built = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'keyledger', 'ferretdb-1.24.0');

const contained = givenMongo === null ? await dockerWith('mongo:8') : null;
const mongod = onPath('mongod');
const ferretdb = mayUseInstalled && existsSync(built) ? built : null;
const isReal = contained !== null || mongod !== null;

/** Why a test that stops its server cannot run; null where it can. */
export const noMongoToStop: string | null =
  isReal || ferretdb !== null ? null : 'neither a MongoDB in Docker, nor mongod on PATH, nor FerretDB built by .ci/run';

/** Why no test can run that needs MongoDB; null where they can. */
export const noMongo: string | null =
  givenMongo === null ? noMongoToStop && `KEYLEDGER_TEST_MONGODB is not set, ${noMongoToStop}` : null;

/** Why what only MongoDB itself can show is not shown; null where it is. */
export const noRealMongo: string | null =
  givenMongo === null && !isReal ? 'FerretDB is no MongoDB in this, and there is no other server' : null;

const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const ended = async (child: ChildProcess | null): Promise<void> => {
  if (child === null || !running.has(child)) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await closed;
};

/** @param ready matches a line of its output. @returns with what it matched */
const spawned = async (program: string, args: readonly string[], ready: RegExp) => {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  const [, found] = await new Promise<RegExpExecArray>((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const match = ready.exec(output);
      if (match) resolve(match);
    });
    child.once('error', reject);
    child.once('close', () => {
      running.delete(child);
      reject(new Error(`${program} ended: ${output}`));
    });
  });
  return { child, found: found! };
};

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const holder = createServer().listen(0, '127.0.0.1', () => {
      const { port } = holder.address() as { port: number };
      holder.close(() => resolve(port));
    });
  });

// In memory where there is such a folder: FerretDB waits for the disk after every single document.
const newFolder = (): string => {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'keyledger-'));
  folders.add(folder);
  return folder;
};

const startFerret = async (): Promise<MongoServer> => {
  const folder = newFolder();
  const spawn = (port: number) =>
    spawned(ferretdb!, [`127.0.0.1:${port}`, `file:${folder}/`], /mongodb:\/\/127\.0\.0\.1:(\d+)/);
  let { child, found } = await spawn(0);
  const port = Number(found);
  // FerretDB changes in two steps what it found in one: docs/ferretdb.md.
  const door = await oneAtATime('127.0.0.1', port);
  return {
    url: `mongodb://127.0.0.1:${door.port}/`,
    kill: () => ended(child),
    start: async () => {
      ({ child } = await spawn(port));
    },
    stop: async () => {
      await door.close();
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
      folders.delete(folder);
    },
  };
};

const direct = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`;

/** Makes it a replica set of one: what is asked of it is what is asked of three. @param inside where it listens itself */
const initiate = async (port: number, inside: number): Promise<void> => {
  const client = new MongoClient(direct(port));
  const admin = client.db('admin');
  await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host: `127.0.0.1:${inside}` }] } });
  await eventually(async () => (await admin.command({ hello: 1 })).isWritablePrimary === true);
  await client.close();
};

const startContained = async (): Promise<MongoServer> => {
  const command = ['mongod', '--replSet', 'rs', '--bind_ip_all'];
  const container = await contained!({ port: 27017, files: {}, command, ready: /Waiting for connections/ });
  await initiate(container.port, 27017);
  return { url: direct(container.port), kill: container.kill, start: container.start, stop: container.remove };
};

const startMongod = async (): Promise<MongoServer> => {
  const folder = newFolder();
  const port = await freePort();
  mkdirSync(join(folder, 'db'));
  const args = ['--replSet', 'rs', '--bind_ip', '127.0.0.1', '--port', `${port}`, '--dbpath', join(folder, 'db')];
  const spawn = () => spawned(mongod!, args, /(Waiting for connections)/);
  let { child } = await spawn();
  await initiate(port, port);
  return {
    url: direct(port),
    kill: () => ended(child),
    start: async () => {
      ({ child } = await spawn());
    },
    stop: async () => {
      await ended(child);
      rmSync(folder, { recursive: true, force: true });
      folders.delete(folder);
    },
  };
};

export const startMongo = (): Promise<MongoServer> => {
  if (contained !== null) return startContained();
  return mongod === null ? startFerret() : startMongod();
};

/** The server of a test file: the given one, or one that is started when it is first asked for. */
export const sharedMongo = () => {
  let own: Promise<MongoServer> | null = null;
  let databases = 0;
  const url = async (): Promise<string> => {
    if (givenMongo !== null) return givenMongo;
    own ??= startMongo();
    return (await own).url;
  };
  return {
    url,
    /** The name of a database that nobody else uses. */
    database: (): string => `keyledger-test-${process.pid}-${databases++}`,
    drop: async (database: string): Promise<void> => {
      const client = new MongoClient(await url());
      await client.db(database).dropDatabase();
      await client.close();
    },
    /** It starts again when it is asked for again. */
    stop: async (): Promise<void> => {
      const server = own;
      own = null;
      await (await server)?.stop();
    },
  };
};
