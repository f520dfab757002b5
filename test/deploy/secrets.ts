import { execFileSync, spawnSync } from 'node:child_process';
import { temporaryFolder } from '../support/temporaryFolder.ts';

/** Why deploy/make-secrets.sh cannot run; null where it can. */
export const noOpenssl: string | null =
  spawnSync('openssl', ['version']).status === 0 ? null : 'no program openssl on PATH';

/** Runs the script. @returns the folder with the secrets */
export const makeSecrets = (folder = temporaryFolder()): string => {
  execFileSync('sh', ['deploy/make-secrets.sh', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  return folder;
};
