// Runs before `npm start` and `npm test`, under whatever Node the machine has: a fresh clone, or a lock file that
// changed under an old install, gets its packages (and with them the pinned Node) before anything else happens.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const changed = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

// npm writes this file last, so an install that was cut short counts as none.
const installed = changed('node_modules/.package-lock.json');

if (installed === 0 || installed < changed('package-lock.json')) {
  console.error('Installing packages (npm ci) …');
  // Quiet: the machine's older Node is expected, and its warning would only puzzle.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--loglevel=error'];
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: true });
  process.exit(result.status ?? 1);
}
