import * as assert from 'uvu/assert';
import { adminPassword, type Client, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { copyOf } from '../support/dataFolder.ts';
import { eventually } from '../support/eventually.ts';
import { type Server, startServer } from '../support/server.ts';
import { appendForeign } from '../support/stoppedFolder.ts';
import { suite } from '../support/suite.ts';

type Owner = { readonly id: string; readonly keyId: string; readonly key: string };

const poisoned = suite<{ data: string; token: string; ada: Owner; grace: Owner }>('an event that cannot be read');

const password = 'a passphrase of some length';

poisoned.before(async (context) => {
  const server = await startServer();
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'idmp' }), 200);
  const owner = async (email: string): Promise<Owner> => {
    const made = await admin.post('/v1/admin/users', { email, password, roles: ['member'] });
    const { id } = expectStatus(made, 201).body;
    const client = await signIn(server, email, password);
    const key = expectStatus(await client.post('/v1/api-keys', { name: 'ci', expiresAt: null }), 201).body;
    return { id, keyId: key.id, key: key.key };
  };
  context.ada = await owner('ada@example.com');
  context.grace = await owner('grace@example.com');
  const permissions = ['verify', 'operations'];
  const token = await admin.post('/v1/admin/service-tokens', { name: 'svc', permissions });
  context.token = expectStatus(token, 201).body.token;
  assert.is((await server.stop()).code, 0);
  context.data = server.data;
});

const serviceOf = (server: Server, token: string) => clientOf(server, { authorization: `Bearer ${token}` });

const codeOf = async (service: Client, key: string): Promise<string> =>
  expectStatus(await service.post('/v1/verify', { key }), 200).body.code;

type Parked = { readonly stream: string; readonly type: string; readonly error: string; readonly since: string };

const parkedIn = async (service: Client, name: string): Promise<readonly Parked[]> => {
  const { items } = expectStatus(await service.get('/v1/admin/lists'), 200).body;
  return items.find((list: { name: string }) => list.name === name).parked;
};

poisoned('what one list cannot take waits there, and nothing else does', async ({ data, token, ada, grace }) => {
  const copy = copyOf(data);
  const stream = `keyring-${ada.id}`;
  // A name that is no text: the list's store refuses it, and only in that list.
  const renamed = { keyId: ada.keyId, name: { not: 'a text' }, description: null };
  await appendForeign(copy, { stream, type: 'ApiKeyRenamed', data: renamed });
  const server = await startServer({ KEYLEDGER_DATA: copy });
  try {
    const service = serviceOf(server, token);
    const admin = await signIn(server, 'admin@localhost', adminPassword);
    await eventually(async () => (await parkedIn(service, 'apiKeys')).length === 1, 'it is parked');
    const [parked] = await parkedIn(service, 'apiKeys');
    assert.is(parked!.stream, stream);
    assert.is(parked!.type, 'ApiKeyRenamed');
    assert.type(parked!.error, 'string');
    assert.match(parked!.since, /^20\d\d-.*Z$/);
    assert.equal(await parkedIn(service, 'users'), []);
    assert.equal(await parkedIn(service, 'auditEvents'), []);

    assert.is(await codeOf(service, ada.key), 'valid', 'also of whose stream waits');
    assert.is(await codeOf(service, grace.key), 'valid');
    expectStatus(await service.get('/readyz'), 200);

    expectStatus(await admin.delete(`/v1/admin/api-keys/${grace.keyId}`), 204);
    assert.is(await codeOf(service, grace.key), 'revoked');
    const revoked = expectStatus(await admin.get('/v1/admin/api-keys?status=revoked'), 200).body.items;
    assert.equal(
      revoked.map(({ id }: { id: string }) => id),
      [grace.keyId],
      'the list goes on for others',
    );

    const call = (verb: string) => service.post(`/v1/admin/lists/apiKeys/${verb}`, { stream });
    assert.is(expectStatus(await call('retry'), 200).body.resumed, false);
    assert.is((await parkedIn(service, 'apiKeys')).length, 1);
    assert.is(expectStatus(await call('skip'), 200).body.resumed, true);
    assert.equal(await parkedIn(service, 'apiKeys'), []);
    const skips = expectStatus(await admin.get('/v1/audit/events?type=ProjectionSkipped'), 200).body.items;
    assert.is(skips.length, 1);
    assert.is(skips[0].data.list, 'apiKeys');
    assert.is(skips[0].data.stream, stream);
    assert.is(skips[0].actor.kind, 'service');

    await eventually(async () => {
      const listed = expectStatus(await admin.get(`/v1/admin/api-keys?owner=${ada.id}`), 200).body.items;
      return listed.length === 1 && listed[0].name === 'ci';
    }, 'the key is listed as it was');
  } finally {
    await server.stop();
  }
});

const stopping: readonly (readonly [string, RegExp, (of: Owner) => Parameters<typeof appendForeign>[1]])[] = [
  [
    'a type that this release does not know',
    /unknown type/,
    () => ({ stream: 'policy', type: 'KeyPolicyRepealed', data: { name: 'x' } }),
  ],
  [
    'the end of a key that was never made',
    /never created/,
    ({ id }) => ({
      stream: `keyring-${id}`,
      type: 'ApiKeyExpired',
      data: { keyId: '01890000-0000-7000-8000-000000000000' },
    }),
  ],
];

for (const [what, reason, event] of stopping)
  poisoned(`${what} stops verification of everything, and says why`, async ({ data, token, ada, grace }) => {
    const copy = copyOf(data);
    const foreign = event(ada);
    const eventId = await appendForeign(copy, foreign);
    const server = await startServer({ KEYLEDGER_DATA: copy });
    try {
      const service = serviceOf(server, token);
      for (const { key } of [ada, grace]) {
        const answer = await service.post('/v1/verify', { key });
        assert.is(expectStatus(answer, 503).body.code, 'unavailable');
        assert.ok(answer.headers.get('retry-after'));
      }
      const ready = expectStatus(await service.get('/readyz'), 503).body.checks.verification;
      assert.is(ready.ok, false);
      assert.is(ready.halted.type, foreign.type);
      assert.is(ready.halted.eventId, eventId);
      assert.match(ready.halted.reason, reason);
      assert.ok(server.log().includes(eventId));
      expectStatus(await service.get('/livez'), 200);
      expectStatus(await service.get('/openapi.json'), 200);
      const session = await clientOf(server).post('/v1/session', { email: 'admin@localhost', password: adminPassword });
      assert.ok(session.status === 200 || session.body.code === 'unavailable', 'what does not hang on it goes on');
      for (const path of ['/v1/me', '/v1/admin/lists']) {
        const refused = await service.get(path);
        assert.is(expectStatus(refused, 503).body.code, 'unavailable');
      }
    } finally {
      assert.is((await server.stop()).code, 0);
    }
  });

poisoned.run();
