import { createVerifier, type Verifier, type VerifierOptions } from '../../sdk/src/index.ts';
import { clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startServer } from '../support/server.ts';

/** A running server with scopes, a member of it, and a token for a service that embeds the verifier. */
export const startForService = async (environment: { readonly [name: string]: string } = {}) => {
  const server = await startServer(environment);
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut' }), 200);
  const items = [{ application: 'reports', actions: ['read', 'write'] }];
  expectStatus(await admin.put('/v1/admin/scopes', { items }), 200);
  const permissions = ['verify', 'revocations:read'];
  const made = expectStatus(await admin.post('/v1/admin/service-tokens', { name: 'billing', permissions }), 201);
  const token = made.body.token as string;

  const member = async (email: string) => {
    const password = 'a passphrase of some length';
    const user = expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201);
    return { id: user.body.id as string, client: await signIn(server, email, password) };
  };
  const makeKey = async (client: typeof admin, name: string, scopes = ['reports:read']) => {
    const key = expectStatus(await client.post('/v1/api-keys', { name, scopes }), 201).body;
    return key as { readonly id: string; readonly key: string };
  };
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  return { server, admin, token, member, makeKey, service };
};

export type ForService = Awaited<ReturnType<typeof startForService>>;

const open = new Set<Verifier>();
export const verifierOf = (url: string, token: string, more: Partial<VerifierOptions> = {}): Verifier => {
  const verifier = createVerifier({ url, token, name: 'billing', ...more });
  open.add(verifier);
  return verifier;
};
export const closeAll = async () => {
  await Promise.all([...open].map((verifier) => verifier.close()));
  open.clear();
};

export const isLive = (verifier: Verifier) =>
  eventually(() => verifier.status().state === 'live', 'the verifier is live');

export const codeOf = async (verifier: Verifier, key: string, scopes: readonly string[] = []): Promise<string> => {
  const result = await verifier.verify(key, { scopes });
  return result.valid ? 'valid' : result.code;
};

export const failure = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => `${error.name} ${error.code}`,
  );
