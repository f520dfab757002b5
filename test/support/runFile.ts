import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileResult, Report } from './report.ts';

const testProcess = fileURLToPath(new URL('./testProcess.ts', import.meta.url));

/** How long a file may take, unless it says otherwise: a line `// time limit: 20 min` (or `s`) of its own. */
const defaultLimitMs = 5 * 60_000;
/** How long a process may live on after its last test before that counts as something left open. */
const lingerMs = 10_000;

const running = new Set<number>();

/** Ends every test process still running, and what it started. */
export const stopAll = (): void => {
  for (const pid of running) killGroup(pid);
};

/** Runs one test file in a process of its own. Whatever goes wrong in it is in the result. */
export const runFile = async (file: string, env: NodeJS.ProcessEnv = process.env): Promise<FileResult> => {
  const started = performance.now();
  const limitMs = limitOf(readFileSync(file, 'utf8'));
  // A group of its own, so that servers started by a test that hangs or dies end with it.
  const child = fork(testProcess, [file], {
    env,
    silent: true,
    detached: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const pid = child.pid ?? 0;
  running.add(pid);

  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));

  let report: Report | undefined;
  let stoppedFor: string | undefined;
  const stop = (reason: string) => {
    stoppedFor = reason;
    killGroup(pid);
  };
  let timer = setTimeout(stop, limitMs, `still running after ${limitMs / 1000} s`);
  child.once('message', (message) => {
    report = message as Report;
    clearTimeout(timer);
    timer = setTimeout(stop, lingerMs, `still alive ${lingerMs / 1000} s after its last test: something was left open`);
  });

  const closed = once(child, 'close');
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  clearTimeout(timer);
  running.delete(pid);
  killGroup(pid);
  // A process that the test detached may hold the pipes open for ever: what it prints is no longer of interest.
  const letGo = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, 1_000);
  await closed;
  clearTimeout(letGo);

  return judge(
    { file: relative(process.cwd(), file), ms: performance.now() - started, output },
    report,
    stoppedFor,
    code,
    signal,
  );
};

const judge = (
  seen: Pick<FileResult, 'file' | 'ms' | 'output'>,
  report: Report | undefined,
  stoppedFor: string | undefined,
  code: number | null,
  signal: string | null,
): FileResult => {
  const { passed, failed, skips, problems } = report ?? { passed: 0, failed: 0, skips: [], problems: [] };
  const more = [
    stoppedFor,
    !stoppedFor && !report && `ended before its tests were done (${signal ?? `exit code ${code}`})`,
    !stoppedFor && report && code !== 0 && problems.length === 0 && `ended with ${signal ?? `exit code ${code}`}`,
    report && seen.output === '' && 'printed nothing',
  ].filter((problem) => typeof problem === 'string');
  const all = [...problems, ...more];
  return { ...seen, passed, failed: failed === 0 && all.length > 0 ? 1 : failed, skips, problems: all };
};

const limitOf = (source: string): number => {
  const [, amount, unit] = source.match(/^\/\/ time limit: (\d+) (s|min)\b/m) ?? [];
  return amount === undefined ? defaultLimitMs : Number(amount) * (unit === 's' ? 1_000 : 60_000);
};

const killGroup = (pid: number): void => {
  if (pid === 0) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody left in it.
  }
};
