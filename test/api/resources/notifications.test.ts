import * as assert from 'uvu/assert';
import type { UserId } from '../../../domain/ids.ts';
import { goodPassword } from '../../support/accounts.ts';
import { type Client, expectStatus } from '../../support/client.ts';
import { memoryServer } from '../../support/mailBed.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';

const s = suite<{ app: WholeApp; ada: Client; id: UserId }>('a person’s notices over HTTP');
const path = '/v1/profile/notifications';
const confirm = `${path}/confirm`;

s.before.each(async (context) => {
  context.app = await startWholeApp({ mailServer: memoryServer });
  context.id = await context.app.register({ email: 'ada@example.com', profile: { language: 'de' } });
  context.ada = context.app.as(context.id);
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const queued = async (app: WholeApp) =>
  (await app.mails.table.find({ ref: 'waiting' }, { after: null, limit: 100 })).rows;

const tokenOf = (mail: { readonly value: { readonly params: unknown } } | undefined): string =>
  (mail!.value.params as { readonly token: string }).token;

const code = (response: { readonly status: number; readonly body: { readonly code?: string } }) =>
  `${response.status} ${response.body.code ?? ''}`.trim();

s('the default: the address they sign in with, on', async ({ ada }) => {
  const { body, headers } = expectStatus(await ada.get(path), 200);
  assert.equal(body, { email: 'ada@example.com', enabled: true, emailVerified: true, deliverable: true });
  assert.match(headers.get('etag') ?? '', /^"\d+"$/);
});

s('nothing is deliverable without a mail server', async () => {
  const app = await startWholeApp();
  const ada = app.as(await app.register({ email: 'ada@example.com' }));
  assert.is(expectStatus(await ada.get(path), 200).body.deliverable, false);
  await app.close();
});

s('switched off and on again; what was answered can be put back', async ({ app, ada }) => {
  const off = expectStatus(await ada.put(path, { email: 'ada@example.com', enabled: false }), 200);
  assert.equal(off.body, { email: 'ada@example.com', enabled: false, emailVerified: true, deliverable: false });
  const back = expectStatus(await ada.put(path, off.body), 200);
  assert.is(back.headers.get('etag'), off.headers.get('etag'));
  expectStatus(await ada.put(path, { email: 'ada@example.com', enabled: true }), 200);
  assert.is((await queued(app)).length, 0);
});

s('another address gets nothing until its mailed link was opened', async ({ app, ada, id }) => {
  const set = expectStatus(await ada.put(path, { email: ' Other@Example.com ', enabled: true }), 200);
  assert.equal(set.body, { email: 'other@example.com', enabled: true, emailVerified: false, deliverable: false });
  const [mail, ...more] = await queued(app);
  assert.is(more.length, 0);
  assert.equal(
    [mail?.person, mail?.value.address, mail?.value.template],
    [id, 'other@example.com', 'address-verification'],
  );
  expectStatus(await app.nobody.post(confirm, { token: tokenOf(mail) }), 204);
  assert.equal(expectStatus(await ada.get(path), 200).body, {
    email: 'other@example.com',
    enabled: true,
    emailVerified: true,
    deliverable: true,
  });
  // Opened again: it was reached already.
  expectStatus(await app.nobody.post(confirm, { token: tokenOf(mail) }), 204);
});

s('a link to an address that is no longer the one set: conflict', async ({ app, ada }) => {
  expectStatus(await ada.put(path, { email: 'other@example.com', enabled: true }), 200);
  const [mail] = await queued(app);
  expectStatus(await ada.put(path, { email: 'third@example.com', enabled: true }), 200);
  assert.is(code(await app.nobody.post(confirm, { token: tokenOf(mail) })), '409 conflict');
});

s('a link that is too old, or none of ours: code-invalid', async ({ app, ada }) => {
  expectStatus(await ada.put(path, { email: 'other@example.com', enabled: true }), 200);
  const [mail] = await queued(app);
  const token = tokenOf(mail);
  for (const wrong of ['x', `${token}x`, `x${token.slice(1)}`, '%%', 'a'.repeat(2000)])
    assert.is(code(await app.nobody.post(confirm, { token: wrong })), '422 code-invalid');
  // A token for another purpose is none.
  const unsubscribe = app.mails.tokens.unsubscribe('someone');
  assert.is(code(await app.nobody.post(confirm, { token: unsubscribe })), '422 code-invalid');
  app.bed.clock.advance(48 * 3_600_000);
  assert.is(code(await app.nobody.post(confirm, { token })), '422 code-invalid');
});

s(
  'a link from before the password or the address to sign in with was changed: code-invalid',
  async ({ app, ada, id }) => {
    const newest = async () => {
      expectStatus(await ada.put(path, { email: 'other@example.com', enabled: true }), 200);
      const mails = await queued(app);
      return tokenOf(mails.toSorted((a, b) => (a.value.queuedAt < b.value.queuedAt ? 1 : -1))[0]);
    };
    const first = await newest();
    const newPassword = 'purple staple lantern';
    const change = { currentPassword: goodPassword, newPassword, confirmPassword: newPassword };
    expectStatus(await ada.post('/v1/profile/password', { ...change, endOtherSessions: false }), 204);
    assert.is(code(await app.nobody.post(confirm, { token: first })), '422 code-invalid');
    app.bed.clock.advance(60_000);
    const second = await newest();
    await app.run(app.commands.editUser, { userId: id, email: 'moved@example.com', profile: {} } as never);
    assert.is(code(await app.nobody.post(confirm, { token: second })), '422 code-invalid');
    app.bed.clock.advance(60_000);
    expectStatus(await app.nobody.post(confirm, { token: await newest() }), 204);
  },
);

s('on without an address: email-required; off without one is possible', async ({ ada }) => {
  assert.is(code(await ada.put(path, { email: null, enabled: true })), '422 email-required');
  const { body } = expectStatus(await ada.put(path, { email: null, enabled: false }), 200);
  assert.equal(body, { email: null, enabled: false, emailVerified: false, deliverable: false });
});

s('no address, unknown fields, another revision', async ({ ada }) => {
  assert.is(code(await ada.put(path, { email: 'none', enabled: true })), '400 validation-failed');
  assert.is(
    code(await ada.put(path, { email: 'a@example.com\r\nBcc: b@example.com', enabled: true })),
    '400 validation-failed',
  );
  assert.is(code(await ada.put(path, { email: 'a@example.com', enabled: true, more: 1 })), '400 validation-failed');
  assert.is(
    code(await ada.put(path, { email: 'a@example.com', enabled: true }, { 'if-match': '"77"' })),
    '412 revision-mismatch',
  );
});

s(
  'the link is mailed again when the address is set again; nobody can fill a stranger’s mailbox',
  async ({ app, ada }) => {
    const put = () => ada.put(path, { email: 'victim@example.com', enabled: true });
    for (let i = 0; i < 10; i += 1) expectStatus(await put(), 200);
    assert.is((await queued(app)).length, 10);
    const next = [await put(), await put()];
    assert.ok(
      next.some((response) => code(response) === '429 too-many-requests' && response.headers.get('retry-after')),
    );
    assert.ok((await queued(app)).length <= 11);
  },
);

s('the same Idempotency-Key mails once', async ({ app, ada }) => {
  const put = () => ada.put(path, { email: 'other@example.com', enabled: true }, { 'idempotency-key': 'one' });
  expectStatus(await put(), 200);
  assert.is(expectStatus(await put(), 200).headers.get('idempotency-replayed'), 'true');
  assert.is((await queued(app)).length, 1);
});

const link = (app: WholeApp, id: UserId) => `/unsubscribe?token=${app.mails.tokens.unsubscribe(id)}`;

s(
  'GET of the unsubscribe link changes nothing: a page with the switch, in the person’s language',
  async ({ app, ada, id }) => {
    const response = expectStatus(await app.nobody.get(link(app, id)), 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
    assert.match(response.headers.get('content-security-policy') ?? '', /form-action 'self'/);
    assert.match(response.body, /<html lang="de">/);
    assert.match(response.body, /<form method="post" action="\/unsubscribe\?token=/);
    assert.not.match(response.body, /<script/);
    assert.is((await ada.get(path)).body.enabled, true);
    assert.equal(await app.activities(id), []);
  },
);

s('the link to unsubscribe leads to the profile where signed in', async ({ app, ada, id }) => {
  const response = expectStatus(await ada.get(link(app, id)), 303);
  assert.is(response.headers.get('location'), '/profile#notifications');
  assert.is(response.headers.get('referrer-policy'), 'no-referrer');
  assert.is((await ada.get(path)).body.enabled, true);
});

s('POST turns notices off, as the page does it and as a mail program does (RFC 8058)', async ({ app, ada, id }) => {
  const form = {
    'content-type': 'application/x-www-form-urlencoded',
    'sec-fetch-site': 'cross-site',
    origin: 'https://mail.example.net',
  };
  const post = (raw: string, headers: { readonly [name: string]: string } = form) =>
    app.nobody.call('POST', link(app, id), { raw, headers });
  const response = expectStatus(await post('List-Unsubscribe=One-Click'), 200);
  assert.match(response.body, /keine Benachrichtigungen/);
  assert.equal((await ada.get(path)).body, {
    email: 'ada@example.com',
    enabled: false,
    emailVerified: true,
    deliverable: false,
  });
  expectStatus(await post('List-Unsubscribe=One-Click'), 200);
  expectStatus(await post('', {}), 200);
  expectStatus(await post('--x--', { 'content-type': 'multipart/form-data; boundary=x' }), 200);
  assert.equal(await app.activities(id), [{ type: 'Unsubscribed', data: {} }]);
});

s('a link that is not good is a page to whoever opens it, a problem to a program', async ({ app }) => {
  const look = (accept: string) => fetch(`${app.url}/unsubscribe?token=cut`, { headers: { accept } });
  const opened = await look('text/html,application/xhtml+xml;q=0.9,*/*;q=0.8');
  assert.equal([opened.status, opened.headers.get('content-type')], [404, 'text/html; charset=utf-8']);
  assert.match(await opened.text(), /This link does not work/);
  const asked = await look('*/*');
  assert.equal([asked.status, ((await asked.json()) as { code: string }).code], [404, 'not-found']);
});

s('a bad token: 404, for GET and POST, signed in or not', async ({ app, ada, id }) => {
  const good = app.mails.tokens.unsubscribe(id);
  for (const token of ['x', `${good}A`, `A${good.slice(1)}`, app.mails.tokens.unsubscribe('nobody')])
    for (const client of [app.nobody, ada])
      for (const method of ['GET', 'POST']) {
        const answer = await client.call(method, `/unsubscribe?token=${token}`);
        assert.is(answer.status, 404, `${method} ${token}`);
        assert.is(answer.headers.get('referrer-policy'), 'no-referrer');
      }
  await app.run(app.commands.deleteUser, { userId: id, reason: null });
  assert.is((await app.nobody.get(`/unsubscribe?token=${good}`)).status, 404);
  assert.is((await app.nobody.get('/unsubscribe')).status, 400);
});

const notice = { category: 'job.failed', subject: 'Nightly build', text: 'It failed.\nTwice.' };

const service = async (app: WholeApp, permissions: readonly string[]) => {
  const admin = await app.register({ email: 'admin@example.com', roles: ['admin'] });
  const { body } = expectStatus(
    await app.as(admin).post('/v1/admin/service-tokens', { name: 'billing', permissions }),
    201,
  );
  return app.withToken(body.token);
};

s('a service sends a notice', async ({ app, id }) => {
  const billing = await service(app, ['notices:send']);
  const link = { url: 'https://jobs.example.com/7?a=1&b=2', label: 'The job' };
  const body = { ...notice, userId: id, occurredAt: '2027-02-19T23:59:00+01:00', link };
  const sent = expectStatus(await billing.post('/v1/notices', body, { 'idempotency-key': 'n-1' }), 202);
  const again = expectStatus(await billing.post('/v1/notices', body, { 'idempotency-key': 'n-1' }), 202);
  assert.equal(again.body, sent.body);
  assert.is(again.headers.get('idempotency-replayed'), 'true');
  const mails = await queued(app);
  assert.is(mails.length, 1);
  assert.equal(mails[0]?.value.params, { ...notice, sender: 'billing', occurredAt: '2027-02-19T22:59:00.000Z', link });
});

s(
  'a notice that does not say when is of the time at which it was sent, and of a place in the log',
  async ({ app, id }) => {
    const billing = await service(app, ['notices:send']);
    const now = new Date(app.bed.clock.now()).toISOString();
    const sent = expectStatus(await billing.post('/v1/notices', { ...notice, userId: id }), 202);
    const [mail] = await queued(app);
    assert.equal(mail?.value.params, { ...notice, sender: 'billing', occurredAt: now, link: null });
    assert.match(sent.headers.get('keyledger-position') ?? '', /^[0-9a-f]+$/);
  },
);

s('every category of the contract, and another like them', async ({ app, id }) => {
  const billing = await service(app, ['notices:send']);
  for (const category of [
    'job.succeeded',
    'job.failed',
    'job.stopped',
    'application.created',
    'version.created',
    'disk.nearly-full',
  ])
    expectStatus(await billing.post('/v1/notices', { ...notice, userId: id, category }), 202);
  assert.is((await queued(app)).length, 6);
});

s('what is no notice is refused', async ({ app, id }) => {
  const billing = await service(app, ['notices:send']);
  const refused = async (own: object, expected: string) =>
    assert.is(
      code(await billing.post('/v1/notices', { ...notice, userId: id, ...own })),
      expected,
      JSON.stringify(own),
    );
  await refused({ userId: '01890000-0000-7000-8000-000000000000' }, '404 not-found');
  await refused({ userId: 'ada' }, '400 validation-failed');
  for (const category of ['job', 'Job.failed', 'job.', 'job failed', `a.${'b'.repeat(70)}`])
    await refused({ category }, '400 validation-failed');
  for (const subject of ['', 'a\r\nBcc: eve@example.com', 'a\u2028b', 'x'.repeat(201)])
    await refused({ subject }, '400 validation-failed');
  for (const text of ['', 'a\u0000b', 'x'.repeat(10_001)]) await refused({ text }, '400 validation-failed');
  for (const url of ['javascript:alert(1)', 'ftp://example.com', '/jobs/7', 'https://'])
    await refused({ link: { url, label: 'x' } }, '400 validation-failed');
  await refused({ occurredAt: 'yesterday' }, '400 validation-failed');
  await refused({ html: '<b>' }, '400 validation-failed');
  assert.is((await queued(app)).length, 0);
});

s('only a token that may send notices sends them', async ({ app, ada, id }) => {
  const billing = await service(app, ['verify']);
  assert.is(code(await billing.post('/v1/notices', { ...notice, userId: id })), '403 forbidden');
  assert.is(code(await ada.post('/v1/notices', { ...notice, userId: id })), '403 forbidden');
  assert.is(code(await app.nobody.post('/v1/notices', { ...notice, userId: id })), '401 unauthenticated');
});

s.run();
