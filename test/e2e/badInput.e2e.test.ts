import * as assert from 'uvu/assert';
import { type Client, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { bodyWith, type ContractCall, contractOf, pointerTo, textsIn } from '../support/contract.ts';
import { ask, bytesOf, chunked, openConnection, type RawAnswer, type RawHeaders } from '../support/rawHttp.ts';
import { assertRefused } from '../support/refused.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

type Context = {
  server: Server;
  admin: Client;
  calls: readonly ContractCall[];
  /** Headers that let each kind of caller in. */
  as: { readonly [caller in 'session' | 'key' | 'serviceToken' | 'open']: RawHeaders };
  /** Nothing of these may ever be in an answer to somebody who got something wrong. */
  secrets: readonly string[];
  key: string;
  keyIds: readonly string[];
  userId: string;
  /** Whose key and session are nobody else's business. */
  other: { readonly client: Client; readonly keyId: string; readonly sessionId: string };
  end: string;
  slow: ReturnType<typeof openConnection>;
};

const refuses = suite<Context>('bad input');

const password = 'a passphrase of some length';
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

const bearer = (token: string): RawHeaders => [['Authorization', `Bearer ${token}`]];

/** Position of the log's last event, proven by a read that was sent after the question. */
const endOfLog = async ({ server, as }: Pick<Context, 'server' | 'as'>): Promise<string> => {
  const answer = await ask(server, { method: 'GET', path: '/v1/revocations', headers: as.serviceToken });
  assert.is(answer.status, 200, answer.text);
  return JSON.parse(answer.text).head;
};

const cookieOfSignIn = async (server: Server, email: string, secret: string): Promise<string> => {
  const answer = await fetch(`${server.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: secret }),
  });
  return answer.headers
    .getSetCookie()
    .find((cookie) => cookie.startsWith('keyledger='))!
    .split(';')[0]!;
};

refuses.before(async (context) => {
  const server = await startServer();
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
  const person = async (email: string) => {
    const made = await admin.post('/v1/admin/users', { email, password, fullName: 'Ada', roles: ['member'] });
    return { id: expectStatus(made, 201).body.id as string, client: await signIn(server, email, password) };
  };
  const mine = await person('ada@example.com');
  expectStatus(await admin.post(`/v1/admin/users/${mine.id}/reactivate`), 200);
  const theirs = await person('grace@example.com');
  const made = [];
  for (const name of ['one', 'two', 'three'])
    made.push(expectStatus(await admin.post('/v1/api-keys', { name, expiresAt: inDays(30) }), 201).body);
  const foreign = expectStatus(await theirs.client.post('/v1/api-keys', { name: 'theirs' }), 201).body;
  const sessions = expectStatus(await theirs.client.get('/v1/sessions'), 200).body.items;
  const service = expectStatus(
    await admin.post('/v1/admin/service-tokens', {
      name: 'svc',
      permissions: ['verify', 'revocations:read', 'notices:send', 'owners:read'],
    }),
    201,
  ).body;
  const cookie = await cookieOfSignIn(server, 'admin@localhost', 'correct horse battery staple');
  Object.assign(context, {
    server,
    admin,
    calls: await contractOf(admin),
    as: {
      session: [['Cookie', cookie]],
      key: bearer(made[0].key),
      serviceToken: bearer(service.token),
      open: [],
    },
    key: made[0].key,
    keyIds: made.map(({ id }) => id),
    userId: mine.id,
    secrets: [...made.map(({ key }) => key), foreign.key, service.token, cookie.split('=')[1]!, password],
    other: { client: theirs.client, keyId: foreign.id, sessionId: sessions[0].id },
  });
  context.end = await endOfLog(context);
  context.slow = openConnection(server);
  context.slow.send('POST /v1/session HTTP/1.1\r\nHost: localhost\r\nX-Slow: and so o');
});

refuses.after(async ({ server }) => {
  const { code, stderr } = await server.stop();
  assert.is(code, 0, stderr);
});

/** Somebody who may make the call. */
const callerOf = ({ as }: Context, { takes }: ContractCall): RawHeaders =>
  takes.has('session') || takes.has('open') ? as.session : as.serviceToken;

/** With parameters that name nothing. */
const pathOf = ({ path }: ContractCall): string =>
  path.replace(/\{(\w+)\}/g, (_, name) => (/id$/i.test(name) ? '00000000-0000-4000-8000-000000000000' : 'nothing'));

const json = [['Content-Type', 'application/json']] as const;

const send = (context: Context, call: ContractCall, body: string | Uint8Array, headers: RawHeaders = json) =>
  ask(context.server, {
    method: call.method,
    path: pathOf(call),
    headers: [...callerOf(context, call), ...headers],
    body,
  });

const nameOf = ({ method, path }: ContractCall) => `${method} ${path}`;

// A mail program may post to the link to unsubscribe, and a proxy to forward-auth, with any body: nobody looks at it. To
// introspect a form is sent, and an avatar is a picture. Each has tests of its own for what it takes.
const takesNoJson = new Set(['/unsubscribe', '/v1/forward-auth', '/v1/introspect', '/v1/profile/avatar']);
const unsafe = ({ calls }: Context) => calls.filter(({ method, path }) => method !== 'GET' && !takesNoJson.has(path));
const withBody = (context: Context) =>
  context.calls.filter(({ body, path }) => body !== null && !takesNoJson.has(path));

/** Answered on the bare server, where a question has 8 KB at the most. */
const isSmall = ({ path }: ContractCall) => path === '/v1/verify' || path === '/v1/revocations/ack';

const deep = (depth: number, left: string, right: string) => `${left.repeat(depth)}1${right.repeat(depth)}`;

const malformed: readonly (readonly [string, string | Uint8Array])[] = [
  ['half a body', '{"name":'],
  ['no JSON', 'name=x'],
  ['a comma too many', '{"a":1,}'],
  ['single quotes', "{'a':1}"],
  ['two bodies', '{}{}'],
  ['a comment', '{} // x'],
  ['NaN', '{"a":NaN}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
  ['an overlong sequence', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
  ['a NUL', '{"a":"\0"}'],
  ['depth without an end', '['.repeat(5_000)],
];

refuses('malformed JSON, on every call that changes or asks something', async (context) => {
  for (const call of unsafe(context))
    for (const [name, body] of malformed) {
      const answer = await send(context, call, body);
      assertRefused(answer, 400, 'malformed-json', `${nameOf(call)}, ${name}`, context.secrets);
    }
});

const wrongShapes: readonly (readonly [string, string])[] = [
  ['an array', '[]'],
  ['an array of objects', '[{}]'],
  ['a text', '"text"'],
  ['a number', '12'],
  ['true', 'true'],
  ['null', 'null'],
  ['an unknown field', '{"unknown":1}'],
  ['__proto__', '{"__proto__":{"admin":true}}'],
  ['__proto__, escaped', '{"\\u005f\\u005fproto__":{"admin":true}}'],
  ['__proto__, further in', '{"name":{"a":[{"__proto__":1}]}}'],
  ['constructor', '{"constructor":{"prototype":{"admin":true}}}'],
  ['toString', '{"toString":1,"valueOf":1,"hasOwnProperty":1}'],
  ['a lone surrogate for a name', '{"\\ud800":1}'],
  ['an empty name', '{"":1}'],
];

refuses('values of another shape, unknown fields and the prototype', async (context) => {
  for (const call of unsafe(context))
    for (const [name, body] of wrongShapes) {
      const answer = await send(context, call, body);
      assertRefused(answer, 400, 'validation-failed', `${nameOf(call)}, ${name}`, context.secrets);
    }
  assert.is(({} as { admin?: boolean }).admin, undefined);
});

refuses('depth of 10,000', async (context) => {
  for (const call of unsafe(context)) {
    const [status, code] = isSmall(call) ? [413, 'payload-too-large'] : [400, 'validation-failed'];
    for (const body of [
      deep(10_000, '[', ']'),
      deep(10_000, '{"a":', '}'),
      deep(9_000, '{"__proto__x":[', ']}').slice(0),
    ])
      if (body.length < 65_536)
        assertRefused(await send(context, call, body), status as number, code as string, `${nameOf(call)}, deep`);
    const fitting = await send(context, call, deep(4_000, '[', ']'));
    assertRefused(fitting, 400, 'validation-failed', `${nameOf(call)}, deep and fitting`);
  }
});

refuses(
  'an operator, a number, a list or nothing where a text belongs, and the pointer says where',
  async (context) => {
    for (const call of withBody(context))
      for (const place of textsIn(call.body!))
        for (const value of [{ $gt: '' }, { $ne: null }, 12, [], ['x'], true, { toString: 'x' }]) {
          if (Array.isArray(value) && place.length === 0) continue;
          const answer = await send(context, call, JSON.stringify(bodyWith(place, value)));
          const what = `${nameOf(call)}, ${JSON.stringify(value)} at ${pointerTo(place)}`;
          assertRefused(answer, 400, 'validation-failed', what, context.secrets);
          const { errors } = JSON.parse(answer.text) as { errors: { in: string; pointer: string }[] };
          assert.ok(
            errors.some(
              (error) => error.in === 'body' && error.pointer.startsWith(pointerTo(place).replace(/\/0$/, '')),
            ),
            `${what}: ${answer.text}`,
          );
        }
  },
);

const noTexts = ['\ud800', '\udc00x', 'a\0b', '\u001b[31m'];

/** Where any text at all is a question that has an answer: it is no key, or nobody's address. */
const takesAnyText = /verify|check|password-reset$/;
/** What GET answers and PUT passes over. */
const passedOver = /policy(\/preview)? .(changed|customized|revision)/;

refuses('texts that are too long or no text', async (context) => {
  for (const call of withBody(context))
    for (const place of textsIn(call.body!)) {
      const what = `${nameOf(call)} ${pointerTo(place)}`;
      if (passedOver.test(what)) continue;
      const tooLong = await send(context, call, JSON.stringify(bodyWith(place, 'x'.repeat(60_000))));
      const [status, code] = isSmall(call) ? [413, 'payload-too-large'] : [400, 'validation-failed'];
      assertRefused(tooLong, status as number, code as string, `${what}, too long`, context.secrets);
      for (const text of takesAnyText.test(call.path) ? [] : noTexts) {
        const answer = await send(context, call, JSON.stringify(bodyWith(place, text)));
        const { code: refused } = JSON.parse(answer.text) as { code: string };
        assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
        assertRefused(answer, answer.status, refused, `${what} ${JSON.stringify(text)}`, context.secrets);
      }
    }
});

refuses('one wrong text in a body that is right but for it', async (context) => {
  const { server, as, userId, secrets } = context;
  const user = { email: 'new@example.com', password, roles: ['member'] };
  const secret = (text: string) => `a passphrase ${text} of some length`;
  const change = { currentPassword: 'correct horse battery staple', endOtherSessions: false };
  const bodies: readonly (readonly [string, string, (text: string) => object])[] = [
    ['POST', '/v1/admin/users', (text) => ({ ...user, email: `a${text}@example.com` })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, email: `a@${text}.example.com` })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, firstName: text })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, fullName: text })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, roles: [text] })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, groups: [text] })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, organizations: [text] })],
    ['POST', '/v1/admin/users', (text) => ({ ...user, password: undefined, externalProvider: text })],
    ...['firstName', 'lastName', 'fullName', 'phone', 'position', 'description', 'language', 'timeZone'].flatMap(
      (field) =>
        [
          ['PATCH', `/v1/admin/users/${userId}`, (text: string) => ({ [field]: text })],
          ['PATCH', '/v1/profile', (text: string) => ({ [field]: text })],
        ] as const,
    ),
    ['PATCH', `/v1/admin/users/${userId}`, (text) => ({ email: `a${text}@example.com` })],
    ['PATCH', `/v1/admin/users/${userId}`, (text) => ({ groups: [text] })],
    ['POST', `/v1/admin/users/${userId}/deactivate`, (reason) => ({ reason })],
    ['PUT', '/v1/admin/scopes', (text) => ({ items: [{ application: text, actions: ['read'] }] })],
    ['PUT', '/v1/admin/scopes', (text) => ({ items: [{ application: 'app', actions: [text] }] })],
    ['PUT', '/v1/admin/roles/ops', (text) => ({ permissions: [], scopes: [`app:${text}`] })],
    ['PUT', '/v1/admin/policy', (prefix) => ({ prefix })],
    ['POST', '/v1/admin/service-tokens', (name) => ({ name, permissions: ['verify'] })],
    ['POST', '/v1/admin/service-tokens', (text) => ({ name: 'n', permissions: ['verify'], applications: [text] })],
    ['POST', '/v1/api-keys', (name) => ({ name })],
    ['POST', '/v1/api-keys', (description) => ({ name: 'n', description })],
    ['POST', '/v1/api-keys', (expiresAt) => ({ name: 'n', expiresAt })],
  ];
  const refused = async (method: string, path: string, body: object) => {
    const answer = await ask(server, { method, path, headers: [...as.session, ...json], body: JSON.stringify(body) });
    const what = `${method} ${path} ${JSON.stringify(body).slice(0, 200)}`;
    assert.ok(answer.status === 400 || answer.status === 422, `${what}: ${answer.status} ${answer.text}`);
    const { code } = JSON.parse(answer.text) as { code: string };
    assertRefused(answer, answer.status, code, what, secrets);
  };
  for (const [method, path, body] of bodies)
    for (const text of [...noTexts, 'x'.repeat(4_000)]) await refused(method, path, body(text));
  // Any character makes a password; half of one is none, and two of them would be one after encoding.
  for (const half of ['\ud800', '\udc00']) {
    await refused('POST', '/v1/admin/users', { ...user, password: secret(half) });
    await refused('POST', '/v1/profile/password', {
      ...change,
      newPassword: secret(half),
      confirmPassword: secret(half),
    });
  }
});

refuses('10 MB: 413 is heard, and the connection goes on', async (context) => {
  const large = Buffer.alloc(10_000_000, ' ');
  for (const call of unsafe(context)) {
    const connection = openConnection(context.server);
    const headers = [...callerOf(context, call), ...json];
    const request = { method: call.method, path: pathOf(call), headers };
    connection.send(bytesOf({ ...request, body: large }));
    assertRefused(await connection.answer(), 413, 'payload-too-large', `${nameOf(call)}, 10 MB`);
    connection.send(bytesOf({ method: 'GET', path: '/livez' }));
    assert.is((await connection.answer()).status, 200, `${nameOf(call)}, after 10 MB`);
    connection.close();
  }
});

refuses('10 MB in chunks, whose length nobody says', async (context) => {
  const piece = Buffer.alloc(100_000, ' ');
  for (const call of unsafe(context).filter(({ path }) => /verify|usage|ack|session$|users$/.test(path))) {
    const connection = openConnection(context.server);
    const headers = [...callerOf(context, call), ...json, ['Transfer-Encoding', 'chunked']] as RawHeaders;
    connection.send(bytesOf({ method: call.method, path: pathOf(call), headers }));
    connection.send(chunked(...Array.from({ length: 100 }, () => piece)));
    assertRefused(await connection.answer(), 413, 'payload-too-large', `${nameOf(call)}, chunks`);
    connection.send(bytesOf({ method: 'GET', path: '/livez' }));
    assert.is((await connection.answer()).status, 200, `${nameOf(call)}, after the chunks`);
    connection.close();
  }
});

refuses('a body that is not said to be JSON', async (context) => {
  for (const call of unsafe(context))
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonp',
      'multipart/form-data',
      null,
    ]) {
      const answer = await send(context, call, '{"unknown":1}', type === null ? [] : [['Content-Type', type]]);
      assertRefused(answer, 415, 'unsupported-media-type', `${nameOf(call)} as ${type}`, context.secrets);
    }
});

refuses('credentials: two that differ, broken ones, and those of another kind', async (context) => {
  const { as, server, calls, key, secrets } = context;
  // What a proxy brings is what it asks about: whatever is no key that works is none, a service token too.
  const guarded = calls.filter(({ takes, path }) => !takes.has('open') && path !== '/v1/forward-auth');
  const get = (call: ContractCall, headers: RawHeaders) =>
    call.method === 'GET'
      ? ask(server, { method: call.method, path: pathOf(call), headers })
      : ask(server, { method: call.method, path: pathOf(call), headers: [...headers, ...json], body: '{}' });
  for (const call of guarded) {
    const refused = async (headers: RawHeaders, status: number, code: string, what: string) =>
      assertRefused(await get(call, headers), status, code, `${nameOf(call)}, ${what}`, secrets);
    await refused([...as.key, ['X-API-KEY', 'another']], 400, 'ambiguous-credentials', 'both');
    await refused(
      [
        ['Authorization', 'Basic eA=='],
        ['X-API-KEY', key],
      ],
      400,
      'ambiguous-credentials',
      'Basic and a key',
    );
    for (const authorization of ['Basic YTpi', 'Bearer', 'Bearer a b', key, `Bearer ${key}x`, 'Bearer svc_nothing'])
      await refused([['Authorization', authorization]], 401, 'invalid-key', authorization.slice(0, 12));
    await refused(
      [
        ['Authorization', `Bearer ${key}`],
        ['Authorization', 'Bearer x'],
      ],
      401,
      'invalid-key',
      'two Authorization',
    );
    await refused(
      [
        ['X-API-KEY', key],
        ['X-API-KEY', 'x'],
      ],
      401,
      'invalid-key',
      'two X-API-KEY',
    );
    await refused(
      [['Authorization', 'Bearer x'], ...as.session],
      401,
      'invalid-key',
      'a bad token beside a good cookie',
    );
    if (!call.takes.has('serviceToken') || call.takes.has('session')) {
      await refused([], 401, 'unauthenticated', 'nothing');
      await refused([['Cookie', 'keyledger=nothing; other=1']], 401, 'unauthenticated', 'a cookie of nobody');
    }
    if (!call.takes.has('key')) await refused(as.key, 403, 'key-not-allowed-here', 'a key');
    if (!call.takes.has('serviceToken')) await refused(as.serviceToken, 403, 'forbidden', 'a service token');
  }
});

refuses('pages of other sites', async (context) => {
  const foreign: RawHeaders[] = [
    [['Origin', 'https://evil.example']],
    [['Origin', 'null']],
    [['Origin', 'http://localhost.evil.example']],
    [['Sec-Fetch-Site', 'cross-site']],
    [['Sec-Fetch-Site', 'same-site']],
    [
      ['Sec-Fetch-Site', 'same-origin'],
      ['Sec-Fetch-Site', 'cross-site'],
    ],
  ];
  for (const call of unsafe(context).filter(({ takes }) => takes.has('session') || takes.has('open')))
    for (const headers of foreign) {
      const answer = await send(context, call, '{}', [...json, ...headers]);
      assertRefused(answer, 403, 'cross-site', `${nameOf(call)} ${headers.join()}`, context.secrets);
    }
});

refuses('what is another’s, or is not there', async (context) => {
  const { server, as, other, calls, secrets } = context;
  const asked = async (method: string, path: string, body?: string) =>
    ask(server, {
      method,
      path,
      headers: [...as.session, ...(body === undefined ? [] : json)],
      ...(body !== undefined && { body }),
    });
  for (const id of [
    other.keyId,
    'x',
    '%00',
    '..',
    '%2e%2e%2f',
    'A'.repeat(3_000),
    '00000000-0000-0000-0000-00000000000G',
  ]) {
    for (const [method, path, body] of [
      ['GET', '/v1/api-keys/ID'],
      ['PATCH', '/v1/api-keys/ID', '{"name":"mine"}'],
      ['DELETE', '/v1/api-keys/ID'],
      ['POST', '/v1/api-keys/ID/rotate', '{}'],
      ['POST', '/v1/api-keys/ID/reveal', '{}'],
      ['GET', '/v1/api-keys/ID/history'],
    ] as const)
      assertRefused(
        await asked(method, path.replace('ID', id), body),
        404,
        'not-found',
        `${method} ${path} ${id}`,
        secrets,
      );
  }
  assertRefused(await asked('POST', `/v1/sessions/${other.sessionId}/end`), 404, 'not-found', 'another’s session');
  assert.is((await other.client.get('/v1/session')).status, 200);
  for (const call of calls.filter(({ path, takes }) => path.includes('{id}') && takes.has('session')))
    for (const id of ['x', '%00', "'%20OR%201=1--", '%F0%9F%92%A9', encodeURIComponent('{"$gt":""}')]) {
      const answer = await asked(call.method, call.path.replace('{id}', id), call.body === null ? undefined : '{}');
      assertRefused(answer, 404, 'not-found', `${nameOf(call)} ${id}`, secrets);
    }
});

refuses('parameters: unknown, twice, out of bounds', async (context) => {
  const { server, as, calls, secrets } = context;
  const asked = (path: string, headers: RawHeaders) => ask(server, { method: 'GET', path, headers });
  const lists = calls.filter(({ method, query }) => method === 'GET' && query.has('limit'));
  assert.ok(lists.length >= 5);
  for (const call of calls.filter(({ method }) => method === 'GET')) {
    const headers = callerOf(context, call);
    const unknown = ['unknown=1', '__proto__=1', 'constructor=1', 'limit%5B%24gt%5D=1', '%00=1', '=1'];
    for (const query of [...unknown, ...[...call.query].map((name) => `${name}=1&${name}=1`)])
      assertRefused(
        await asked(`${pathOf(call)}?${query}`, headers),
        400,
        'validation-failed',
        `${nameOf(call)} ${query}`,
        secrets,
      );
  }
  for (const call of lists)
    for (const limit of [
      '0',
      call.path.startsWith('/v1/admin') ? '201' : '1001',
      '-1',
      '1e9',
      '',
      '1.5',
      '0x10',
      '%00',
      ' 1',
      '99999999999999999999',
      '%D9%A1',
    ])
      assertRefused(
        await asked(`${pathOf(call)}?limit=${encodeURIComponent(decodeURIComponent(limit))}`, callerOf(context, call)),
        400,
        'validation-failed',
        `${nameOf(call)} limit=${limit}`,
        secrets,
      );
  assertRefused(await asked('/v1/api-keys?sort=secretHash', as.session), 400, 'validation-failed', 'a column of ours');
  assertRefused(await asked('/v1/api-keys?status=active;drop', as.session), 400, 'validation-failed', 'a status');
});

refuses('cursors of another list, another filter, another person, and broken ones', async (context) => {
  const { server, as, admin, secrets, other } = context;
  const cursorOf = async (client: Client, path: string) => {
    const { nextCursor } = expectStatus(await client.get(path), 200).body;
    assert.type(nextCursor, 'string', path);
    return nextCursor as string;
  };
  const asked = (path: string) => ask(server, { method: 'GET', path, headers: as.session });
  const refused = async (path: string, what: string) =>
    assertRefused(await asked(path), 400, 'cursor-mismatch', what, secrets);
  const own = await cursorOf(admin, '/v1/api-keys?limit=1');
  assert.is((await asked(`/v1/api-keys?limit=1&cursor=${own}`)).status, 200);
  await refused(`/v1/api-keys?limit=1&status=revoked&cursor=${own}`, 'another filter');
  await refused(`/v1/api-keys?limit=1&sort=name&cursor=${own}`, 'another order');
  await refused(`/v1/admin/api-keys?limit=1&cursor=${own}`, 'another list');
  await refused(`/v1/audit/events?limit=1&cursor=${own}`, 'yet another list');
  const users = await cursorOf(admin, '/v1/admin/users?limit=1');
  await refused(`/v1/admin/users?limit=1&q=ada&cursor=${users}`, 'users found otherwise');
  for (let at = 0; at < 2; at++) expectStatus(await other.client.get('/v1/api-keys?limit=1'), 200);
  const turned = `${own.startsWith('A') ? 'B' : 'A'}${own.slice(1)}`;
  for (const broken of [`${own}A`, own.slice(0, -2), turned, own.toLowerCase(), 'AAAA', 'A'.repeat(4_000)])
    await refused(`/v1/api-keys?limit=1&cursor=${broken}`, `a broken cursor ${broken.slice(0, 10)}`);
  for (const none of ['', '%00', '{}', 'A'.repeat(4_097)])
    assertRefused(await asked(`/v1/api-keys?cursor=${none}`), 400, 'validation-failed', 'no cursor', secrets);
});

refuses('headers that say nothing we know', async (context) => {
  const { server, as, secrets, keyIds, end } = context;
  const refused = async (method: string, path: string, header: readonly [string, string], body = '{}') =>
    assertRefused(
      await ask(server, {
        method,
        path,
        headers: [...as.session, header, ...(method === 'GET' ? [] : json)],
        ...(method !== 'GET' && { body }),
      }),
      400,
      'validation-failed',
      `${method} ${path} ${header.join()}`,
      secrets,
    );
  for (const key of ['', ' ', 'a b', 'é', 'x'.repeat(256), '\x80'])
    await refused('POST', '/v1/api-keys', ['Idempotency-Key', key]);
  for (const tag of ['1', '"1', '"1", "2"', 'W/1', ''])
    await refused('PATCH', `/v1/api-keys/${keyIds[0]}`, ['If-Match', tag]);
  for (const position of ['', 'x', `${end}g`, '../..', 'A'.repeat(65), '{"$gt":""}'])
    await refused('GET', '/v1/me', ['Keyledger-Min-Position', position]);
});

refuses('expectations that nobody has to meet are passed over', async ({ server }) => {
  for (const expected of ['100-continue', '200-ok', 'miracles']) {
    const answer = await ask(server, { method: 'GET', path: '/livez', headers: [['Expect', expected]] });
    assert.is(answer.status, 200, expected);
  }
});

refuses('methods, forms of answers and paths that are not there', async (context) => {
  const { server, as, calls, secrets } = context;
  const paths = new Map<string, Set<string>>();
  for (const { path, method } of calls) paths.set(path, (paths.get(path) ?? new Set()).add(method));
  for (const [path, methods] of paths) {
    const call = calls.find((one) => one.path === path)!;
    for (const method of [
      'TRACE',
      'OPTIONS',
      'PUT',
      'PATCH',
      'DELETE',
      'POST',
      'PROPFIND',
      'LINK',
      'MKCOL',
      'PURGE',
      'QUERY',
    ]) {
      if (methods.has(method)) continue;
      const answer = await ask(server, { method, path: pathOf(call), headers: callerOf(context, call) });
      assertRefused(answer, 405, 'method-not-allowed', `${method} ${path}`, secrets);
      const allow = new Set(answer.headers.allow?.split(', '));
      for (const known of methods) assert.ok(allow.has(known), `${method} ${path} allows ${answer.headers.allow}`);
    }
  }
  const answersJson = calls.filter(
    ({ path }) =>
      path.startsWith('/v1/') && !/verify|introspect|forward-auth|usage|revocations|export|avatar/.test(path),
  );
  for (const call of answersJson)
    for (const accept of ['text/html', 'application/xml, text/*', 'application/json;q=0']) {
      const headers = [...callerOf(context, call), ['Accept', accept] as const];
      const answer = await ask(server, { method: call.method, path: pathOf(call), headers });
      assertRefused(answer, 406, 'not-acceptable', `${nameOf(call)} as ${accept}`, secrets);
    }
  const head = await ask(server, { method: 'HEAD', path: '/v1/me' });
  assert.is(head.status, 401);
  assert.is(head.text, '');
  for (const path of [
    '/v1/nothing',
    '/v1/../../etc/passwd',
    '/v1/%2e%2e/%2e%2e/etc/passwd',
    '//v1/me',
    '/V1/me',
    '/v1/api-keys/../me',
    '/.git/config',
    '/v1/me%00',
    '/v1/me%2f',
    '/%2fv1/me',
    `/${'a/'.repeat(2_000)}`,
  ])
    assertRefused(
      await ask(server, { method: 'GET', path, headers: as.session }),
      404,
      'not-found',
      path.slice(0, 50),
      secrets,
    );
  for (const path of ['/v1/api-keys/%', '/v1/api-keys/%zz', '/v1/api-keys/%c0%af', '/v1/api-keys/%ff'])
    assertRefused(
      await ask(server, { method: 'GET', path, headers: as.session }),
      400,
      'malformed-request',
      path,
      secrets,
    );
});

refuses('what is no HTTP, and then the connection ends', async (context) => {
  const { server, as, secrets } = context;
  const cookie = as.session.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const start = `POST /v1/api-keys HTTP/1.1\r\nHost: localhost\r\n${cookie}Content-Type: application/json\r\n`;
  const bad: readonly (readonly [string, string])[] = [
    ['no host', `GET /v1/me HTTP/1.1\r\n${cookie}\r\n`],
    ['two hosts', `GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n${cookie}\r\n`],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['an unknown method', 'FROB /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['an unknown version', 'GET /v1/me HTTP/9.9\r\nHost: localhost\r\n\r\n'],
    ['no target', 'GET HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a blank in a target', 'GET /v1/me now HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a blank in a name', `${start}Bad Name: x\r\n\r\n`],
    ['a blank before a colon', `${start}Bad : x\r\n\r\n`],
    ['a NUL in a value', `${start}X-A: a\0b\r\n\r\n`],
    ['a line that is folded', `${start}X-A: a\r\n b\r\n\r\n`],
    ['a bare carriage return', `${start}X-A: a\rSet-Cookie: b=c\r\n\r\n`],
    ['two lengths', `${start}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} `],
    ['a length and chunks', `${start}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a length below nothing', `${start}Content-Length: -1\r\n\r\n`],
    ['a length that is none', `${start}Content-Length: 0x2\r\n\r\n{}`],
    ['a broken chunk', `${start}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
  ];
  for (const [what, bytes] of bad) {
    const connection = openConnection(server);
    connection.send(Buffer.from(bytes, 'latin1'));
    assertRefused(await connection.answer(), 400, 'malformed-request', what, secrets);
    await connection.ended;
    connection.close();
  }
  const connection = openConnection(server);
  connection.send(`GET /v1/me HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`);
  assertRefused(await connection.answer(), 431, 'headers-too-large', 'a header of 20 KB', secrets);
  await connection.ended;
  const many = Array.from({ length: 3_000 }, (_, n) => [`X-${n}`, 'x'] as const);
  assertRefused(
    await ask(server, { method: 'GET', path: '/v1/me', headers: many }),
    431,
    'headers-too-large',
    'many headers',
  );
  assertRefused(
    await ask(server, { method: 'GET', path: `/v1/me?${'a'.repeat(20_000)}` }),
    431,
    'headers-too-large',
    'a target of 20 KB',
  );
});

refuses('many requests at once on one connection are answered one by one, in their order', async (context) => {
  const { server, as, secrets, keyIds } = context;
  const rounds = Array.from({ length: 10 }, (_, n) => n);
  const requests = rounds.flatMap(() => [
    { method: 'POST', path: '/v1/api-keys', headers: [...as.session, ...json], body: '{"name":' },
    { method: 'GET', path: `/v1/api-keys/${keyIds[0]}`, headers: as.session },
    { method: 'POST', path: '/v1/verify', headers: [...as.serviceToken, ...json], body: '{"key":1}' },
    { method: 'GET', path: '/v1/nothing' },
    { method: 'POST', path: '/v1/verify', headers: [...as.serviceToken, ...json], body: '{"key":"x"}' },
  ]);
  const connection = openConnection(server);
  connection.send(Buffer.concat(requests.map(bytesOf)));
  for (const round of rounds) {
    const what = `round ${round}`;
    assertRefused(await connection.answer(), 400, 'malformed-json', what, secrets);
    assert.is(JSON.parse((await connection.answer()).text).id, keyIds[0], what);
    assertRefused(await connection.answer(), 400, 'validation-failed', what, secrets);
    assertRefused(await connection.answer(), 404, 'not-found', what, secrets);
    assert.is(JSON.parse((await connection.answer()).text).code, 'malformed', what);
  }
  connection.close();
});

refuses('a request whose headers never end is ended', async ({ slow }) => {
  const answer: RawAnswer = await slow.answer();
  assertRefused(answer, 408, 'request-timeout', 'headers that never end');
  await slow.ended;
  slow.close();
});

refuses('senders who leave in the middle leave nothing behind', async (context) => {
  const { server, as } = context;
  for (const path of ['/v1/api-keys', '/v1/verify', '/v1/usage', '/v1/session']) {
    const headers = [...(path === '/v1/api-keys' ? as.session : as.serviceToken), ...json, ['Content-Length', '5000']];
    const connection = openConnection(server);
    connection.send(bytesOf({ method: 'POST', path, headers: headers as RawHeaders, body: '{"name":"ci"' }));
    connection.send(bytesOf({ method: 'POST', path, headers: headers as RawHeaders, body: '{"name":"ci"' }));
    connection.close();
    await connection.ended;
  }
  assert.is((await ask(server, { method: 'GET', path: '/readyz' })).status, 200);
});

refuses('of all that, nothing was written, and nothing was told to the log', async (context) => {
  assert.is(await endOfLog(context), context.end);
  const verified = await ask(context.server, {
    method: 'POST',
    path: '/v1/verify',
    headers: [...context.as.serviceToken, ...json],
    body: JSON.stringify({ key: context.key }),
  });
  assert.is(JSON.parse(verified.text).code, 'valid');
  assert.is(context.server.log(), '');
});

refuses.run();
