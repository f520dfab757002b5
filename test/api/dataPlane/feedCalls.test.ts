import * as assert from 'uvu/assert';
import { acknowledgementId } from '../../../api/dataPlane/acknowledge.ts';
import type { RevocationMessage } from '../../../domain/revocation.ts';
import { created, epoch, keyId, onKey, policy, positionAt, uuid } from '../../projections/logs.ts';
import { type Fault, withFaults } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';
import { keyText, type Rig, serviceToken, tokenText, withRig } from './rig.ts';

const feed = suite('GET /v1/revocations, POST /v1/revocations/ack');

const revoked = (n: number) => onKey(1, 'ApiKeyRevoked', { keyId: keyId(n), reason: 'owner', note: null });

// Positions 1 to 4 are the rig's own, 2 of them a message (the policy).
const threeRevoked = [created(1, 1), created(2, 1), created(3, 1), revoked(1), revoked(2), revoked(3)];

const positions = (items: readonly RevocationMessage[]) => items.map(({ position }) => position);

feed(
  'gives every message in order, chained, and where the log ends',
  withRig(async (rig) => {
    const head = await rig.append(...threeRevoked, created(4, 1));
    const { status, body, headers } = await rig.get('/v1/revocations');
    assert.is(status, 200);
    assert.equal(Object.keys(body), ['items', 'head', 'epoch']);
    assert.equal([body.head, body.epoch], [head, epoch]);
    assert.equal(positions(body.items), [2, 8, 9, 10].map(positionAt));
    assert.equal(
      body.items.map(({ previous }: RevocationMessage) => previous),
      [null, 2, 8, 9].map((n) => (n === null ? null : positionAt(n))),
    );
    assert.is(headers.get('cache-control'), 'no-store');
  }),
);

feed(
  'goes on after any place up to the end, whether a message stands there or not',
  withRig(async (rig) => {
    await rig.append(...threeRevoked, created(4, 1));
    for (let n = 1; n <= 11; n++) {
      const { body } = await rig.get(`/v1/revocations?after=${positionAt(n)}&epoch=${epoch}`);
      assert.equal(positions(body.items), [2, 8, 9, 10].filter((at) => at > n).map(positionAt));
    }
    const page = await rig.get(`/v1/revocations?after=${positionAt(3)}&limit=2`);
    assert.equal(positions(page.body.items), [positionAt(8), positionAt(9)]);
    assert.is(page.body.head, positionAt(11));
  }),
);

feed(
  'says that it was restarted to those of another log, or from beyond the end',
  withRig(async (rig) => {
    const head = await rig.append(...threeRevoked);
    const codeOf = async (query: string) => {
      const { status, body } = await rig.get(`/v1/revocations?${query}`);
      return [status, body.code];
    };
    assert.equal(await codeOf(`after=${positionAt(11)}`), [410, 'feed-restarted']);
    assert.equal(await codeOf(`after=${head}&epoch=${uuid('e', 2)}`), [410, 'feed-restarted']);
    assert.equal(await codeOf(`epoch=another`), [410, 'feed-restarted']);
    assert.equal(await codeOf(`after=${head.slice(1)}`), [410, 'feed-restarted']);
    assert.equal(await codeOf(`after=${head}`), [200, undefined]);
  }),
);

feed('a process that lags proves where the end is before it speaks of it', async () => {
  let hidden = true;
  await withRig(
    async (rig) => {
      const far = await rig.append(created(1, 1), revoked(1));
      // This process has not seen it; a receiver that another process served has.
      assert.is(rig.reader.position(), positionAt(4));
      hidden = false;
      const { status, body } = await rig.get(`/v1/revocations?after=${far}&epoch=${epoch}`);
      assert.equal([status, body.items, body.head], [200, [], far]);
    },
    {
      // Nothing wakes the reader, as if the store's notices were late.
      store: (plain) => ({
        ...plain,
        changed: (_, signal) => plain.changed('f'.repeat(16), signal),
        readAll: async (after, limit) =>
          hidden && after !== null ? { events: [], position: after, end: true } : plain.readAll(after, limit),
      }),
    },
  )();
});

feed('answers 503 where it cannot prove the end', async () => {
  let fault: Fault | undefined;
  await withRig(
    async (rig) => {
      fault = 'fail';
      for (const first of ['still believed', 'no longer']) {
        const asked = rig.get('/v1/revocations');
        await rig.time.advance(1);
        for (let turns = 0; turns < 20; turns++) await rig.time.advance(500);
        const { status, body } = await asked;
        assert.equal([status, body.code], [503, 'unavailable'], first);
      }
      fault = undefined;
      await rig.time.advance(500);
      assert.is((await rig.get('/v1/revocations')).status, 200);
    },
    { store: (plain) => withFaults(plain, { read: () => fault }) },
  )();
});

feed(
  'refuses what it does not understand, and who may not',
  withRig(async (rig) => {
    await rig.append(serviceToken(2, { permissions: ['verify'] }));
    await rig.time.settle();
    for (const query of [
      'after=',
      'after=%00',
      'limit=0',
      'limit=1001',
      'limit=x',
      'more=1',
      'limit=1&limit=2',
      'epoch=',
    ]) {
      const { status, body } = await rig.get(`/v1/revocations?${query}`);
      assert.equal([status, body.code, body.errors[0].in], [400, 'validation-failed', 'query'], query);
    }
    const codeOf = async (options: Parameters<Rig['get']>[1]) => (await rig.get('/v1/revocations', options)).body.code;
    assert.is(await codeOf({ token: null }), 'unauthenticated');
    assert.is(await codeOf({ token: tokenText(2) }), 'forbidden');
    assert.is(await codeOf({ headers: { 'keyledger-min-position': '?' } }), 'validation-failed');
    const post = await rig.call('/v1/revocations', { body: {} });
    assert.equal([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
    const head = await rig.call('/v1/revocations', { method: 'HEAD' });
    assert.equal([head.status, head.text], [200, '']);
    const waited = rig.get('/v1/revocations', { headers: { 'keyledger-min-position': positionAt(99) } });
    for (let turns = 0; turns < 8; turns++) await rig.time.advance(500);
    assert.is((await waited).body.code, 'not-caught-up');
    const stream = rig.get('/v1/revocations/stream', { headers: { 'keyledger-min-position': positionAt(99) } });
    for (let turns = 0; turns < 8; turns++) await rig.time.advance(500);
    assert.is((await stream).body.code, 'not-caught-up');
  }),
);

feed(
  'calls with a body take no parameters',
  withRig(async (rig) => {
    await rig.append(serviceToken(2, { permissions: ['verify'] }));
    await rig.time.settle();
    for (const [path, token] of [
      ['/v1/verify', tokenText(2)],
      ['/v1/usage', tokenText(2)],
      ['/v1/revocations/ack', tokenText(1)],
    ] as const) {
      const { status, body } = await rig.call(`${path}?dry=true`, { token, body: {} });
      assert.equal([status, body.code], [400, 'validation-failed'], path);
      assert.equal(body.errors, [{ in: 'query', pointer: 'dry', detail: 'Unknown parameter' }]);
    }
  }),
);

const ack = (rig: Rig, body: unknown, token = tokenText(1)) => rig.call('/v1/revocations/ack', { body, token });

feed(
  'keeps how far every subscriber and instance says it is, going forward only',
  withRig(async (rig) => {
    await rig.append(...threeRevoked, serviceToken(2, { permissions: ['verify'] }));
    await rig.time.settle();
    const row = async (instance: string | null) => {
      const kept = await rig.vault.get('subscriber', acknowledgementId('service-1', instance));
      if (kept === null) return null;
      const { recent, ...value } = JSON.parse(kept.value);
      moments = recent.map(({ position }: { position: string }) => position);
      return { ref: kept.ref, ...value };
    };
    let moments: readonly string[] = [];
    const at = new Date(rig.time.now()).toISOString();
    const told = (position: number, instance: string | null = null, when = at) => ({
      ref: 'service-1',
      name: 'service-1',
      instance,
      epoch,
      position: positionAt(position),
      at: when,
      from: positionAt(instance === null ? 8 : 9),
    });
    assert.is((await ack(rig, { epoch, position: positionAt(8) })).status, 204);
    assert.equal(await row(null), told(8));
    assert.is((await ack(rig, { instance: 'a/b', epoch, position: positionAt(9) })).status, 204);
    assert.equal(await row('a/b'), told(9, 'a/b'));
    await rig.time.advance(1000);
    const later = new Date(rig.time.now()).toISOString();
    assert.is((await ack(rig, { epoch, position: positionAt(3) })).status, 204);
    assert.equal(await row(null), told(8, null, later));
    const many = Array.from({ length: 20 }, (_, i) => ack(rig, { epoch, position: positionAt(1 + (i % 10)) }));
    for (const { status } of await Promise.all(many)) assert.is(status, 204);
    assert.equal(await row(null), told(10, null, later));
    assert.is(moments[0], positionAt(8));
    assert.is(moments.at(-1), positionAt(10));
    assert.equal([...new Set(moments)].sort(), moments, 'each once, rising');
    assert.is((await ack(rig, { epoch, position: positionAt(10), leaving: true })).status, 204);
    assert.equal(await row(null), { ...told(10, null, later), left: true });
    assert.is((await ack(rig, { epoch, position: positionAt(10) })).status, 204);
    assert.equal(await row(null), told(10, null, later), 'it is back');

    const codeOf = async (body: unknown, token?: string) => (await ack(rig, body, token)).body?.code;
    assert.is(await codeOf({ epoch: 'another', position: positionAt(8) }), 'feed-restarted');
    assert.is(await codeOf({ epoch, position: positionAt(99) }), 'feed-restarted');
    assert.is(await codeOf({ epoch }), 'validation-failed');
    assert.is(await codeOf({ epoch, position: positionAt(8), leaving: false }), 'validation-failed');
    assert.is(await codeOf({ epoch, position: positionAt(8), instance: 'ü' }), 'validation-failed');
    assert.is(await codeOf({ epoch, position: positionAt(8) }, tokenText(2)), 'forbidden');
    assert.equal(await row(null), told(10, null, later));
  }),
);

feed(
  'takes reports of use, of known keys and never from the future',
  withRig(async (rig) => {
    await rig.append(created(1, 1), policy({}));
    await rig.time.settle();
    const now = rig.time.now();
    const iso = (ms: number) => new Date(ms).toISOString();
    const usage = (body: unknown) => rig.call('/v1/usage', { body });
    const items = [
      { keyId: keyId(1), lastAt: iso(now - 5000), count: 3, ip: '2001:db8::7' },
      { keyId: keyId(1), lastAt: iso(now + 5000), count: 1 },
      { keyId: keyId(9), lastAt: iso(now), count: 1 },
    ];
    const answer = await usage({ items });
    assert.equal([answer.status, answer.text], [204, '']);
    assert.equal(
      rig.uses.map(({ at, ip }) => [at - now, ip]),
      [
        [-5000, '2001:db8::7'],
        [0, null],
      ],
    );
    const most = Array.from({ length: 1000 }, () => items[0]);
    assert.is((await usage({ items: most })).status, 204);
    for (const wrong of [
      {},
      { items: [...most, items[0]] },
      { items: [{ ...items[0], count: 0 }] },
      { items: [{ ...items[0], lastAt: 'now' }] },
      { items: [{ ...items[0], keyId: 'x' }] },
    ])
      assert.equal((await usage(wrong)).body.code, 'validation-failed');
    // The report is refused as a whole, before any of it is marked, and each wrong item is named.
    const before = rig.uses.length;
    const mixed = [items[0], { ...items[0], ip: 'nowhere' }, items[1], { ...items[0], count: 0 }];
    const { status, body } = await usage({ items: mixed });
    assert.is(status, 400);
    assert.equal(
      body.errors.map(({ pointer }: { pointer: string }) => pointer),
      ['/items/1/ip', '/items/3/count'],
    );
    assert.is(rig.uses.length, before);
    assert.is((await rig.call('/v1/usage', { body: { items }, token: keyText(1) })).status, 401);
    assert.equal(rig.unexpected, []);
  }),
);

feed.run();
