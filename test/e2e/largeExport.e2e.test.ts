// time limit: 30 min
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { masterKey } from '../../bench/support/installation.ts';
import { writeManyKeys } from '../../bench/support/manyKeys.ts';
import { instant, plusDays } from '../../domain/instant.ts';
import { adminPassword, signIn } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { full } from '../support/full.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

// As many keys as an export is to manage: 1,000,000 with KEYLEDGER_TEST_FULL=1, otherwise so few that they are soon made.
const keysEach = 1_000;
const owners = full ? 1_000 : 20;
const count = owners * keysEach;
const megabyte = 1_000_000;

const s = suite<{ server: Server; cookie: string }>(`an export of ${count.toLocaleString('en')} keys`);

s.skipUnless(existsSync('/proc/self/status') ? null : 'no /proc, which says how much memory a process has');

s.before(async (context) => {
  const data = join(temporaryFolder(), 'data');
  const end = plusDays(instant(Date.now()), 90);
  await writeManyKeys(data, { owners, keysEach, expiresAt: () => end, texts: 1 });
  const server = await startServer({
    // What is thrown away is thrown away at once, so that what a process has in memory is what it keeps.
    NODE_OPTIONS: '--max-semi-space-size=8',
    KEYLEDGER_DATA: data,
    KEYLEDGER_MASTER_KEY: Buffer.from(masterKey).toString('hex'),
  });
  const admin = await signIn(server, 'admin@localhost', adminPassword);
  const filled = async () => {
    const { status, body } = await admin.get('/v1/admin/api-keys?limit=1&count=true');
    return status === 200 && body.total === count;
  };
  // A million take minutes.
  for (let tries = 0; tries < 60 && !(await filled()); tries += 1)
    await eventually(filled, 'the list is filled', 4).catch(() => {});
  const signedIn = await fetch(`${server.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@localhost', password: adminPassword }),
  });
  assert.is(signedIn.status, 200);
  Object.assign(context, { server, cookie: signedIn.headers.getSetCookie()[0]!.split(';')[0] });
});

type Context = { readonly server: Server; readonly cookie: string };

const residentBytes = ({ server }: Context): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) * 1024;

const openFiles = ({ server }: Context): number => readdirSync(`/proc/${server.pid}/fd`).length;

/** The answer, before anything of its body was read. */
const exporting = ({ server, cookie }: Context, format: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    get(`${server.url}/v1/admin/api-keys/export?format=${format}`, { headers: { cookie } }, resolve).on(
      'error',
      reject,
    );
  });

/** Reads all of it. @returns how many lines, and the memory of the process along the way */
const read = async (context: Context, format: string) => {
  const response = await exporting(context, format);
  assert.is(response.statusCode, 200);
  const memory: number[] = [];
  let lines = 0;
  let bytes = 0;
  let last = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
    bytes += chunk.length;
    if (lines - last >= count / 50) {
      memory.push(residentBytes(context));
      last = lines;
    }
  }
  return { lines, bytes, memory };
};

for (const [format, head] of [
  ['csv', 1],
  ['ndjson', 0],
] as const)
  s(`is streamed as ${format}, and the process has as much memory at its end as at its beginning`, async (context) => {
    // What code and caches need was needed once.
    const first = await exporting(context, format);
    first.destroy();
    const before = residentBytes(context);
    const { lines, bytes, memory } = await read(context, format);
    assert.is(lines, count + head);
    const most = Math.max(...memory);
    const said = `${Math.round(bytes / megabyte)} MB; resident ${Math.round(before / megabyte)} MB before, at most ${Math.round(most / megabyte)} MB, ${Math.round(residentBytes(context) / megabyte)} MB after`;
    process.stdout.write(`${format}, ${lines} lines, ${said}\n`);
    // Of a million, 400 MB are written: what is kept of them would show.
    assert.ok(most - before < 100 * megabyte, said);
    const late = memory.slice(-10);
    const early = memory.slice(0, 10);
    const mean = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0) / of.length;
    assert.ok(mean(late) - mean(early) < 60 * megabyte, `it grew along the way: ${said}`);
  });

s('is made no further than its readers read, and no longer than they stay', async (context) => {
  const [files, before] = [openFiles(context), residentBytes(context)];
  const readers = await Promise.all(Array.from({ length: 8 }, () => exporting(context, 'ndjson')));
  for (const reader of readers) assert.is(reader.statusCode, 200);
  // Nobody reads on; others are answered meanwhile.
  for (let n = 0; n < 200; n += 1) assert.is((await fetch(`${context.server.url}/livez`)).status, 200);
  const grown = residentBytes(context) - before;
  process.stdout.write(`${Math.round(grown / megabyte)} MB more with eight readers who do not read\n`);
  // Of a million keys they would be 6 GB. Of few it says little: what is made ahead is counted in api/streaming.test.ts.
  assert.ok(grown < 250 * megabyte, `${Math.round(grown / megabyte)} MB more with eight readers who do not read`);
  for (const reader of readers) reader.destroy();
  await eventually(() => openFiles(context) <= files + 2, 'their connections are closed', 5);
  const { lines } = await read(context, 'ndjson');
  assert.is(lines, count, 'and another has all of it');
});

s('the process ends in time while somebody does not read on', async (context) => {
  const reader = await exporting(context, 'csv');
  reader.on('error', () => {});
  assert.is(reader.statusCode, 200);
  const { code, stderr } = await context.server.stop();
  assert.is(code, 0, stderr);
});

s.run();
