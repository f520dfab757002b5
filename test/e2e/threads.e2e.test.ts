import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import * as assert from 'uvu/assert';
import { expectStatus, signIn } from '../support/client.ts';
import { initialPassword, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const threads = suite('threads of the program');
threads.skipUnless(process.platform === 'linux' ? null : 'only Linux has a priority for each thread');

/** How many of a process come after the one that answers. */
const standingBack = (pid: number): number => {
  const answering = getPriority(pid);
  return readdirSync(`/proc/${pid}/task`).filter((thread) => getPriority(Number(thread)) > answering).length;
};

threads('those that write, read and hash come after the one that answers', async () => {
  const server = await startServer();
  try {
    const currentPassword = initialPassword(server);
    const admin = await signIn(server, 'admin@localhost', currentPassword);
    const newPassword = 'correct horse battery staple';
    const change = { currentPassword, newPassword, confirmPassword: newPassword };
    expectStatus(await admin.post('/v1/profile/password', change), 204);
    expectStatus(await admin.get('/v1/admin/api-keys'), 200);
    assert.is(standingBack(server.pid), 5, 'log, vault, lists; the reader of lists; passwords');
  } finally {
    await server.stop();
  }
});

threads.run();
