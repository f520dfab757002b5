import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  adminPassword,
  type Client,
  clientOf,
  expectStatus,
  firstAdministrator,
  serviceWith,
  signIn,
} from '../support/client.ts';
import { freePort } from '../support/freePort.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

type Context = { environment: { [variable: string]: string }; server: Server; admin: Client; service: Client };

const ends = suite<Context>('whatever ends, ends with the answer');

const password = 'a passphrase of some length';

/** Something that gives somebody less, and what is refused from its answer on. */
type Ending = { readonly act: () => Promise<void>; readonly refused: () => Promise<void> };

ends.before(async (context) => {
  context.environment = { KEYLEDGER_DATA: join(temporaryFolder(), 'data'), KEYLEDGER_PORT: await freePort() };
  context.server = await startServer(context.environment);
  context.admin = await firstAdministrator(context.server);
  context.service = await serviceWith(context.server, context.admin, ['verify']);
  const { admin } = context;
  const catalog = {
    items: [
      { application: 'app', actions: ['read', 'write'] },
      { application: 'old', actions: ['read'] },
    ],
  };
  expectStatus(await admin.put('/v1/admin/scopes', catalog), 200);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', requireRole: true }), 200);
});

ends.after(async ({ server }) => {
  assert.is((await server.stop()).code, 0, server.log());
});

let people = 0;

const person = async ({ server, admin }: Context, roles: readonly string[] = ['member']) => {
  people += 1;
  const email = `person${people}@example.com`;
  const { id } = expectStatus(await admin.post('/v1/admin/users', { email, password, roles }), 201).body;
  return { id: id as string, email, client: await signIn(server, email, password) };
};

const statusOf = async (client: Client, path: string) => (await client.get(path)).status;
const isOut = async (client: Client) => assert.is(await statusOf(client, '/v1/me'), 401);
const isIn = async (client: Client) => assert.is(await statusOf(client, '/v1/me'), 200);

const keyOf = async (client: Client, scopes = ['app:read']) =>
  expectStatus(await client.post('/v1/api-keys', { name: 'k', scopes }), 201).body as { id: string; key: string };

const codeOf = async (service: Client, key: string, scopes: readonly string[] = []) =>
  expectStatus(await service.post('/v1/verify', { key, scopes }), 200).body.code as string;

const endings: { readonly [name: string]: (context: Context) => Promise<Ending> } = {
  'all sessions of one person, by themselves': async (context) => {
    const { email, client } = await person(context);
    const other = await signIn(context.server, email, password);
    return {
      act: async () => void expectStatus(await client.post('/v1/sessions/end-all'), 204),
      refused: async () => {
        await isOut(client);
        await isOut(other);
      },
    };
  },

  'one session of two, by name': async (context) => {
    const { email, client } = await person(context);
    const other = await signIn(context.server, email, password);
    const { items } = expectStatus(await other.get('/v1/sessions'), 200).body;
    const { id } = items.find(({ current }: { current: boolean }) => current);
    return {
      act: async () => void expectStatus(await client.post(`/v1/sessions/${id}/end`), 204),
      refused: async () => {
        await isOut(other);
        await isIn(client);
      },
    };
  },

  'a session, by signing out': async (context) => {
    const { email } = await person(context);
    const signedIn = expectStatus(await clientOf(context.server).post('/v1/session', { email, password }), 200);
    const cookies = signedIn.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
    // Somebody who kept the cookie when the browser forgot it.
    const keeper = clientOf(context.server, { cookie: cookies.join('; ') });
    await isIn(keeper);
    return {
      act: async () => void expectStatus(await keeper.delete('/v1/session'), 204),
      refused: () => isOut(keeper),
    };
  },

  'other sessions, by a new password': async (context) => {
    const { email, client } = await person(context);
    const other = await signIn(context.server, email, password);
    const next = 'another passphrase of some length';
    const change = { currentPassword: password, newPassword: next, confirmPassword: next };
    return {
      act: async () => void expectStatus(await client.post('/v1/profile/password', change), 204),
      refused: async () => {
        await isOut(other);
        await isIn(client);
      },
    };
  },

  'all sessions of one person, by an administrator': async (context) => {
    const { id, client } = await person(context);
    return {
      act: async () => void expectStatus(await context.admin.post(`/v1/admin/users/${id}/end-sessions`), 204),
      refused: () => isOut(client),
    };
  },

  'an account, turned off': async (context) => {
    const { id, client } = await person(context);
    const { key } = await keyOf(client);
    return {
      act: async () => void expectStatus(await context.admin.post(`/v1/admin/users/${id}/deactivate`), 200),
      refused: async () => {
        await isOut(client);
        assert.is(await codeOf(context.service, key), 'owner-inactive');
      },
    };
  },

  'an account, deleted': async (context) => {
    const { id, client } = await person(context);
    const { key } = await keyOf(client);
    return {
      act: async () => void expectStatus(await context.admin.post(`/v1/admin/users/${id}/delete`), 204),
      refused: async () => {
        await isOut(client);
        assert.is(await codeOf(context.service, key), 'owner-inactive');
      },
    };
  },

  'a role, taken away': async (context) => {
    const { id, client } = await person(context, ['auditor', 'member']);
    const { key } = await keyOf(client);
    assert.is(await statusOf(client, '/v1/audit/events'), 200);
    assert.is(await codeOf(context.service, key), 'valid');
    return {
      act: async () => void expectStatus(await context.admin.patch(`/v1/admin/users/${id}`, { roles: [] }), 200),
      refused: async () => {
        assert.is(await statusOf(client, '/v1/audit/events'), 403);
        assert.is(await codeOf(context.service, key), 'role-not-permitted');
        await isIn(client);
      },
    };
  },

  'administration, taken away': async (context) => {
    const { id, client } = await person(context, ['admin']);
    assert.is(await statusOf(client, '/v1/admin/users'), 200);
    return {
      act: async () =>
        void expectStatus(await context.admin.patch(`/v1/admin/users/${id}`, { roles: ['member'] }), 200),
      refused: async () => assert.is(await statusOf(client, '/v1/admin/users'), 403),
    };
  },

  'a permission of a role': async (context) => {
    const role = `reader${people}`;
    const path = `/v1/admin/roles/${role}`;
    expectStatus(await context.admin.put(path, { permissions: ['users:read'] }), 200);
    const { client } = await person(context, [role]);
    assert.is(await statusOf(client, '/v1/admin/users'), 200);
    return {
      act: async () => void expectStatus(await context.admin.put(path, { permissions: [] }), 200),
      refused: async () => assert.is(await statusOf(client, '/v1/admin/users'), 403),
    };
  },

  'a key': async (context) => {
    const { client } = await person(context);
    const { id, key } = await keyOf(client);
    return {
      act: async () => void expectStatus(await client.delete(`/v1/api-keys/${id}`), 204),
      refused: async () => assert.is(await codeOf(context.service, key), 'revoked'),
    };
  },

  'scopes of a key': async (context) => {
    const { client } = await person(context);
    const { id, key } = await keyOf(client, ['app:write']);
    assert.is(await codeOf(context.service, key, ['app:write']), 'valid');
    return {
      act: async () => void expectStatus(await client.patch(`/v1/api-keys/${id}`, { scopes: ['app:read'] }), 200),
      refused: async () => assert.is(await codeOf(context.service, key, ['app:write']), 'insufficient-scope'),
    };
  },

  'a service token': async (context) => {
    const made = expectStatus(
      await context.admin.post('/v1/admin/service-tokens', { name: `token ${people}`, permissions: ['verify'] }),
      201,
    ).body;
    people += 1;
    const holder = clientOf(context.server, { authorization: `Bearer ${made.token}` });
    assert.is((await holder.post('/v1/verify', { key: 'api_x' })).status, 200);
    return {
      act: async () => void expectStatus(await context.admin.delete(`/v1/admin/service-tokens/${made.id}`), 204),
      refused: async () => assert.is((await holder.post('/v1/verify', { key: 'api_x' })).status, 401),
    };
  },
};

const all = async (context: Context): Promise<readonly (readonly [string, Ending])[]> => {
  const made: [string, Ending][] = [];
  for (const [name, begin] of Object.entries(endings)) made.push([name, await begin(context)]);
  return made;
};

ends(
  'one after another, each looked at with the next request; the process is killed and they stay ended',
  async (context) => {
    const made = await all(context);
    for (const [, { act, refused }] of made) {
      await act();
      await refused();
    }
    await context.server.stop('SIGKILL');
    context.server = await startServer(context.environment);
    for (const [, { refused }] of made) await refused();
  },
);

ends('all at once, and the process is killed with the last answer', async (context) => {
  const made = await all(context);
  await Promise.all(made.map(([, { act }]) => act()));
  await context.server.stop('SIGKILL');
  context.server = await startServer(context.environment);
  for (const [, { refused }] of made) await refused();
});

ends('every key, by the policy, and a scope, by the catalog', async (context) => {
  const { admin, service } = context;
  const { client } = await person(context);
  const { key } = await keyOf(client, ['app:read', 'old:read']);
  assert.is(await codeOf(service, key, ['old:read']), 'valid');
  const catalog = { items: [{ application: 'app', actions: ['read', 'write'] }] };
  expectStatus(await admin.put('/v1/admin/scopes', catalog), 200);
  assert.is(await codeOf(service, key, ['old:read']), 'insufficient-scope');
  expectStatus(await admin.put('/v1/admin/policy', { enabled: false }), 200);
  assert.is(await codeOf(service, key), 'api-keys-disabled');
  await context.server.stop('SIGKILL');
  context.server = await startServer(context.environment);
  assert.is(await codeOf(service, key), 'api-keys-disabled');
  context.admin = await signIn(context.server, 'admin@localhost', adminPassword);
  expectStatus(await context.admin.put('/v1/admin/policy', { enabled: true }), 200);
  assert.is(await codeOf(service, key), 'valid', 'turned on again, keys work again');
  assert.is(await codeOf(service, key, ['old:read']), 'insufficient-scope');
});

ends.run();
