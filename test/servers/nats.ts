import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { connect } from 'nats';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { dockerWith } from './docker.ts';
import { mayUseInstalled } from './installed.ts';

/** A NATS of a test's own, with JetStream, its port the same for as long as it is used. */
export type NatsServer = {
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** Ends it at once, as a crash does; what it stored stays. */
  readonly kill: () => Promise<void>;
  /** Stops it in the middle of whatever it does: its connections stay open and nobody answers. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  /** Starts it again after `kill`. @param empty without what it had stored */
  readonly start: (empty?: boolean) => Promise<void>;
  /** Ends it and removes everything. */
  readonly stop: () => Promise<void>;
};

export type NatsSettings = {
  /** More of the server's configuration: users, TLS. FILES in it stands for the folder of `files`. */
  readonly more?: string;
  readonly files?: { readonly [name: string]: string };
  readonly jetStream?: boolean;
};

const image = 'nats:2.12';

/** One that is there already, and that no test may stop: everything in it may be deleted. */
export const givenNats: string | null = process.env.KEYLEDGER_TEST_NATS || null;

// Debian puts it where only root looks; .ci/run builds it where there is no Debian.
const program =
  [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'keyledger'),
  ]
    .map((folder) => join(folder, 'nats-server'))
    .find((file) => mayUseInstalled && existsSync(file)) ?? null;

const docker = givenNats === null ? await dockerWith(image) : null;

/** Why a test that stops its server cannot run; null where it can. */
export const noNatsToStop: string | null =
  docker === null && program === null ? 'neither a Docker engine nor nats-server on PATH' : null;

/** Why no test can run that needs NATS; null where they can. */
export const noNats: string | null =
  givenNats === null ? noNatsToStop && `KEYLEDGER_TEST_NATS is not set, ${noNatsToStop}` : null;

const configuration = (address: string, folder: string, { more = '', jetStream = true }: NatsSettings) =>
  [
    `listen: "${address}"`,
    jetStream ? `jetstream { store_dir: "${folder}/store" }` : '',
    more.replaceAll('FILES', folder),
    '',
  ].join('\n');

export const startNats = (settings: NatsSettings = {}): Promise<NatsServer> =>
  docker === null ? startProgram(settings) : startContained(settings);

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const spawned = async (file: string): Promise<{ readonly child: ChildProcess; readonly port: number }> => {
  const child = spawn(program!, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  let log = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      const listening = /Listening for client connections on [^\n]*:(\d+)\n/.exec(log);
      if (listening && log.includes('Server is ready')) resolve(Number(listening[1]));
    });
    child.once('error', reject);
    child.once('close', () => {
      running.delete(child);
      reject(new Error(`nats-server ended:\n${log}`));
    });
  });
  return { child, port };
};

/** A signal takes its time, and each thread for itself. Where the system does not tell, it is believed. */
const standsStill = (pid: number): boolean => {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  const stateOf = (task: string) => /\) (\w)/.exec(readFileSync(join(tasks, task, 'stat'), 'utf8'))?.[1];
  return readdirSync(tasks).every((task) => stateOf(task) === 'T');
};

const startProgram = async (settings: NatsSettings): Promise<NatsServer> => {
  const folder = temporaryFolder();
  const store = join(folder, 'store');
  const file = join(folder, 'nats.conf');
  const configured = (at: number) => writeFileSync(file, configuration(`127.0.0.1:${at}`, folder, settings));
  for (const [name, content] of Object.entries(settings.files ?? {})) writeFileSync(join(folder, name), content);
  configured(-1);
  let { child, port } = await spawned(file);
  configured(port);

  const kill = async () => {
    if (!running.has(child)) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await closed;
  };

  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    kill,
    pause: async () => {
      child.kill('SIGSTOP');
      await eventually(() => standsStill(child.pid!));
    },
    resume: async () => void child.kill('SIGCONT'),
    start: async (empty = false) => {
      if (empty) rmSync(store, { recursive: true, force: true });
      ({ child, port } = await spawned(file));
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const startContained = async (settings: NatsSettings): Promise<NatsServer> => {
  const folder = '/keyledger';
  const files = { ...settings.files, 'nats.conf': configuration('0.0.0.0:4222', folder, settings) };
  const { port, kill, pause, resume, start, remove } = await docker!({
    port: 4222,
    files: Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content])),
    command: ['-c', `${folder}/nats.conf`],
    ready: /Server is ready/,
  });
  const url = `nats://127.0.0.1:${port}`;
  const answers = () =>
    connect({ servers: url, reconnect: false }).then(
      (nc) => nc.close().then(() => true),
      (error: Error) => /authorization/i.test(error.message),
    );
  return {
    url,
    port,
    kill,
    pause,
    resume,
    start: async (empty = false) => {
      await start();
      await eventually(answers);
      if (empty) await deleteStreams(url);
    },
    stop: remove,
  };
};

/** Deletes everything that a server holds. */
export const deleteStreams = async (url: string): Promise<void> => {
  const nc = await connect({ servers: url });
  try {
    const { streams } = await nc.jetstreamManager();
    for await (const { config } of streams.list()) await streams.delete(config.name);
  } finally {
    await nc.close();
  }
};
