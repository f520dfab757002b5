import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export type OtherNode = { readonly path: string; readonly version: string };

const { PATH = '', XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;
const kept = ['20', '22'].map((major) => join(XDG_CACHE_HOME, `keyledger/node-${major}/node_modules/.bin`));

const found = [...PATH.split(delimiter), ...kept]
  .map((folder) => join(folder, 'node'))
  .filter((path) => existsSync(path))
  .map((path) => ({ path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().slice(1) }))
  .filter(({ version }) => Number.parseInt(version, 10) >= 20 && `v${version}` !== process.version);

/**
 * The Nodes in which the verifier promises to work, without the one that runs this: of each version one, on PATH or where
 * .ci/run puts them.
 */
export const otherNodes: readonly OtherNode[] = [...Map.groupBy(found, ({ version }) => version).values()].map(
  ([first]) => first!,
);
