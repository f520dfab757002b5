import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Client, expectStatus, firstAdministrator } from '../support/client.ts';
import { type ContractCall, contractOf } from '../support/contract.ts';
import { bytesOf, openConnection, type RawAnswer, type RawHeaders, type RawRequest } from '../support/rawHttp.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const fuzz = suite<{ server: Server; admin: Client; calls: readonly ContractCall[]; token: string; key: string }>(
  'requests at random',
);

fuzz.before(async (context) => {
  context.server = await startServer();
  context.admin = await firstAdministrator(context.server);
  expectStatus(await context.admin.put('/v1/admin/policy', { preset: 'idmp' }), 200);
  context.calls = await contractOf(context.admin);
  const made = await context.admin.post('/v1/admin/service-tokens', {
    name: 'all that a token may',
    permissions: ['verify', 'revocations:read', 'operations', 'audit:read', 'keys:read', 'users:write', 'policy:write'],
  });
  context.token = expectStatus(made, 201).body.token;
  context.key = expectStatus(await context.admin.post('/v1/api-keys', { name: 'k', expiresAt: null }), 201).body.key;
});

fuzz.after(async ({ server }) => {
  const { code, stderr } = await server.stop();
  assert.is(code, 0, stderr);
});

const id = fc.constantFrom(
  '01890000-0000-7000-8000-000000000000',
  'x',
  '%00',
  '..',
  '%',
  '%ff',
  'users',
  'apiKeys',
  '*',
);
const word = fc.oneof(
  id,
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

const pathOf = (call: ContractCall) =>
  fc.array(id, { minLength: 3, maxLength: 3 }).map((ids) => call.path.replace(/\{\w+\}/g, () => ids.shift() as string));

const queryOf = (call: ContractCall) =>
  fc
    .array(fc.tuple(fc.oneof(fc.constantFrom('limit', 'cursor', 'at', ...call.query), word), word), { maxLength: 3 })
    .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`));

/** Values that look like what a body has, and others. */
const anyValue = (fields: readonly string[]) =>
  fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>(null, true, 0, -1, 1e300, '', 'x', [], {}, '2027-01-01T00:00:00Z', '\ud800', '*:*'),
      fc.string({ maxLength: 40, unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('__proto__', 'a', ...fields), tie('value'), { maxKeys: 4 }),
    ),
  })).value;

const bodyOf = (call: ContractCall) => {
  const fields = Object.keys(call.body?.properties ?? {});
  return fc.oneof(
    { weight: 4, arbitrary: anyValue(fields).map((value) => JSON.stringify(value)) },
    {
      weight: 2,
      arbitrary: fc.dictionary(fc.constantFrom('x', ...fields), anyValue(fields)).map((body) => JSON.stringify(body)),
    },
    fc.string({ maxLength: 50 }),
    fc.uint8Array({ maxLength: 50 }),
  );
};

const printable = fc.string({
  unit: fc.integer({ min: 32, max: 126 }).map((unit) => String.fromCharCode(unit)),
  maxLength: 30,
});
const known = [
  'Accept',
  'Cookie',
  'Origin',
  'If-Match',
  'Idempotency-Key',
  'Keyledger-Min-Position',
  'Sec-Fetch-Site',
  'Expect',
  'Range',
  'Last-Event-ID',
  'Upgrade',
  'Content-Encoding',
  'X-Forwarded-For',
  'X-HTTP-Method-Override',
];
const header = fc.tuple(
  fc.constantFrom(...known),
  fc.oneof(printable, fc.constantFrom('*', '"1"', '0', 'gzip', '100-continue', 'application/json')),
);

// What would end the session or the server's usefulness to the rest is tried by nobody who is let in.
const endsSessions = ({ method, path }: ContractCall) =>
  (path === '/v1/session' && method !== 'GET') ||
  /sessions|password|deactivate|delete|erase|stream|reauthenticate/.test(path);

const requestFor = (calls: readonly ContractCall[], callers: readonly RawHeaders[]) =>
  fc.constantFrom(...calls).chain((call) =>
    fc.record({
      method: fc.oneof(
        { weight: 6, arbitrary: fc.constant(call.method) },
        fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'SEARCH'),
      ),
      path: fc.tuple(pathOf(call), queryOf(call)).map(([path, query]) => `${path}${query}`),
      headers: fc
        .tuple(
          fc.constantFrom(...(endsSessions(call) ? ([[]] as RawHeaders[]) : callers)),
          fc.constantFrom('application/json', 'application/json', 'application/json', 'text/plain', ''),
          fc.array(header, { maxLength: 3 }),
        )
        .map(([caller, type, more]): RawHeaders => [...caller, ['Content-Type', type], ...more]),
      body: bodyOf(call),
    }),
  );

const sane = (request: RawRequest, answer: RawAnswer) => {
  const { status, text } = answer;
  const said = `${request.method} ${request.path}: ${status} ${text.slice(0, 300)}`;
  assert.ok(status < 500 || status === 503, said);
  if (status < 400) return;
  assert.is(answer.headers['content-type'], 'application/problem+json', said);
  const problem = JSON.parse(text);
  assert.is(problem.type, `/problems/${problem.code}`, said);
  assert.is(problem.status, status, said);
  if (status === 503) assert.ok(['unavailable', 'not-caught-up'].includes(problem.code), said);
  assert.not.match(text, /\n\s+at |node_modules|\.ts:\d|SQLITE/, said);
};

fuzz('whatever is sent, the answer is one of the contract', async ({ server, admin, calls, token, key }) => {
  const cookie = await cookieOf(server);
  const callers: RawHeaders[] = [
    [['Cookie', cookie]],
    [['Cookie', cookie]],
    [['Authorization', `Bearer ${token}`]],
    [['X-API-KEY', key]],
    [],
  ];
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(requestFor(calls, callers), async (request) => {
      const connection = openConnection(server);
      connection.send(bytesOf(request));
      const answer = await connection.answer();
      connection.close();
      seen.add(answer.status);
      sane(request, answer);
    }),
    { numRuns: 600, seed: 20_270_101, endOnFailure: false },
  );
  for (const status of [200, 400, 401, 403, 404, 405, 415]) assert.ok(seen.has(status), `${status} among ${[...seen]}`);
  assert.is((await admin.get('/v1/me')).status, 200, 'the session goes on');
  assert.is((await admin.get('/readyz')).status, 200);
});

const cookieOf = async (server: Server): Promise<string> => {
  const answer = await fetch(`${server.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@localhost', password: 'correct horse battery staple' }),
  });
  return answer.headers
    .getSetCookie()
    .find((one) => one.startsWith('keyledger='))!
    .split(';')[0]!;
};

fuzz('bytes that are not even requests', async ({ server, admin }) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const connection = openConnection(server);
      connection.send(bytes);
      connection.send('\r\n\r\n\r\n\r\n');
      const answer = await connection.answer();
      sane({ method: 'bytes', path: Buffer.from(bytes).toString('hex') }, answer);
      connection.close();
    }),
    { numRuns: 200, seed: 20_270_102 },
  );
  assert.is((await admin.get('/readyz')).status, 200);
});

fuzz('the log tells of no fault', ({ server }) => {
  assert.is(server.log(), '');
});

fuzz.run();
