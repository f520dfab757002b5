import { isRejection } from '../../domain/decider.ts';
import type { UserId } from '../../domain/ids.ts';
import { goodPassword } from './accounts.ts';
import { type Client, clientOf, expectStatus, type Response } from './client.ts';
import type { TestApp } from './testApp.ts';

/** Somebody, and the browser that they are signed in with. */
export type Signed = { readonly id: UserId; readonly email: string; readonly client: Client };

let people = 0;

/** A new person with these roles, signed in. */
export const personWith = async (app: TestApp, roles: readonly string[]): Promise<Signed> => {
  people += 1;
  const email = `person.${people}@example.com`;
  const id = await app.register({ email, roles });
  const client = app.browser();
  expectStatus(await client.post('/v1/session', { email, password: goodPassword }), 200);
  return { id, email, client };
};

/** Defines a role, whoever may. */
export const role = async (
  app: TestApp,
  name: string,
  permissions: readonly string[],
  scopes: readonly string[] = ['*:*'],
): Promise<string> => {
  const outcome = await app.execute(app.commands.defineRole, { name, permissions, scopes }, app.bed.request());
  if (isRejection(outcome)) throw new Error(outcome.rejected);
  return name;
};

/** Scopes that roles and tokens can be about. */
export const scopeCatalog = [
  { application: 'app', actions: ['read', 'write'] },
  { application: 'other', actions: ['read', 'write'] },
];

export const setScopes = async (app: TestApp): Promise<void> => {
  const outcome = await app.execute(app.commands.changeScopeCatalog, { items: scopeCatalog }, app.bed.request());
  if (isRejection(outcome)) throw new Error(outcome.rejected);
};

/** A service's own calls, with a new token, whoever may issue it. */
export const machineWith = async (
  app: TestApp,
  permissions: readonly string[],
  applications: readonly string[] | null = null,
): Promise<Client> => {
  const input = { name: 'machine', permissions, applications, expiresAt: null };
  const outcome = await app.execute(app.commands.createServiceToken, input, app.bed.request());
  if (isRejection(outcome)) throw new Error(outcome.rejected);
  return clientOf(app, { authorization: `Bearer ${outcome.secret?.text}` });
};

/** How many events there are: what a refused call must not change. */
export const written = async (app: TestApp): Promise<number> => (await app.store.readAll(null, 100_000)).events.length;

/** Status and code, to be compared at once. */
export const answered = ({ status, body }: Response): readonly unknown[] =>
  status < 400 ? [status] : [status, body.code];
