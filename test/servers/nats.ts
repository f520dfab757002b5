import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** A NATS of a test's own, with JetStream, its port the same for as long as it is used. */
export type NatsServer = {
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** Ends it at once, as a crash does; what it stored stays. */
  readonly kill: () => Promise<void>;
  /** Stops it in the middle of whatever it does: its connections stay open and nobody answers. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Starts it again after `kill`. @param empty without what it had stored */
  readonly start: (empty?: boolean) => Promise<void>;
  /** Ends it and removes everything. */
  readonly stop: () => Promise<void>;
};

/** One that is there already, and that no test may stop: everything in it may be deleted. */
export const givenNats: string | null = process.env.KEYLEDGER_TEST_NATS || null;

// Debian puts it where only root looks.
const program =
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']
    .map((folder) => join(folder, 'nats-server'))
    .find((file) => existsSync(file)) ?? null;

/** Why a test that stops its server cannot run; null where it can. */
export const noNatsToStop: string | null = program === null ? 'no program nats-server on PATH' : null;

/** Why no test can run that needs NATS; null where they can. */
export const noNats: string | null =
  givenNats === null ? noNatsToStop && `KEYLEDGER_TEST_NATS is not set, ${noNatsToStop}` : null;

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

/** @param settings more of the server's configuration: users, TLS */
export const startNats = async (settings = '', { jetStream = true } = {}): Promise<NatsServer> => {
  const folder = temporaryFolder();
  const store = join(folder, 'store');
  const file = join(folder, 'nats.conf');
  const configured = (port: number) =>
    writeFileSync(
      file,
      `listen: "127.0.0.1:${port}"\n${jetStream ? `jetstream { store_dir: "${store}" }` : ''}\n${settings}\n`,
    );
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
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
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
