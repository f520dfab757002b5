import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { clientOf, expectStatus } from '../../support/client.ts';
import type { Person } from '../../support/presetServer.ts';
import { suite } from '../../support/suite.ts';
import { presets, publicUrl, refused, startTable, type TableServer, tokenIn } from '../../support/tableServer.ts';

const s = suite<{ of: TableServer; ada: Person }>('notices, line by line');

const path = '/v1/profile/notifications';
const serverPath = '/v1/admin/mail-server';
const mailPassword = 'a secret of the mail server';

s.before(async (context) => {
  context.of = await startTable({ mailServer: 'stored' });
  context.ada = await context.of.person();
});
s.after(({ of }) => of.stop());

const notice = (userId: string, subject: string) => ({
  userId,
  category: 'job.failed',
  subject,
  text: 'It failed.',
  link: { url: 'https://jobs.example.com/7', label: 'The job' },
});

s(
  'aip · notices: the mail server is set, and all but its password is told, which stands sealed in the vault alone',
  async ({ of, ada }) => {
    assert.equal(refused(await of.admin.get(serverPath)), [404, 'not-found']);
    assert.is((await ada.client.get(path)).body.deliverable, false, 'by no server');
    const { username: _, password: __, ...settings } = of.box.access;
    const set = { ...settings, username: 'keyledger' };
    const put = expectStatus(await of.admin.put(serverPath, { ...set, password: mailPassword }), 200);
    assert.equal(put.body, { ...set, source: 'stored' });
    await of.underEach(async () => {
      assert.equal(expectStatus(await of.admin.get(serverPath), 200).body, put.body);
      for (const call of [ada.client.get(serverPath), ada.client.put(serverPath, set)])
        assert.equal(refused(await call), [403, 'forbidden']);
    });
    for (const file of globSync('**/*', { cwd: of.server.data, withFileTypes: true }))
      if (file.isFile())
        assert.not.ok(readFileSync(join(file.parentPath, file.name)).includes(mailPassword), file.name);
    assert.not.match(
      JSON.stringify((await of.admin.get('/v1/audit/events?type=MailServerChanged')).body),
      mailPassword,
    );
    assert.is((await ada.client.get(path)).body.deliverable, true);
  },
);

s('aip · notices: the mail server is tried by a call, which says what it said', async ({ of }) => {
  const { body } = expectStatus(await of.admin.post(`${serverPath}/test`, { to: 'Operator@Example.com' }), 200);
  assert.is(body.accepted, true);
  assert.match(body.response, /^250 /);
  assert.match((await of.mail('operator@example.com')).headers.subject!, 'Keyledger can send mail');
  assert.equal(refused(await of.admin.post(`${serverPath}/test`, { to: 'nobody' })), [400, 'validation-failed']);
});

s('aip · notices: the default: the address they sign in with, on', async ({ of, ada: { client, email } }) => {
  await of.underEach(async () => {
    const { body } = expectStatus(await client.get(path), 200);
    assert.equal(body, { email, enabled: true, emailVerified: true, deliverable: true });
  });
});

s('aip · notices: every category of the contract, and another like them', async ({ of, ada }) => {
  const billing = await of.service('notices:send');
  const categories = ['job.succeeded', 'job.failed', 'job.stopped', 'application.created', 'version.created'];
  for (const [n, category] of [...categories, 'disk.nearly-full'].entries()) {
    expectStatus(await of.admin.put('/v1/admin/policy', { preset: presets[n % 4] }), 200);
    expectStatus(await billing.post('/v1/notices', { ...notice(ada.id, category), category }), 202);
  }
  await of.mail(ada.email, 6);
  const mails = of.mailsTo(ada.email);
  assert.equal(mails.map(({ headers }) => headers.subject).sort(), [...categories, 'disk.nearly-full'].sort());
  for (const mail of mails) {
    const link = `${publicUrl}/unsubscribe?token=`;
    assert.ok(mail.text.includes('https://jobs.example.com/7') && mail.html.includes('https://jobs.example.com/7'));
    assert.ok(mail.text.includes(link) && mail.headers['list-unsubscribe']?.includes(link));
    assert.is(mail.headers['list-unsubscribe-post'], 'List-Unsubscribe=One-Click');
  }
  for (const category of ['job', 'Job.failed', 'job failed'])
    assert.equal(refused(await billing.post('/v1/notices', { ...notice(ada.id, 'x'), category })), [
      400,
      'validation-failed',
    ]);
});

s('all · notices: only a token that may send notices sends them', async ({ of, ada }) => {
  const verifier = await of.service('verify');
  for (const [who, status, code] of [
    [verifier, 403, 'forbidden'],
    [ada.client, 403, 'forbidden'],
    [of.admin, 403, 'forbidden'],
    [of.nobody, 401, 'unauthenticated'],
  ] as const)
    assert.equal(refused(await who.post('/v1/notices', notice(ada.id, 'x'))), [status, code]);
});

s('aip · notices: switched off and on again; what was answered can be put back', async ({ of, ada }) => {
  const { client, email } = ada;
  await of.underEach(async () => {
    const off = expectStatus(await client.put(path, { email, enabled: false }), 200);
    assert.equal(off.body, { email, enabled: false, emailVerified: true, deliverable: false });
    const back = expectStatus(await client.put(path, off.body), 200);
    assert.is(back.headers.get('etag'), off.headers.get('etag'));
    const on = expectStatus(await client.put(path, { email, enabled: true }), 200);
    assert.is(on.body.deliverable, true);
    assert.equal(refused(await client.put(path, { email: null, enabled: true })), [422, 'email-required']);
  });
});

s('aip · notices: another address gets nothing until its mailed link was opened', async ({ of, ada }) => {
  const billing = await of.service('notices:send');
  const other = of.address();
  const set = expectStatus(await ada.client.put(path, { email: ` ${other.toUpperCase()}`, enabled: true }), 200);
  assert.equal(set.body, { email: other, enabled: true, emailVerified: false, deliverable: false });
  const before = of.mailsTo(ada.email).length;
  expectStatus(await billing.post('/v1/notices', notice(ada.id, 'before it was opened')), 202);
  const token = tokenIn(await of.mail(other));
  const confirm = () => clientOf(of.server).post(`${path}/confirm`, { token });
  assert.equal(refused(await of.nobody.post(`${path}/confirm`, { token: `${token}x` })), [422, 'code-invalid']);
  expectStatus(await confirm(), 204);
  const { body } = expectStatus(await ada.client.get(path), 200);
  assert.equal(body, { email: other, enabled: true, emailVerified: true, deliverable: true });
  expectStatus(await billing.post('/v1/notices', notice(ada.id, 'since it was opened')), 202);
  assert.is((await of.mail(other, 2)).headers.subject, 'since it was opened');
  assert.is(of.mailsTo(ada.email).length, before, 'nor does the one before');
});

s('aip · notices: the link to unsubscribe leads to the profile where signed in', async ({ of, ada }) => {
  const [mail] = of.mailsTo(ada.email);
  const link = new URL(mail!.headers['list-unsubscribe']!.slice(1, -1));
  const open = link.pathname + link.search;
  await of.underEach(async () => {
    const signedIn = expectStatus(await ada.client.get(open), 303);
    assert.is(signedIn.headers.get('location'), '/profile#notifications');
    const page = expectStatus(await of.nobody.get(open), 200);
    assert.match(page.body, /<form method="post" action="\/unsubscribe\?token=/);
    assert.is((await ada.client.get(path)).body.enabled, true, 'nothing has changed');
  });
  for (const method of ['GET', 'POST'])
    assert.is((await of.nobody.call(method, `${open.slice(0, -1)}~`)).status, 404, method);
});

s(
  'aip · notices: POST turns notices off, as the page does it and as a mail program does (RFC 8058)',
  async ({ of, ada }) => {
    const [mail] = of.mailsTo(ada.email);
    const { pathname, search } = new URL(mail!.headers['list-unsubscribe']!.slice(1, -1));
    const elsewhere = { origin: 'https://mail.example.net', 'sec-fetch-site': 'cross-site' };
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const [raw, headers] of [
      ['List-Unsubscribe=One-Click', { ...form, ...elsewhere }],
      ['', form],
    ] as const) {
      expectStatus(await of.nobody.call('POST', pathname + search, { raw, headers }), 200);
      const { body } = await ada.client.get(path);
      assert.equal([body.enabled, body.deliverable], [false, false]);
      expectStatus(await ada.client.put(path, { email: body.email, enabled: true }), 200);
    }
  },
);

s.run();
