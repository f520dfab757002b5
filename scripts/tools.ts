import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';

export type Outcome = { readonly ok: boolean; readonly output: string };

/** Runs one of the installed command-line tools, under the pinned Node, and gives back all that it printed. */
export const runTool = async (root: string, name: string, args: readonly string[]): Promise<Outcome> => {
  const bin = join(root, 'node_modules', '.bin');
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  const child = spawn(join(bin, name), args, {
    cwd: root,
    env: { ...env, PATH: bin + delimiter + env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { ok: code === 0, output: output.trimEnd() };
};
