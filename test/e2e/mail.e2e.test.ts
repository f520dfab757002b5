import * as assert from 'uvu/assert';
import type { UserId } from '../../domain/ids.ts';
import { type Client, clientOf, expectStatus, firstAdministrator, serviceWith, signIn } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type Mailbox, politely, type Received, readMail, startMailbox, startRudeServer } from '../support/mailbox.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const s = suite('mails of the real process');

const password = 'a passphrase of some length';

const closing: (() => Promise<void>)[] = [];
let box: Mailbox;
let server: Server;
let admin: Client;
let ada: Client;
let id: UserId;
let billing: Client;

s.before(async () => {
  box = await startMailbox();
  server = await startServer({ KEYLEDGER_SMTP_URL: `smtp://127.0.0.1:${box.port}?from=no-reply@example.com` });
  admin = await firstAdministrator(server);
  const person = { email: 'ada@example.com', password, fullName: 'Ada', roles: ['member'] };
  id = expectStatus(await admin.post('/v1/admin/users', person), 201).body.id;
  ada = await signIn(server, 'ada@example.com', password);
  expectStatus(await ada.patch('/v1/profile', { language: 'de-AT', timeZone: 'Europe/Vienna' }), 200);
  billing = await serviceWith(server, admin, ['notices:send']);
});

s.after(async () => {
  await server.stop();
  await box.close();
  for (const close of closing) await close();
});

const about = (what: string) => box.received.find(({ headers }) => headers.subject?.includes(what));

const arrived = async (what: string): Promise<Received> => {
  // A worker looks every few seconds: longer than one wait.
  for (let tries = 0; tries < 4 && about(what) === undefined; tries += 1)
    await eventually(() => about(what) !== undefined, what).catch(() => {});
  assert.ok(about(what), what);
  return about(what)!;
};

const notice = (subject: string) => ({
  userId: id,
  category: 'job.failed',
  subject,
  text: 'Der Lauf <b>7</b> ist gescheitert & vorbei.',
  occurredAt: '2027-07-01T22:30:00Z',
  link: { url: 'https://jobs.example.com/7', label: 'Zum Lauf' },
});

const mailServerAt = (port: number) => ({
  host: '127.0.0.1',
  port,
  security: 'none',
  username: null,
  from: 'no-reply@example.com',
});

s('all · notices: a mail server that the environment set can be seen and tried, and not changed', async () => {
  const { body } = expectStatus(await admin.get('/v1/admin/mail-server'), 200);
  assert.equal([body.source, body.host, body.port, body.security], ['environment', '127.0.0.1', box.port, 'none']);
  const { source: _, ...other } = body;
  const changed = await admin.put('/v1/admin/mail-server', { ...other, host: 'mail.example.com' });
  assert.is(expectStatus(changed, 409).body.code, 'set-by-environment');
  const tried = expectStatus(await admin.post('/v1/admin/mail-server/test', { to: 'operator@example.com' }), 200);
  assert.is(tried.body.accepted, true);
  assert.equal((await arrived('Keyledger can send mail')).to, ['operator@example.com']);
});

s(
  'aip · notices: a notice comes in the person’s language and zone, with a link back and one to unsubscribe',
  async () => {
    expectStatus(await billing.post('/v1/notices', notice('Erster')), 202);
    const mail = await arrived('Erster');
    assert.equal(mail.to, ['ada@example.com']);
    assert.match(mail.text, 'Guten Tag Ada,');
    assert.match(mail.text, 'Ein Job ist fehlgeschlagen');
    assert.match(mail.text, '2. Juli 2027 um 00:30 MESZ');
    assert.match(mail.html, 'Der Lauf &lt;b&gt;7&lt;/b&gt; ist gescheitert &amp; vorbei.');
    assert.match(mail.html, 'href="https://jobs.example.com/7"');
    const link = mail.headers['list-unsubscribe']!.slice(1, -1);
    assert.ok(link.startsWith(`${server.url}/unsubscribe?token=`));
    assert.match(mail.text, link);
    assert.is(mail.headers['list-unsubscribe-post'], 'List-Unsubscribe=One-Click');
  },
);

s('another address: its link, then notices', async () => {
  expectStatus(await ada.put('/v1/profile/notifications', { email: 'other@example.com', enabled: true }), 200);
  const mail = await arrived('Diese Adresse');
  assert.equal(mail.to, ['other@example.com']);
  const token = /#token=([\w-]+)/.exec(mail.text)?.[1];
  expectStatus(await clientOf(server).post('/v1/profile/notifications/confirm', { token }), 204);
  expectStatus(await billing.post('/v1/notices', notice('Zweiter')), 202);
  assert.equal((await arrived('Zweiter')).to, ['other@example.com']);
});

s('all · notices: an owner hears of a key that ends in a day, and of one that an administrator revoked', async () => {
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
  const soon = new Date(Date.now() + 24 * 3_600_000 + 2_000).toISOString();
  expectStatus(await ada.post('/v1/api-keys', { name: 'läuft aus', expiresAt: soon }), 201);
  const { body } = expectStatus(await ada.post('/v1/api-keys', { name: 'weg' }), 201);
  expectStatus(await admin.post(`/v1/admin/api-keys/${body.id}/revoke`, { reason: 'found in a script' }), 200);
  const revoked = await arrived('„weg“ wurde widerrufen');
  assert.match(revoked.text, 'found in a script');
  assert.not.match(revoked.raw, body.key);
  const ending = await arrived('„läuft aus“ läuft in 1 Tag ab');
  assert.equal(ending.to, ['other@example.com']);
});

s('aip · notices: unsubscribed by the mail program, nothing more comes; the history says all of it', async () => {
  const link = new URL((await arrived('Zweiter')).headers['list-unsubscribe']!.slice(1, -1));
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://mail.example.net' };
  const raw = 'List-Unsubscribe=One-Click';
  expectStatus(await clientOf(server).call('POST', link.pathname + link.search, { raw, headers }), 200);
  expectStatus(await billing.post('/v1/notices', notice('Dritter')), 202);
  // What was queued later has come: the third was passed over.
  const other = { email: 'bob@example.com', password, roles: ['member'] };
  const { body } = expectStatus(await admin.post('/v1/admin/users', other), 201);
  const last = { ...notice('Vierter'), userId: body.id };
  expectStatus(await billing.post('/v1/notices', last), 202);
  await arrived('Vierter');
  await eventually(async () => (await admin.get('/v1/admin/mails?status=waiting')).body.items.length === 0);
  assert.is(about('Dritter'), undefined);
  const events = expectStatus(await admin.get(`/v1/audit/users/${id}`), 200).body.events as { type: string }[];
  assert.ok(events.some(({ type }) => type === 'NotificationSettingsChanged'));
});

s('a server that takes a mail and hangs up before it says so gets it again, under the same Message-ID', async () => {
  const taken: string[] = [];
  const rude = await startRudeServer((line, mail) => {
    if (line !== 'DATA END') return politely(line);
    taken.push(mail);
    return taken.length > 3 ? '250 taken' : null;
  });
  closing.push(rude.close);
  const stored = await startServer();
  const boss = await firstAdministrator(stored);
  expectStatus(await boss.put('/v1/admin/mail-server', mailServerAt(rude.access.port)), 200);
  const others = ['bob@example.com', 'eve@example.com', 'mia@example.com'];
  const ids: UserId[] = [];
  for (const email of others)
    ids.push(
      expectStatus(await boss.post('/v1/admin/users', { email, externalProvider: 'x', roles: [] }), 201).body.id,
    );
  const service = await serviceWith(stored, boss, ['notices:send']);
  for (const userId of ids)
    expectStatus(await service.post('/v1/notices', { ...notice('Einer von drei'), userId }), 202);
  const sent = async () => expectStatus(await boss.get('/v1/admin/mails?status=sent'), 200).body.items.length;
  // Tried again after ten seconds.
  await eventually(async () => (await sent()) === others.length, 'all are taken', 50);
  const messageIds = new Map<string, Set<string>>();
  for (const mail of taken) {
    const { to, 'message-id': messageId } = readMail(`${mail}\r\n`).headers;
    messageIds.set(to!, (messageIds.get(to!) ?? new Set()).add(messageId!));
  }
  assert.equal([...messageIds.keys()].sort(), others, 'one at least, never none');
  for (const [to, used] of messageIds) assert.is(used.size, 1, to);
  for (const userId of ids) {
    const { events } = expectStatus(await boss.get(`/v1/audit/users/${userId}`), 200).body;
    assert.is(events.filter(({ type }: { type: string }) => type === 'NoticeSent').length, 1);
  }
  await stored.stop();
});

s(
  'kill -9 once the server has taken the mail and before it said so: it comes again, under the same Message-ID',
  async () => {
    const taken: string[] = [];
    let honest = false;
    const rude = await startRudeServer((line, mail) => {
      if (line !== 'DATA END') return politely(line);
      taken.push(mail);
      return honest ? '250 taken' : undefined;
    });
    closing.push(rude.close);
    const environment = { KEYLEDGER_SMTP_URL: `smtp://127.0.0.1:${rude.access.port}?from=no-reply@example.com` };
    const first = await startServer(environment);
    const boss = await firstAdministrator(first);
    const bob = { email: 'bob@example.com', password, roles: ['member'] };
    const userId = expectStatus(await boss.post('/v1/admin/users', bob), 201).body.id;
    const service = await serviceWith(first, boss, ['notices:send']);
    expectStatus(await service.post('/v1/notices', { ...notice('Nur einer'), userId }), 202);
    await eventually(() => taken.length === 1);
    await first.stop('SIGKILL');
    honest = true;
    const second = await startServer({ ...environment, KEYLEDGER_DATA: first.data });
    // The dead one's lease has to run out, and the mail's own wait.
    for (let tries = 0; taken.length < 2; tries += 1) {
      assert.ok(tries < 20);
      await eventually(() => taken.length === 2).catch(() => {});
    }
    const ids = taken.map((mail) => readMail(`${mail}\r\n`).headers['message-id']);
    assert.is(ids[0], ids[1]);
    assert.ok(ids[0]);
    await second.stop();
  },
);

s.run();
