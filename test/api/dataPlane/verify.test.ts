import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { created, epoch, keyId, onKey, onServices, onUser, tokenId, userId } from '../../projections/logs.ts';
import { eventually } from '../../support/eventually.ts';
import { createGate, type Fault, withFaults } from '../../support/faultyEventStore.ts';
import { bytesOf, openConnection } from '../../support/rawHttp.ts';
import { suite } from '../../support/suite.ts';
import { arrange, hashOf, keyText, serviceToken, tokenText, withRig, withText } from './rig.ts';

const verify = suite('POST /v1/verify');

const key = (n: number, options: Parameters<typeof created>[2] = {}) => withText(created(n, 1, options), n);

verify(
  'answers in full, with the place in the log that it holds for',
  withRig(async (rig) => {
    const position = await rig.append(key(1));
    await rig.time.settle();
    const answer = await rig.verify({ key: keyText(1), ip: '192.0.2.7', userAgent: 'curl' });
    assert.is(answer.status, 200);
    assert.equal(answer.body, {
      valid: true,
      code: 'valid',
      keyId: keyId(1),
      ownerId: userId(1),
      owner: { id: userId(1), kind: 'human', roles: ['member'], groups: ['ops'], organizations: [] },
      permissions: ['api-keys:use'],
      scopes: null,
      expiresAt: null,
      position,
      epoch,
    });
    assert.is(answer.headers.get('cache-control'), 'no-store');
    assert.is(answer.headers.get('content-length'), String(Buffer.byteLength(answer.text)));
    assert.match(answer.headers.get('content-type')!, /^application\/json/);
    assert.is(answer.headers.get('keyledger-request-id'), 'request-1');
    assert.equal(rig.uses, [{ keyId: keyId(1), ownerId: userId(1), at: rig.time.now(), ip: '192.0.2.7' }]);
    for (const [ip, known] of [
      ['::ffff:192.0.2.8', '192.0.2.8'],
      ['::FFFF:192.0.2.9', '192.0.2.9'],
      ['2001:db8::1', '2001:db8::1'],
    ]) {
      assert.is((await rig.verify({ key: keyText(1), ip })).status, 200, ip);
      assert.is(rig.uses.at(-1)!.ip, known);
    }
  }),
);

verify(
  'says why not, and counts that as no use',
  withRig(async (rig) => {
    await rig.append(key(1), onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }));
    await rig.time.settle();
    const { body } = await rig.verify({ key: keyText(1) });
    assert.equal({ valid: body.valid, code: body.code }, { valid: false, code: 'revoked' });
    assert.equal(Object.keys(body), ['valid', 'code', 'position', 'epoch']);
    assert.is((await rig.verify({ key: keyText(2) })).body.code, 'not-found');
    assert.is((await rig.verify({ key: 'anything' })).body.code, 'malformed');
    assert.is((await rig.verify({ key: '' })).body.code, 'malformed');
    assert.equal((await rig.verify({ key: keyText(1), scopes: ['a:b'] })).body.code, 'revoked');
    assert.equal(rig.uses, []);
  }),
);

verify(
  'names missing scopes; a token sees its own applications only',
  withRig(async (rig) => {
    await rig.append(
      {
        stream: 'policy',
        type: 'ScopeCatalogChanged',
        data: {
          items: [
            { application: 'jobs', actions: ['run'] },
            { application: 'logs', actions: ['read'] },
          ],
        },
      },
      key(1, { scopes: ['jobs:run', 'logs:read'] }),
      serviceToken(2, { applications: ['jobs'] }),
    );
    await rig.time.settle();
    const all = await rig.verify({ key: keyText(1), scopes: ['jobs:run', 'logs:read'] });
    assert.equal(all.body.scopes, ['jobs:run', 'logs:read']);
    const some = await rig.verify({ key: keyText(1) }, { token: tokenText(2) });
    assert.equal(some.body.scopes, ['jobs:run']);
    const other = await rig.verify({ key: keyText(1), scopes: ['logs:read'] }, { token: tokenText(2) });
    assert.equal([other.body.code, other.body.missing], ['insufficient-scope', ['logs:read']]);
  }),
);

verify(
  'stops with the grace, by the clock alone',
  withRig(async (rig) => {
    const graceUntil = new Date(rig.time.now() + 3000).toISOString();
    await rig.append(key(1), key(2), onKey(1, 'ApiKeyRotated', { keyId: keyId(1), newKeyId: keyId(2), graceUntil }));
    await rig.time.settle();
    const before = await rig.verify({ key: keyText(1) });
    assert.equal([before.body.code, before.body.expiresAt], ['valid', graceUntil]);
    await rig.time.advance(3000);
    assert.is((await rig.verify({ key: keyText(1) })).body.code, 'revoked');
    assert.is((await rig.verify({ key: keyText(2) })).body.code, 'valid');
  }),
);

verify(
  'asks for a service token with the permission',
  withRig(async (rig) => {
    await rig.append(
      key(1),
      serviceToken(2, { permissions: ['revocations:read'] }),
      serviceToken(3, { expiresAt: rig.time.now() + 5000 }),
    );
    await rig.time.settle();
    const refused = async (options: Parameters<typeof rig.verify>[1]) => {
      const { status, body, headers } = await rig.verify({ key: keyText(1) }, options);
      assert.match(headers.get('content-type')!, /^application\/problem\+json/);
      assert.is(body.status, status);
      assert.match(body.requestId, /^request-/);
      return [status, body.code, headers.get('www-authenticate')];
    };
    assert.equal(await refused({ token: null }), [401, 'unauthenticated', 'Bearer realm="keyledger"']);
    assert.equal(await refused({ token: tokenText(9) }), [
      401,
      'invalid-key',
      'Bearer realm="keyledger", error="invalid_token"',
    ]);
    assert.is((await refused({ token: null, headers: { authorization: 'Basic YTpi' } }))[1], 'invalid-key');
    assert.equal(await refused({ token: tokenText(2) }), [403, 'forbidden', null]);
    assert.equal(await refused({ token: keyText(1) }), [403, 'key-not-allowed-here', null]);
    assert.equal(await refused({ headers: { 'x-api-key': tokenText(2) } }), [400, 'ambiguous-credentials', null]);
    const same = await rig.verify({ key: keyText(1) }, { headers: { 'x-api-key': tokenText(1) } });
    assert.is(same.status, 200);
    const alone = await rig.verify({ key: keyText(1) }, { token: null, headers: { 'x-api-key': tokenText(1) } });
    assert.is(alone.status, 200);
    assert.is((await rig.verify({ key: keyText(1) }, { token: tokenText(3) })).status, 200);
    await rig.time.advance(5000);
    assert.equal((await refused({ token: tokenText(3) }))[1], 'invalid-key');
    await rig.append(
      onServices('ServiceTokenRotated', { tokenId: tokenId(1), secretHash: hashOf(tokenText(8)), mask: '' }),
    );
    await rig.time.settle();
    assert.equal((await refused({}))[1], 'invalid-key');
    assert.is((await rig.verify({ key: keyText(1) }, { token: tokenText(8) })).status, 200);
  }),
);

verify(
  'an owner turned off takes every key along at once',
  withRig(async (rig) => {
    await rig.append(key(1), key(2));
    await rig.time.settle();
    assert.is((await rig.verify({ key: keyText(1) })).body.code, 'valid');
    await rig.append(onUser(1, 'UserDeactivated', { ownerEpoch: 0 }), onUser(1, 'UserReactivated'));
    await rig.time.settle();
    for (const n of [1, 2]) assert.is((await rig.verify({ key: keyText(n) })).body.code, 'owner-inactive');
  }),
);

verify('answers 503, never a yes or a no, while the store is silent, and recovers by itself', async () => {
  let fault: Fault | undefined;
  await withRig(
    async (rig) => {
      await rig.append(key(1));
      await rig.time.settle();
      assert.is((await rig.verify({ key: keyText(1) })).body.code, 'valid');
      fault = 'fail';
      await rig.time.advance(2001);
      for (const body of [{ key: keyText(1) }, { key: 'nothing' }]) {
        const answer = await rig.verify(body);
        assert.equal([answer.status, answer.body.code, answer.headers.get('retry-after')], [503, 'unavailable', '1']);
      }
      // Nobody's token can be told either; but that none was sent can.
      assert.is((await rig.verify({ key: keyText(1) }, { token: tokenText(9) })).status, 503);
      assert.is((await rig.verify({ key: keyText(1) }, { token: null })).status, 401);
      fault = undefined;
      await rig.time.advance(500);
      assert.is((await rig.verify({ key: keyText(1) })).body.code, 'valid');
    },
    { store: (plain) => withFaults(plain, { read: () => fault }) },
  )();
});

verify(
  'answers 503 from the event on that it does not know',
  withRig(async (rig) => {
    await rig.append(key(1), { stream: 'x', type: 'SomethingNew', data: {} } as never);
    await rig.time.settle();
    assert.is((await rig.verify({ key: keyText(1) })).status, 503);
  }),
);

verify('waits for the position asked for, two seconds at most', async () => {
  const gate = createGate();
  let slow = false;
  await withRig(
    async (rig) => {
      await rig.append(key(1));
      await rig.time.settle();
      slow = true;
      const minPosition = await rig.append(onKey(1, 'ApiKeyRevoked', { keyId: keyId(1), reason: 'owner', note: null }));
      assert.is((await rig.verify({ key: keyText(1) })).body.code, 'valid');
      const late = rig.verify({ key: keyText(1), minPosition });
      await eventually(() => rig.time.sleepers() === 2);
      await rig.time.advance(2000);
      const refused = await late;
      assert.equal(
        [refused.status, refused.body.code, refused.headers.get('retry-after')],
        [503, 'not-caught-up', '1'],
      );
      const waiting = rig.verify({ key: keyText(1), minPosition });
      slow = false;
      gate.open();
      const answer = await waiting;
      assert.is(answer.body.code, 'revoked');
      assert.ok(answer.body.position >= minPosition);
    },
    { store: (plain) => withFaults(plain, { read: () => (slow ? { before: gate.pass } : undefined) }) },
  )();
});

verify(
  'says who may not ask before anything about what they sent',
  withRig(async (rig) => {
    const calls: readonly Parameters<typeof rig.call>[] = ['/v1/verify', '/v1/introspect'].flatMap((path) => [
      [path, { body: { key: 'a'.repeat(9000) } }],
      [path, { raw: '', headers: { 'content-type': 'text/plain' } }],
      [`${path}?x=1`, { body: {} }],
    ]);
    for (const [path, call] of calls) {
      assert.is((await rig.call(path, { ...call, token: null })).body.code, 'unauthenticated', path);
      assert.is((await rig.call(path, { ...call, token: tokenText(9) })).body.code, 'invalid-key', path);
    }
  }),
);

verify(
  'a page of another site that brings no credentials is told so, as everywhere',
  withRig(async (rig) => {
    const codeOf = async (path: string, headers: { readonly [name: string]: string }, token: string | null = null) =>
      (await rig.call(path, { body: { key: 'a' }, token, headers })).body.code;
    const others = [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://other.example' }];
    for (const path of ['/v1/verify', '/v1/introspect', '/v1/usage', '/v1/revocations/ack'])
      for (const headers of others) assert.is(await codeOf(path, headers), 'cross-site', path);
    assert.is(await codeOf('/v1/verify', { 'sec-fetch-site': 'same-origin' }), 'unauthenticated');
    assert.is(await codeOf('/v1/verify', others[0]!, tokenText(1)), 'malformed');
    // What a proxy asks with are the headers of somebody else's request.
    assert.is(await codeOf('/v1/forward-auth', others[0]!), 'unauthenticated');
  }),
);

verify(
  'refuses other methods, types, sizes and shapes, each by its name',
  withRig(async (rig) => {
    const refused = async (options: Parameters<typeof rig.call>[1]) => {
      const { status, body } = await rig.call('/v1/verify', options);
      return [status, body?.code];
    };
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      assert.equal(await refused({ method }), [405, 'method-not-allowed']);
    const head = await rig.call('/v1/verify', { method: 'HEAD' });
    assert.equal([head.status, head.headers.get('allow'), head.text], [405, 'POST', '']);
    const body = { key: keyText(1) };
    assert.equal(await refused({ body, headers: { 'content-type': 'text/plain' } }), [415, 'unsupported-media-type']);
    assert.equal(await refused({}), [415, 'unsupported-media-type']);
    assert.equal(await refused({ raw: '{' }), [400, 'malformed-json']);
    assert.equal(await refused({ raw: '', headers: { 'content-type': 'application/json' } }), [400, 'malformed-json']);
    assert.equal(await refused({ body: { key: 'a'.repeat(9000) } }), [413, 'payload-too-large']);
    assert.equal(await refused({ raw: `{"key":"${'a'.repeat(10_000_000)}"}` }), [413, 'payload-too-large']);
    assert.equal(await refused({ raw: '['.repeat(4000) }), [400, 'malformed-json']);
    for (const wrong of [
      [],
      null,
      'text',
      {},
      { key: 1 },
      { key: { $gt: '' } },
      { ...body, more: true },
      { ...body, scopes: 'a:b' },
      { ...body, scopes: ['a'] },
      { ...body, scopes: Array.from({ length: 101 }, () => 'a:b') },
      { ...body, minPosition: 7 },
      { ...body, minPosition: '' },
      { ...body, minPosition: "'; --" },
      { ...body, minPosition: 'xyz' },
      { ...body, ip: 'here' },
      { ...body, userAgent: 'x'.repeat(1025) },
    ])
      assert.equal(await refused({ body: wrong }), [400, 'validation-failed'], JSON.stringify(wrong));
    assert.equal(await refused({ raw: '{"key":"a","__proto__":{}}' }), [400, 'validation-failed']);
    const pointed = await rig.verify({ key: 'a', more: 1, scopes: ['a:b', '?'] });
    assert.equal(
      pointed.body.errors.map((error: { in: string; pointer: string }) => [error.in, error.pointer]).sort(),
      [
        ['body', '/more'],
        ['body', '/scopes/1'],
      ],
    );
    assert.is((await rig.call('/v1/verify?x=1', { body })).status, 400, 'parameters that nobody knows are refused');
    assert.is((await rig.call('/v1/verify/', { body })).text, 'express');
    assert.equal(rig.unexpected, []);
  }),
);

verify(
  'takes the whole address of the call for its path, as every server must',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    for (const [path, told] of [
      ['http://localhost/v1/verify', '200 valid'],
      ['HTTPS://keys.example.com:8443/v1/verify', '200 valid'],
      ['http://localhost/v1/verify?x=1', '400 validation-failed'],
    ] as const) {
      const connection = openConnection({ url: `http://127.0.0.1:${rig.port}` });
      const headers = [
        ['Authorization', `Bearer ${tokenText(1)}`],
        ['Content-Type', 'application/json'],
        ['Connection', 'close'],
      ] as const;
      connection.send(bytesOf({ method: 'POST', path, headers, body: JSON.stringify({ key: keyText(1) }) }));
      await connection.ended;
      const answers = connection.rest().map(({ status, text }) => `${status} ${JSON.parse(text).code}`);
      assert.equal(answers, [told], path);
    }
  }),
);

verify(
  'answers many questions of one connection, sent at once, each in its turn',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    const request = (body: string, type = 'application/json') =>
      [
        'POST /v1/verify HTTP/1.1',
        'Host: localhost',
        `Authorization: Bearer ${tokenText(1)}`,
        `Content-Type: ${type}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        '',
        body,
      ].join('\r\n');
    const good = JSON.stringify({ key: keyText(1) });
    const sent = [
      request(good),
      request('{'),
      request(good, 'text/plain'),
      request(`{"key":"${'x'.repeat(9000)}"}`),
      request(good),
    ];
    const socket = connect(rig.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(sent.join(''));
    const statuses = () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    await eventually(() => statuses().length === sent.length);
    socket.destroy();
    assert.equal(statuses(), ['200', '400', '415', '413', '200']);
  }),
);

verify(
  'a question that comes in pieces is one question; one that is broken off is none',
  withRig(async (rig) => {
    await rig.append(key(1));
    await rig.time.settle();
    const body = Buffer.from(JSON.stringify({ key: keyText(1), userAgent: 'ünïcode' }));
    const head = `POST /v1/verify HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${tokenText(1)}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const broken = connect(rig.port, '127.0.0.1');
    broken.write(head);
    broken.write(body.subarray(0, 10));
    await rig.time.settle();
    broken.destroy();
    const socket = connect(rig.port, '127.0.0.1');
    socket.setNoDelay(true);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(head);
    for (const byte of body) {
      socket.write(Uint8Array.of(byte));
      await setImmediate();
    }
    await eventually(() => text.includes('"valid":true'));
    socket.destroy();
    assert.is(rig.uses.length, 1);
    assert.equal(rig.unexpected, []);
  }),
);

verify(
  'what is no HTTP gets a problem and an end',
  withRig(async (rig) => {
    const answerTo = async (text: string) => {
      const socket = connect(rig.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.write(text);
      await new Promise((resolve) => socket.once('close', resolve));
      return answer;
    };
    assert.match(await answerTo('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*"code":"malformed-request"/);
    assert.match(
      await answerTo(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
      /^HTTP\/1\.1 431 [\s\S]*"code":"headers-too-large"/,
    );
  }),
);

verify(
  'a question that never ends is ended, with a problem',
  withRig(
    async (rig) => {
      const socket = connect(rig.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.write(
        'POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"key"',
      );
      await new Promise((resolve) => socket.once('close', resolve));
      assert.match(answer, /^HTTP\/1\.1 408 [\s\S]*"code":"request-timeout"/);
      assert.equal(rig.unexpected, []);
    },
    { limits: { requestTimeout: 60, headersTimeout: 50, connectionsCheckingInterval: 10 } as object },
  ),
);

verify('before the installation there is nothing to tell', async () => {
  const rig = await arrange({ log: [serviceToken(1)] });
  try {
    assert.is((await rig.verify({ key: keyText(1) })).status, 503);
  } finally {
    await rig.close();
  }
});

verify.run();
