import { request } from 'node:http';
import * as assert from 'uvu/assert';
import { codeAt } from '../support/authenticatorApp.ts';
import {
  adminPassword,
  type Client,
  clientOf,
  expectStatus,
  firstAdministrator,
  serviceWith,
} from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type Mailbox, startMailbox } from '../support/mailbox.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const s = suite('signing in to the real process');

const publicUrl = 'http://keys.example.com';
const email = 'ben@example.com';
const [first, second] = ['a passphrase of some length', 'another passphrase of length'];

let box: Mailbox;
let environment: { [variable: string]: string };
let server: Server;
let admin: Client;
let id: string;
let secret: string;
let recoveryCodes: readonly string[];
/** What must never stand in a log or an answer to others. */
const hidden: string[] = [first, second];
let logged = '';

s.before(async () => {
  box = await startMailbox();
  environment = {
    KEYLEDGER_SMTP_URL: `smtp://127.0.0.1:${box.port}?from=no-reply@example.com`,
    KEYLEDGER_PUBLIC_URL: publicUrl,
    KEYLEDGER_LOG_LEVEL: 'debug',
  };
  server = await startServer(environment);
  environment.KEYLEDGER_DATA = server.data;
  admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'qalyptus', enabled: true, expiry: 'optional' }), 200);
});

s.after(async () => {
  const { stderr } = await server.stop();
  await box.close();
  logged += stderr;
  for (const text of hidden) assert.not.ok(logged.includes(text), 'a secret was logged');
});

/** Killed at once, and another on the same folder. */
const killed = async () => {
  logged += (await server.stop('SIGKILL')).stderr;
  server = await startServer(environment);
  admin = clientOf(server);
  expectStatus(await admin.post('/v1/session', { email: 'admin@localhost', password: adminPassword }), 200);
};

const refused = ({ status, body }: { status: number; body: { code?: string } }) => [status, body.code];

const signIn = async (own: object) => {
  const client = clientOf(server);
  const response = await client.post('/v1/session', { email, ...own });
  return { client, response };
};

const arrived = async (n: number): Promise<string> => {
  const mails = () => box.received.filter(({ to, text }) => to.includes(email) && text.includes('#token='));
  for (let tries = 0; tries < 4 && mails().length < n; tries += 1)
    await eventually(() => mails().length >= n, `mail ${n}`).catch(() => {});
  assert.is(mails().length, n, 'so many mails, and no more');
  const { text, html } = mails().at(-1)!;
  const link = /(\S+)#token=([\w-]{64})/.exec(text);
  assert.is(link?.[1], `${publicUrl}/reset-password`);
  const [, token = ''] = /#token=([\w-]+)/.exec(html) ?? [];
  assert.is(token, link?.[2]);
  assert.not.match(text + html, /evil/);
  hidden.push(token);
  return token;
};

s('all · account: an invitation is mailed, and taken up by choosing a password', async () => {
  const made = await admin.post('/v1/admin/users', { email, firstName: 'Ben', roles: ['member'] });
  id = expectStatus(made, 201).body.id;
  assert.is(made.body.status, 'invited');
  const token = await arrived(1);
  const confirm = { token, newPassword: first, confirmPassword: first };
  expectStatus(await clientOf(server).post('/v1/password-reset/confirm', confirm), 204);
  expectStatus((await signIn({ password: first })).response, 200);
  assert.is((await admin.get(`/v1/admin/users/${id}`)).body.status, 'active');
});

s('a used code stays used, also where the process dies right after', async () => {
  const { client } = await signIn({ password: first });
  const begun = expectStatus(await client.post('/v1/profile/two-factor', { password: first }), 200).body;
  secret = begun.secret;
  recoveryCodes = begun.recoveryCodes;
  hidden.push(secret, ...recoveryCodes);
  const confirm = codeAt(secret, Date.now());
  expectStatus(await client.post('/v1/profile/two-factor/confirm', { code: confirm }), 204);
  const code = codeAt(secret, Date.now() + 30_000);
  const [recovery = ''] = recoveryCodes;
  expectStatus((await signIn({ password: first, code })).response, 200);
  expectStatus((await signIn({ password: first, code: recovery })).response, 200);
  await killed();
  assert.equal(refused((await signIn({ password: first })).response), [401, 'second-factor-required']);
  for (const used of [confirm, code, recovery])
    assert.equal(refused((await signIn({ password: first, code: used })).response), [401, 'invalid-credentials']);
  expectStatus((await signIn({ password: first, code: recoveryCodes[1] })).response, 200);
});

/** With headers that `fetch` does not send. */
const forged = (path: string, body: object, headers: { [name: string]: string }) =>
  new Promise<number>((resolve, reject) => {
    const sent = JSON.stringify(body);
    const call = request(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent), ...headers },
    });
    call.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', reject);
    call.end(sent);
  });

s(
  'a mailed link leads to the public URL, whatever host was asked; its token works once, also after a crash',
  async () => {
    const forgeries = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    assert.is(await forged('/v1/password-reset', { email }, forgeries), 202);
    const token = await arrived(2);
    const set = { token, newPassword: second, confirmPassword: second };
    const confirm = () => clientOf(server).post('/v1/password-reset/confirm', set);
    expectStatus(await confirm(), 204);
    await killed();
    assert.equal(refused(await confirm()), [422, 'code-invalid']);
    assert.equal(refused((await signIn({ password: first })).response), [401, 'invalid-credentials']);
    assert.equal(
      refused((await signIn({ password: second })).response),
      [401, 'second-factor-required'],
      'which stays on',
    );
  },
);

s('helmut · sessions: all logged out at once, this one too; keys stay', async () => {
  const [here, there] = [
    await signIn({ password: second, code: recoveryCodes[2] }),
    await signIn({ password: second, code: recoveryCodes[3] }),
  ];
  const { key } = expectStatus(await here.client.post('/v1/api-keys', { name: 'ci' }), 201).body;
  assert.is((await here.client.get('/v1/sessions')).body.items.length, 2);
  expectStatus(await here.client.post('/v1/sessions/end-all'), 204);
  for (const { client } of [here, there]) assert.is((await client.get('/v1/me')).status, 401);
  const verifier = await serviceWith(server, admin, ['verify']);
  assert.is((await verifier.post('/v1/verify', { key })).body.valid, true);
});

s('nothing that signs anybody in stands in what others read', async () => {
  const audit = expectStatus(await admin.get(`/v1/audit/users/${id}`), 200);
  const types = audit.body.events.map(({ type }: { type: string }) => type);
  for (const type of [
    'UserInvited',
    'PasswordReset',
    'TwoFactorEnabled',
    'RecoveryCodeUsed',
    'AllSessionsEnded',
    'SignedIn',
  ])
    assert.ok(types.includes(type), type);
  const read = [
    audit,
    await admin.get('/v1/audit/events?limit=200'),
    await admin.get(`/v1/admin/users/${id}`),
    await admin.get(`/v1/admin/users/${id}/sessions`),
    await admin.get('/v1/admin/mails?limit=200'),
  ];
  const text = JSON.stringify(read.map(({ body }) => body));
  for (const one of hidden) assert.not.ok(text.includes(one), 'a secret is shown');
  assert.not.match(text, /passwordHash|recoveryCodeHashes|codeHash|\$2[aby]\$/);
});

s.run();
