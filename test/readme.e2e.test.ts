import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { startServer } from './support/server.ts';
import { suite } from './support/suite.ts';
import { temporaryFolder } from './support/temporaryFolder.ts';

const readme = suite('the README');

const blocks = (text: string) => [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');

readme('its very commands make the first key, verify it, end it and tell its history', async () => {
  const [install, ...steps] = blocks(readFileSync(new URL('../README.md', import.meta.url), 'utf8'));
  assert.match(install ?? '', /^npm start/);
  const server = await startServer();
  try {
    const script = steps
      .join('\n')
      .replaceAll('http://127.0.0.1:8080', server.url)
      .replaceAll('data/initial-admin', join(server.data, 'initial-admin'));
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: temporaryFolder(),
      env: { PATH: process.env.PATH },
    });
    assert.equal(stdout.trim().split('\n'), [
      'admin@localhost',
      'true',
      'valid',
      'revoked',
      'ApiKeyCreated ApiKeyRevoked',
    ]);
  } finally {
    await server.stop();
  }
});

readme.run();
