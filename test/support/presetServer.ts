import { createHash } from 'node:crypto';
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
import { startServer } from './server.ts';

/** Somebody signed in, and what they sign in with. */
export type Person = { readonly id: string; readonly email: string; readonly client: Client };

export type PresetServer = Awaited<ReturnType<typeof startPreset>>;

export const password = 'a passphrase of some length';
export const day = 86_400_000;
export const inDays = (days: number): string => new Date(Date.now() + days * day).toISOString();

/** Status and code, and the parameters where there are any. */
export const answered = ({ status, body }: Response): readonly unknown[] =>
  status < 400 ? [status] : body.params === undefined ? [status, body.code] : [status, body.code, body.params];

const catalog = [
  { application: 'streams', actions: ['read', 'write', 'admin'] },
  { application: 'reports', actions: ['read', 'run'] },
];

/** The real program under one preset, with an administrator, a member and a guest (who has no role that permits anything). */
export const startPreset = async (preset: string) => {
  const server = await startServer(knownAdministrator);
  const admin = await signIn(server, knownAdministrator.KEYLEDGER_ADMIN_EMAIL, adminPassword);
  const service = await serviceWith(server, admin, ['verify']);
  let people = 0;

  const policy = async (change: object): Promise<Response> =>
    expectStatus(await admin.put('/v1/admin/policy', change), 200);

  const person = async (roles: readonly string[]): Promise<Person> => {
    people += 1;
    const email = `person.${people}@example.com`;
    const made = expectStatus(await admin.post('/v1/admin/users', { email, password, roles }), 201);
    return { id: made.body.id, email, client: await signIn(server, email, password) };
  };

  expectStatus(await admin.put('/v1/admin/scopes', { items: catalog }), 200);
  const fresh = expectStatus(await admin.get('/v1/admin/policy'), 200).body;
  await policy({ preset });
  const [member, guest] = [await person(['member']), await person(['guest'])];

  const ask = async (key: string, scopes?: readonly string[]) =>
    expectStatus(await service.post('/v1/verify', { key, ...(scopes && { scopes }) }), 200).body;
  const create = ({ client }: Person, body: object = {}) => client.post('/v1/api-keys', body);

  return {
    server,
    admin,
    member,
    guest,
    /** The policy that a fresh installation had. */
    fresh,
    policy,
    person,
    create,
    make: async (who: Person, body: object = {}) => expectStatus(await create(who, body), 201).body,
    key: async ({ client }: Person, id: string) => expectStatus(await client.get(`/v1/api-keys/${id}`), 200).body,
    patch: ({ client }: Person, id: string, body: object) => client.patch(`/v1/api-keys/${id}`, body),
    rotate: ({ client }: Person, id: string, body: object = {}) => client.post(`/v1/api-keys/${id}/rotate`, body),
    reveal: ({ client }: Person, id: string, body: object = { password }) =>
      client.post(`/v1/api-keys/${id}/reveal`, body),
    remove: async ({ client }: Person, id: string) => expectStatus(await client.delete(`/v1/api-keys/${id}`), 204),
    assign: async ({ id }: Person, roles: readonly string[]) =>
      expectStatus(await admin.patch(`/v1/admin/users/${id}`, { roles }), 200),
    me: async ({ client }: Person) => expectStatus(await client.get('/v1/me'), 200).body,
    ask,
    verify: async (key: string): Promise<string> => (await ask(key)).code,
    /** What a call here with these headers is answered. */
    withHeaders: (headers: { readonly [name: string]: string }) => clientOf(server, headers).get('/v1/me'),
    /** Somebody with so many keys, made elsewhere and taken over. */
    ownerOf: async (keys: number, own: object = {}): Promise<Person> => {
      const owner = await person(['member']);
      const items = Array.from({ length: keys }, (_, n) => ({
        ownerEmail: owner.email,
        sha256: createHash('sha256').update(`${owner.id} ${n}`).digest('hex'),
        mask: `old-${n}`,
        name: `old ${n}`,
        ...own,
      }));
      const { body } = expectStatus(await admin.post('/v1/admin/api-keys/import', { items }), 200);
      for (const { status } of body.results) assert.is(status, 'imported');
      return owner;
    },
    untilExpired: (key: string) => eventually(async () => (await ask(key)).code === 'expired', 'the key expires', 50),
    stop: async () => {
      const { code, stderr } = await server.stop();
      assert.is(code, 0, stderr);
    },
  };
};

/** Of a list or one key, never its text. */
export const assertHidden = (made: { readonly key: string; readonly mask: string }, ...bodies: readonly unknown[]) => {
  for (const body of bodies) {
    const text = JSON.stringify(body);
    assert.not.ok(text.includes(made.key), 'the text is shown');
    assert.ok(text.includes(made.mask), 'the mask is shown');
  }
};

/** Every call that manages keys, asked with a key of whoever may do most. */
export const assertManagesNoKeys = async (
  of: PresetServer,
  id: string,
  headers: { readonly [name: string]: string },
) => {
  const holder = clientOf(of.server, headers);
  const one = `/v1/api-keys/${id}`;
  const calls: readonly (readonly [method: string, path: string, body?: object])[] = [
    ['GET', '/v1/api-keys'],
    ['POST', '/v1/api-keys', { name: 'another' }],
    ['POST', '/v1/api-keys/check', { key: 'x' }],
    ['GET', one],
    ['GET', `${one}/history`],
    ['PATCH', one, { description: 'x' }],
    ['POST', `${one}/rotate`, {}],
    ['POST', `${one}/reveal`, { password }],
    ['DELETE', one],
    ['GET', '/v1/admin/api-keys'],
    ['PUT', '/v1/admin/policy', { enabled: false }],
  ];
  for (const [method, path, body] of calls) {
    const response = await holder.call(method, path, body === undefined ? {} : { body });
    assert.equal(answered(response), [403, 'key-not-allowed-here'], `${method} ${path}`);
  }
  assert.is((await holder.get('/v1/me')).status, 200, 'it works for what keys are for');
};

/** The three headers that a key may come in, and what becomes of wrong and contradicting ones. */
export const assertSentAs = async (of: PresetServer, key: string, wrong: string) => {
  const status = async (headers: { readonly [name: string]: string }) => answered(await of.withHeaders(headers));
  assert.equal(await status({ authorization: `Bearer ${key}` }), [200]);
  assert.equal(await status({ authorization: `bearer ${key}` }), [200]);
  assert.equal(await status({ 'x-api-key': key }), [200]);
  assert.equal(await status({ 'x-api-key': key, authorization: `Bearer ${key}` }), [200]);
  assert.equal(await status({ 'x-api-key': key, authorization: `Bearer ${wrong}` }), [400, 'ambiguous-credentials']);
  for (const headers of [
    { authorization: `Bearer ${wrong}` },
    { 'x-api-key': wrong },
    { authorization: `Basic ${key}` },
  ]) {
    const refused = await of.withHeaders(headers);
    assert.equal(answered(refused), [401, 'invalid-key']);
    assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/);
  }
};

/** The table of the policy's fields, as the contract has it. */
const fields = [
  ...['enabled', 'requireRole', 'nameRequired', 'nameEditable', 'uniqueNames', 'maxKeysPerUser', 'whenFull', 'expiry'],
  ...['maxLifetimeDays', 'expiryEditable', 'secret', 'form', 'prefix', 'scoped', 'rotation', 'maxGraceSeconds'],
  ...['expiryNoticeDays', 'endUnusedAfterDays'],
] as const;

const values: { readonly [preset: string]: readonly unknown[] } = {
  qalyptus: [
    ...[false, true, true, true, false, 1000, 'refuse', 'required'],
    ...[180, 'shorten', 'once', 'prefixed', 'api', false, false, 0, [30, 7, 1], null],
  ],
  idmp: [
    ...[true, false, true, false, true, 1000, 'refuse', 'optional'],
    ...[null, 'any', 'recoverable', 'prefixed', 'api', false, false, 0, [30, 7, 1], null],
  ],
  aip: [
    ...[true, false, false, true, false, 1, 'replace', 'none'],
    ...[null, 'no', 'once', 'dotted', null, false, true, 0, [], null],
  ],
  helmut: [
    ...[true, false, true, true, false, 1000, 'refuse', 'optional'],
    ...[null, 'any', 'once', 'prefixed', 'api', true, true, 86_400, [30, 7, 1], null],
  ],
};

/** All values of a preset, by the table of the contract. */
export const tableOf = (preset: string): object => ({
  preset,
  ...Object.fromEntries(fields.map((field, n) => [field, values[preset]?.[n]])),
});

/** Its values are set by its name alone, told with who set them and when, and can be put back as they were answered. */
export const assertPreset = async ({ admin, policy }: PresetServer, preset: string) => {
  await policy({ preset: preset === 'aip' ? 'idmp' : 'aip' });
  const before = Date.now();
  const set = (await policy({ preset })).body;
  const { customized, revision, changedAt, changedBy, ...rest } = set;
  assert.equal(rest, tableOf(preset));
  assert.is(customized, false);
  assert.is(changedBy.kind, 'admin');
  assert.ok(Date.parse(changedAt) >= before - 1 && Date.parse(changedAt) <= Date.now());
  assert.equal((await admin.get('/v1/admin/policy')).body, set);
  assert.equal((await policy(set)).body, set, 'put back as it was answered it is no change');
  const own = (await policy({ endUnusedAfterDays: 90 })).body;
  assert.equal([own.preset, own.customized, own.revision], [preset, true, revision + 1]);
  assert.equal((await policy({ preset })).body.customized, false);
};
