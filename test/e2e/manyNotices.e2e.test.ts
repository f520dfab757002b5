// time limit: 15 min
import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import {
  adminPassword,
  type Client,
  expectStatus,
  knownAdministrator,
  serviceWith,
  signIn,
} from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { full } from '../support/full.ts';
import { politely, startRudeServer } from '../support/mailbox.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

// 10,000 with KEYLEDGER_TEST_FULL=1, otherwise so many that keeping them would show.
const count = full ? 10_000 : 1_000;
const atOnce = 16;
const megabyte = 1_000_000;

const s = suite<{ server: Server; admin: Client }>(`${count.toLocaleString('en')} notices`);

s.skipUnless(existsSync('/proc/self/status') ? null : 'no /proc, which says how much memory a process has');

s.before(async (context) => {
  // What is thrown away is thrown away at once, so that what a process has in memory is what it keeps; more than that it
  // may not keep.
  const NODE_OPTIONS = '--max-semi-space-size=8 --max-old-space-size=160';
  context.server = await startServer({ ...knownAdministrator, NODE_OPTIONS });
  context.admin = await signIn(context.server, knownAdministrator.KEYLEDGER_ADMIN_EMAIL, adminPassword);
});
s.after(async ({ server }) => {
  const { code, stderr } = await server.stop();
  assert.is(code, 0, stderr);
});

const residentBytes = ({ pid }: Server): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** A text that would be seen in memory, a thousand times over. */
const text = 'It failed again, and this is why. '.repeat(290);

s('wait for a mail server and drain once there is one, each mail once, with memory flat', async ({ server, admin }) => {
  const user = { email: 'ada@example.com', externalProvider: 'elsewhere', roles: [] };
  const userId = expectStatus(await admin.post('/v1/admin/users', user), 201).body.id;
  const service = await serviceWith(server, admin, ['notices:send']);
  let queued = 0;
  const queueUpTo = async (end: number) => {
    const lane = async () => {
      while (queued < end) {
        queued += 1;
        const notice = { userId, category: 'job.failed', subject: `Notice ${queued}`, text };
        expectStatus(await service.post('/v1/notices', notice), 202);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
  };
  // What code and caches need is needed once.
  await queueUpTo(count / 5);
  const warm = residentBytes(server);
  await queueUpTo(count);
  const full = residentBytes(server);

  const messageIds: string[] = [];
  const box = await startRudeServer((line, mail) => {
    if (line === 'DATA END') messageIds.push(/^message-id: *(\S+)/im.exec(mail)?.[1] ?? 'none');
    return politely(line);
  });
  const { password: _, ...settings } = box.access;
  expectStatus(await admin.put('/v1/admin/mail-server', settings), 200);
  /** By tenths of them. */
  const draining = Array<number>(10).fill(0);
  const drained = () => {
    const tenth = Math.min(9, Math.floor((messageIds.length * 10) / count));
    draining[tenth] = Math.max(draining[tenth]!, residentBytes(server));
    return messageIds.length >= count;
  };
  for (let tries = 0; tries < 100 && !drained(); tries += 1)
    await eventually(drained, 'all were sent', 2).catch(() => {});
  const waiting = async (status: string) =>
    (await admin.get(`/v1/admin/mails?status=${status}&limit=1`)).body.items.length;
  for (const status of ['waiting', 'later', 'taken'])
    await eventually(async () => (await waiting(status)) === 0, `none is ${status}`, 20);
  const after = residentBytes(server);
  await box.close();

  assert.is(messageIds.length, count);
  assert.is(new Set(messageIds).size, count);
  assert.is(await waiting('dead'), 0);
  const inMegabytes = (...bytes: readonly number[]) => bytes.map((one) => Math.round(one / megabyte)).join(', ');
  const said = `resident ${inMegabytes(warm, full)} MB with a fifth and with all queued, ${inMegabytes(...draining)} MB by tenths drained, ${inMegabytes(after)} MB after`;
  process.stdout.write(`${said}\n`);
  assert.ok(full - warm < 60 * megabyte, said);
  // Sending takes memory of its own, once. What was kept of each mail would go on growing.
  assert.ok(Math.max(...draining.slice(5)) - Math.max(...draining.slice(0, 5)) < 60 * megabyte, said);
});

s.run();
