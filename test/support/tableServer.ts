import * as assert from 'uvu/assert';
import {
  adminPassword,
  type Client,
  clientOf,
  expectStatus,
  knownAdministrator,
  type Response,
  serviceWith,
  signIn,
} from './client.ts';
import { eventually } from './eventually.ts';
import { type Received, startMailbox } from './mailbox.ts';
import { day, type Person, password } from './presetServer.ts';
import { startServer } from './server.ts';

// What the table asks for beside keys holds whatever the preset: each of its lines is tried under one preset after the
// other, or, where it takes many hashes, under the next in turn.

export const presets = ['qalyptus', 'idmp', 'aip', 'helmut'] as const;
export type Preset = (typeof presets)[number];

export const publicUrl = 'http://keys.example.com';

export type TableServer = Awaited<ReturnType<typeof startTable>>;

/** Of whoever was made and does not sign in: no password was hashed for them. */
export type Made = { readonly id: string; readonly email: string };

export const catalog = [{ application: 'reports', actions: ['read', 'run'] }];

/** The real program with its first administrator, and the server that takes its mails, which `stored` leaves to be set. */
export const startTable = async ({ mailServer = 'environment' }: { mailServer?: 'environment' | 'stored' } = {}) => {
  const box = await startMailbox({ onAuth: (_auth, _session, callback) => callback(null, { user: 'anybody' }) });
  const fromEnvironment = { KEYLEDGER_SMTP_URL: `smtp://127.0.0.1:${box.port}?from=no-reply@example.com` };
  const server = await startServer({
    ...(mailServer === 'environment' && fromEnvironment),
    KEYLEDGER_PUBLIC_URL: publicUrl,
    ...knownAdministrator,
  });
  const admin = await signIn(server, knownAdministrator.KEYLEDGER_ADMIN_EMAIL, adminPassword);
  expectStatus(await admin.put('/v1/admin/scopes', { items: catalog }), 200);
  let people = 0;
  let turn = 0;

  const address = () => {
    people += 1;
    return `person.${people}@example.com`;
  };
  const use = async (preset: Preset) => {
    expectStatus(await admin.put('/v1/admin/policy', { preset, enabled: true }), 200);
  };
  const make = async (own: object = {}): Promise<Made> => {
    const given = { email: address(), externalProvider: 'elsewhere', roles: ['member'], ...own };
    const { body } = expectStatus(await admin.post('/v1/admin/users', given), 201);
    return { id: body.id, email: body.email };
  };
  const mailsTo = (email: string): readonly Received[] => box.received.filter(({ to }) => to.includes(email));

  return {
    server,
    admin,
    box,
    nobody: clientOf(server),
    address,
    make,
    /** Somebody with a password, signed in. */
    person: async (own: object = {}): Promise<Person> => {
      const { id, email } = await make({ externalProvider: undefined, password, ...own });
      return { id, email, client: await signIn(server, email, password) };
    },
    service: (...permissions: readonly string[]): Promise<Client> => serviceWith(server, admin, permissions),
    /** Under the next preset. */
    inTurn: async (): Promise<Preset> => {
      const preset = presets[turn % presets.length]!;
      turn += 1;
      await use(preset);
      return preset;
    },
    /** Under each preset, one after the other. */
    underEach: async (check: (preset: Preset) => Promise<void>) => {
      for (const preset of presets) {
        await use(preset);
        await check(preset);
      }
    },
    mailsTo,
    /** The mail to somebody that is the nth. */
    mail: async (email: string, n = 1): Promise<Received> => {
      await eventually(() => mailsTo(email).length >= n, `mail ${n} to ${email}`, 20);
      return mailsTo(email)[n - 1]!;
    },
    /** A key that works, as the preset wants it. */
    key: async (owner: Pick<Person, 'client'>, preset: Preset, own: object = {}) => {
      const wish = {
        qalyptus: { name: 'ci', expiresAt: new Date(Date.now() + 30 * day).toISOString() },
        idmp: { name: `ci ${crypto.randomUUID()}` },
        aip: {},
        helmut: { name: 'ci', scopes: ['reports:read'] },
      }[preset];
      return expectStatus(await owner.client.post('/v1/api-keys', { ...wish, ...own }), 201).body;
    },
    stop: async () => {
      const { code, stderr } = await server.stop();
      await box.close();
      assert.is(code, 0, stderr);
    },
  };
};

/** What comes after the # of the link in a mail. */
export const tokenIn = (mail: Received): string => {
  const [, token] = /#token=([\w-]+)/.exec(mail.text) ?? [];
  assert.ok(token, 'a link with a token');
  return token!;
};

/** Status and code, to be compared at once. */
export const refused = ({ status, body }: Response): readonly unknown[] =>
  status < 400 ? [status] : [status, body.code];
