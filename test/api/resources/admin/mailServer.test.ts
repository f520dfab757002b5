import * as assert from 'uvu/assert';
import type { UserId } from '../../../../domain/ids.ts';
import { permissions } from '../../../../domain/permissions.ts';
import { type Client, expectStatus } from '../../../support/client.ts';
import { createMailBed, memoryServer } from '../../../support/mailBed.ts';
import { suite } from '../../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../../support/wholeApp.ts';

const s = suite<{ app: WholeApp; admin: Client; id: UserId }>('the mail server over HTTP');
const path = '/v1/admin/mail-server';

const server = {
  host: 'mail.example.com',
  port: 587,
  security: 'starttls',
  username: 'keyledger',
  from: 'Keyledger <no-reply@example.com>',
};

s.before.each(async (context) => {
  context.app = await startWholeApp();
  context.id = await context.app.register({
    email: 'admin@example.com',
    roles: ['admin'],
    profile: { language: 'de' },
  });
  context.admin = context.app.as(context.id);
});
s.after.each(async ({ app }) => {
  await app.close();
  assert.equal(app.unexpected, []);
});

const code = (response: { readonly status: number; readonly body: { readonly code?: string } }) =>
  `${response.status} ${response.body.code ?? ''}`.trim();

const password = async (app: WholeApp) => (await app.mails.servers.current())?.access.password;

s('none is set at first', async ({ admin }) => {
  assert.is(code(await admin.get(path)), '404 not-found');
  assert.is(code(await admin.post(`${path}/test`, { to: 'ada@example.com' })), '404 not-found');
});

s(
  'the mail server is set, and all but its password is told, which stands sealed in the vault alone',
  async ({ app, admin }) => {
    const set = expectStatus(await admin.put(path, { ...server, password: 'very secret' }), 200);
    assert.equal(set.body, { ...server, source: 'stored' });
    assert.equal(expectStatus(await admin.get(path), 200).body, set.body);
    assert.is(await password(app), 'very secret');
    const { events } = await app.store.readAll(null, 1000);
    assert.is(events.filter(({ type }) => type === 'MailServerChanged').length, 1);
    assert.not.match(JSON.stringify(events), /very secret/);
    const rows = await app.bed.vault.find('mail-password', {}, { after: null, limit: 10 });
    assert.is(rows.length, 1);
    assert.not.match(JSON.stringify(rows), /very secret/);
  },
);

s('put back as it was answered: nothing changes, the password neither', async ({ app, admin }) => {
  const set = expectStatus(await admin.put(path, { ...server, password: 'secret' }), 200);
  const back = expectStatus(await admin.put(path, set.body, { 'if-match': set.headers.get('etag') ?? '' }), 200);
  assert.is(back.headers.get('etag'), set.headers.get('etag'));
  const from = expectStatus(await admin.put(path, { ...server, from: 'other@example.com' }), 200);
  assert.is.not(from.headers.get('etag'), set.headers.get('etag'));
  assert.is(await password(app), 'secret');
});

s('a password goes to nobody but whom it was given for', async ({ app, admin }) => {
  expectStatus(await admin.put(path, { ...server, password: 'secret' }), 200);
  for (const other of [{ host: 'evil.example.net' }, { port: 25 }, { security: 'none' }, { username: 'root' }]) {
    const response = await admin.put(path, { ...server, ...other });
    assert.is(code(response), '400 validation-failed');
    assert.is(response.body.errors[0].pointer, '/password');
  }
  expectStatus(await admin.put(path, { ...server, host: 'other.example.com', password: 'another' }), 200);
  assert.is(await password(app), 'another');
  expectStatus(await admin.put(path, { ...server, host: 'other.example.com', password: null }), 200);
  assert.is(await password(app), null);
  expectStatus(await admin.put(path, { ...server, password: 'secret' }), 200);
  expectStatus(await admin.put(path, { ...server, username: null }), 200);
  assert.is(await password(app), null);
  const rows = await app.bed.vault.find('mail-password', {}, { after: null, limit: 10 });
  assert.is(rows.length, 0);
});

s('a new password alone is a change', async ({ app, admin }) => {
  const one = expectStatus(await admin.put(path, { ...server, password: 'one' }), 200);
  const two = expectStatus(await admin.put(path, { ...server, password: 'two' }), 200);
  assert.is.not(one.headers.get('etag'), two.headers.get('etag'));
  assert.is(await password(app), 'two');
});

s('what cannot be is refused, and an older revision', async ({ admin }) => {
  for (const [own, pointer] of [
    [{ host: '' }, '/host'],
    [{ host: 'a b' }, '/host'],
    [{ host: 'mail.example.com\r\nQUIT' }, '/host'],
    [{ port: 0 }, '/port'],
    [{ port: 65_536 }, '/port'],
    [{ security: 'ssl' }, '/security'],
    [{ username: '' }, '/username'],
    [{ from: 'nobody' }, '/from'],
    [{ from: 'a <b@example.com>, c <d@example.com>' }, '/from'],
    [{ from: 'a\r\nBcc: x <b@example.com>' }, '/from'],
  ] as const) {
    const response = await admin.put(path, { ...server, ...own });
    assert.is(code(response), '400 validation-failed', JSON.stringify(own));
    assert.is(response.body.errors[0].pointer, pointer);
  }
  expectStatus(await admin.put(path, { ...server, host: '2001:db8::1' }), 200);
  assert.is(code(await admin.put(path, server, { 'if-match': '"77"' })), '412 revision-mismatch');
});

s('the mail server is tried by a call, which says what it said', async ({ app, admin }) => {
  expectStatus(await admin.put(path, server), 200);
  const response = expectStatus(await admin.post(`${path}/test`, { to: 'Grace@Example.com' }), 200);
  assert.equal(response.body, { accepted: true, response: '250 taken' });
  const [mail] = app.mailer.sent;
  assert.is(mail?.message.to, 'grace@example.com');
  assert.is(mail?.message.subject, 'Keyledger kann Mails senden');
  assert.is(code(await admin.post(`${path}/test`, { to: 'nobody' })), '400 validation-failed');
});

s('only whoever may set it sees it', async ({ app }) => {
  const member = app.as(await app.register({ email: 'member@example.com' }));
  for (const response of [
    await member.get(path),
    await member.put(path, server),
    await member.post(`${path}/test`, { to: 'a@example.com' }),
  ])
    assert.is(code(response), '403 forbidden');
});

s('setting it takes what an administrator holds: mails carry the links that set their passwords', async ({ app }) => {
  const holding = async (permissions: readonly string[], scopes: readonly string[]) => {
    const name = `role-${permissions.length}-${scopes.length}`;
    await app.run(app.commands.defineRole, { name, permissions, scopes });
    return app.as(await app.register({ email: `${name}@example.com`, roles: [name] }));
  };
  const own = await holding(['mail:write'], ['*:*']);
  const before = (await app.store.readAll(null, 1000)).events.length;
  const refused = await own.put(path, server);
  assert.is(code(refused), '403 forbidden');
  assert.ok(refused.body.params.permissions.includes('users:write'));
  assert.is(code(await own.get(path)), '404 not-found', 'it may be looked at');
  assert.is((await app.store.readAll(null, 1000)).events.length, before);

  const allButScopes = await holding(permissions, []);
  const short = await allButScopes.put(path, server);
  assert.equal([code(short), short.body.params], ['403 forbidden', { permissions: [], scopes: ['*:*'] }]);
  const everything = await holding(permissions, ['*:*']);
  expectStatus(await everything.put(path, server), 200);
  assert.is(code(await own.put(path, { ...server, from: 'eve@example.com' })), '403 forbidden');
  assert.is(code(await own.put(path, server)), '403 forbidden');
  expectStatus(await own.post(`${path}/test`, { to: 'ada@example.com' }), 200);
});

s('a machine sets it only with every permission that a token can hold, and for every application', async ({ app }) => {
  const all = permissions.filter((name) => name !== 'api-keys:use');
  const machine = async (held: readonly string[], applications: readonly string[] | null) => {
    const input = { name: 'machine', permissions: held, applications, expiresAt: null };
    const made = await app.execute(app.commands.createServiceToken, input, app.bed.request());
    return app.withToken((made as { secret: { text: string } }).secret.text);
  };
  assert.is(code(await (await machine(['mail:write'], null)).put(path, server)), '403 forbidden');
  assert.is(code(await (await machine(all, ['billing'])).put(path, server)), '403 forbidden');
  expectStatus(await (await machine(all, null)).put(path, server), 200);
});

s('nobody signs in to it over the network without encryption', async ({ app, admin }) => {
  const open = { ...server, security: 'none', password: 'secret' };
  const refused = await admin.put(path, open);
  assert.is(code(refused), '400 validation-failed');
  assert.equal(
    refused.body.errors.map(({ pointer }: { pointer: string }) => pointer),
    ['/security'],
  );
  assert.not.match(JSON.stringify(refused.body), /secret/);
  expectStatus(await admin.put(path, { ...open, username: null, password: null }), 200);
  expectStatus(await admin.put(path, { ...open, host: '127.0.0.1' }), 200);
  assert.is(await password(app), 'secret');
});

s('a mail server that the environment set can be seen, and not changed', async () => {
  const app = await startWholeApp({ mailServer: { ...memoryServer, username: 'env', password: 'secret' } });
  const admin = app.as(await app.register({ email: 'admin@example.com', roles: ['admin'] }));
  const { body } = expectStatus(await admin.get(path), 200);
  assert.is(body.source, 'environment');
  assert.is(body.username, 'env');
  assert.not.match(JSON.stringify(body), /secret/);
  assert.is(code(await admin.put(path, server)), '409 set-by-environment');
  expectStatus(await admin.post(`${path}/test`, { to: 'ada@example.com' }), 200);
  await app.close();
});

s(
  'operators see what was given up, never what it said, and have it tried again or forgotten',
  async ({ app, admin, id }) => {
    const params = {
      category: 'job.failed',
      subject: 'Secret subject',
      text: 'Secret text',
      sender: 'billing',
      occurredAt: null,
      link: null,
    };
    for (let i = 0; i < 5; i += 1)
      await app.mails.outbox.put({ id: `notice:${i}`, userId: id, template: 'service-notice', params });
    const bury = async (mailId: string) => {
      const row = (await app.mails.table.get(mailId))!;
      await app.mails.table.put(mailId, { ...row.value, lastError: '550 no' }, row.version, {
        person: id,
        ref: 'dead',
      });
    };
    for (const mailId of ['notice:1', 'notice:2', 'notice:3']) await bury(mailId);
    const page = expectStatus(await admin.get('/v1/admin/mails?limit=2'), 200).body;
    assert.equal(
      page.items.map((item: { id: string }) => item.id),
      ['notice:1', 'notice:2'],
    );
    assert.equal([page.items[0].status, page.items[0].lastError, page.items[0].userId], ['dead', '550 no', id]);
    assert.not.match(JSON.stringify(page), /Secret|example\.com/);
    const rest = expectStatus(await admin.get(`/v1/admin/mails?limit=2&cursor=${page.nextCursor}`), 200).body;
    assert.equal([rest.items.map((item: { id: string }) => item.id), rest.nextCursor], [['notice:3'], null]);
    assert.is(code(await admin.get(`/v1/admin/mails?status=sent&cursor=${page.nextCursor}`)), '400 cursor-mismatch');
    expectStatus(await admin.post('/v1/admin/mails/notice:1/retry'), 204);
    expectStatus(await admin.delete('/v1/admin/mails/notice:2'), 204);
    assert.is(code(await admin.post('/v1/admin/mails/notice:0/retry')), '404 not-found');
    assert.is(code(await admin.delete('/v1/admin/mails/notice:2')), '404 not-found');
    const waiting = expectStatus(await admin.get('/v1/admin/mails?status=waiting'), 200).body;
    assert.equal(
      waiting.items.map((item: { id: string }) => item.id),
      ['notice:0', 'notice:1', 'notice:4'],
    );
    const member = app.as(await app.register({ email: 'member@example.com' }));
    assert.is(code(await member.get('/v1/admin/mails')), '403 forbidden');
  },
);

s('two changes at once: each password belongs to its own event', async () => {
  const bed = createMailBed({ access: null });
  const { changeMailServer } = bed.mails.commands;
  const change = (n: number) => {
    const server = {
      host: `mail${n}.example.com`,
      port: 587,
      security: 'starttls',
      username: 'u',
      from: 'a@example.com',
    } as const;
    return bed.execute(changeMailServer, { server, password: `password ${n}` }, bed.bed.request());
  };
  await Promise.all(Array.from({ length: 20 }, (_, n) => change(n)));
  const { host, password: kept } = (await bed.mails.servers.current())!.access;
  assert.is(kept, `password ${/\d+/.exec(host)?.[0]}`);
  assert.is((await bed.bed.vault.find('mail-password', {}, { after: null, limit: 50 })).length, 1);
});

s.run();
