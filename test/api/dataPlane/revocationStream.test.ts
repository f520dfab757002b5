import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import * as assert from 'uvu/assert';
import { created, epoch, keyId, onKey, onServices, onUser, positionAt, tokenId, uuid } from '../../projections/logs.ts';
import { eventually } from '../../support/eventually.ts';
import { type Fault, withFaults } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';
import { type Rig, serviceToken, tokenText, withRig } from './rig.ts';

const stream = suite('GET /v1/revocations/stream');

const revoked = (n: number) => onKey(1, 'ApiKeyRevoked', { keyId: keyId(n), reason: 'owner', note: null });

type Frame = { readonly id?: string; readonly event?: string; readonly data?: string };

const frameOf = (text: string): Frame =>
  Object.fromEntries(
    text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );

type Options = {
  readonly lastEventId?: string;
  readonly query?: string;
  readonly token?: string | null;
  readonly method?: string;
};

/** Opens a stream and gathers its frames. */
const listen = async (rig: Rig, { lastEventId, query = '', token = tokenText(1), method = 'GET' }: Options = {}) => {
  const outgoing = request({
    port: rig.port,
    host: '127.0.0.1',
    method,
    path: `/v1/revocations/stream${query}`,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
    },
  }).end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  let text = '';
  let ended = false;
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  response.on('end', () => {
    ended = true;
  });
  response.on('error', () => {
    ended = true;
  });
  const frames = () => text.split('\n\n').slice(0, -1).map(frameOf);
  return {
    response,
    frames,
    text: () => text,
    ended: () => ended,
    messages: () => frames().filter(({ event }) => event === undefined),
    beats: () =>
      frames()
        .filter(({ event }) => event === 'heartbeat')
        .map(({ data }) => JSON.parse(data!)),
    close: () => outgoing.destroy(),
  };
};

stream(
  'brings what there is, then what comes, in order, each with its place as its id',
  withRig(async (rig) => {
    await rig.append(created(1, 1), created(2, 1), revoked(1));
    const live = await listen(rig);
    assert.is(live.response.statusCode, 200);
    assert.match(live.response.headers['content-type']!, /^text\/event-stream/);
    assert.is(live.response.headers['cache-control'], 'no-store');
    await eventually(() => live.messages().length === 2);
    await rig.append(revoked(2));
    await eventually(() => live.messages().length === 3);
    assert.equal(
      live.messages().map(({ id }) => id),
      [2, 7, 8].map((n) => `${epoch}:${positionAt(n)}`),
    );
    const page = await rig.get('/v1/revocations');
    assert.is(
      `{"items":[${live
        .messages()
        .map(({ data }) => data)
        .join(',')}]`,
      page.text.slice(0, page.text.indexOf(',"head"')),
    );
    live.close();
  }),
);

stream(
  'resumes at the last id that was received, or at a place in the query',
  withRig(async (rig) => {
    await rig.append(created(1, 1), created(2, 1), revoked(1), revoked(2));
    const ids = async (options: Options) => {
      const live = await listen(rig, options);
      await eventually(() => live.beats().length > 0);
      live.close();
      return live.messages().map(({ id }) => id?.split(':')[1]);
    };
    assert.equal(await ids({ lastEventId: `${epoch}:${positionAt(7)}` }), [positionAt(8)]);
    assert.equal(await ids({ lastEventId: `${epoch}:${positionAt(8)}` }), []);
    assert.equal(await ids({ query: `?after=${positionAt(7)}`, lastEventId: '' }), [positionAt(8)]);
    assert.equal(await ids({ lastEventId: `${epoch}:${positionAt(4)}` }), [positionAt(7), positionAt(8)]);
    assert.equal(await ids({ query: `?after=${positionAt(7)}&epoch=${epoch}` }), [positionAt(8)]);
    // What a browser sends when it comes again wins over where it first began.
    assert.equal(await ids({ query: `?after=${positionAt(1)}`, lastEventId: `${epoch}:${positionAt(8)}` }), []);
  }),
);

stream(
  'refuses a place that is not of this log',
  withRig(async (rig) => {
    await rig.append(serviceToken(2, { permissions: ['verify'] }));
    const codeOf = async (options: Options) => {
      const live = await listen(rig, options);
      await eventually(live.ended);
      return [live.response.statusCode, live.text() === '' ? null : JSON.parse(live.text()).code];
    };
    assert.equal(await codeOf({ lastEventId: `${uuid('e', 2)}:${positionAt(1)}` }), [410, 'feed-restarted']);
    assert.equal(await codeOf({ lastEventId: `${epoch}:${positionAt(99)}` }), [410, 'feed-restarted']);
    for (const lastEventId of ['x', ':', `${epoch}:`, `${epoch}:..`])
      assert.equal(await codeOf({ lastEventId }), [400, 'validation-failed'], lastEventId);
    assert.equal(await codeOf({ query: '?limit=1' }), [400, 'validation-failed']);
    assert.equal(await codeOf({ token: null }), [401, 'unauthenticated']);
    assert.equal(await codeOf({ token: tokenText(2) }), [403, 'forbidden']);
    assert.equal(await codeOf({ method: 'POST' }), [405, 'method-not-allowed']);
    assert.equal(await codeOf({ method: 'HEAD' }), [405, null]);
  }),
);

stream(
  'beats every second, with how far the log was read and when',
  withRig(async (rig) => {
    const head = await rig.append(created(1, 1), revoked(1), created(2, 1));
    const live = await listen(rig);
    await eventually(() => live.beats().length === 1);
    const [first] = live.beats();
    assert.equal(Object.keys(first), ['epoch', 'head', 'lastMessage', 'provenAt']);
    assert.equal([first.epoch, first.head, first.lastMessage], [epoch, head, positionAt(6)]);
    assert.ok(live.frames().every(({ id, event }) => (id === undefined) === (event === 'heartbeat')));
    for (let beats = 2; beats <= 6; beats++) {
      await rig.time.advance(1000);
      await eventually(() => live.beats().length === beats);
    }
    const times = live.beats().map(({ provenAt }) => Date.parse(provenAt));
    assert.equal(times, [...new Set(times)].sort());
    assert.ok(times.every((time) => rig.time.now() - time <= 6000));
    live.close();
  }),
);

stream(
  'brings every message up to head before the beat that names it',
  withRig(async (rig) => {
    const many = 700;
    await rig.append(...Array.from({ length: many }, (_, n) => created(n + 1, 1)));
    await rig.append(...Array.from({ length: many }, (_, n) => revoked(n + 1)));
    const live = await listen(rig);
    await eventually(() => live.beats().length > 0);
    for (let round = 0; round < 5; round++) {
      await rig.append(created(1000 + round, 1), revoked(1000 + round));
      await rig.time.advance(500);
    }
    await eventually(() => live.messages().length === 1 + many + 5);
    await rig.time.advance(1000);
    let last = '';
    for (const { id, event, data } of live.frames()) {
      if (event === 'heartbeat') assert.is(JSON.parse(data!).lastMessage, last);
      else {
        const message = JSON.parse(data!);
        assert.is(message.previous ?? '', last);
        last = message.position;
        assert.is(id, `${epoch}:${last}`);
      }
    }
    live.close();
  }),
);

stream('is silent while the end of the log cannot be proven, and goes on when it can', async () => {
  let fault: Fault | undefined;
  await withRig(
    async (rig) => {
      await rig.append(created(1, 1));
      const live = await listen(rig);
      await eventually(() => live.beats().length === 1);
      fault = 'fail';
      await rig.append(revoked(1));
      for (let turns = 0; turns < 20; turns++) await rig.time.advance(500);
      assert.is(live.beats().length, 1);
      assert.is(live.messages().length, 1);
      assert.not.ok(live.ended());
      fault = undefined;
      await rig.time.advance(500);
      await eventually(() => live.beats().length === 2);
      assert.is(live.messages().length, 2);
      live.close();
    },
    { store: (plain) => withFaults(plain, { read: () => fault }) },
  )();
});

stream(
  'ends within two seconds of its token, by revocation, rotation or the clock',
  withRig(async (rig) => {
    await rig.append(serviceToken(2), serviceToken(3), serviceToken(4, { expiresAt: rig.time.now() + 5000 }));
    await rig.time.settle();
    const listeners = [];
    for (const n of [1, 2, 3, 4]) listeners.push(await listen(rig, { token: tokenText(n) }));
    const [stays, rotated, revokedOne, expiring] = listeners as [
      (typeof listeners)[0],
      (typeof listeners)[0],
      (typeof listeners)[0],
      (typeof listeners)[0],
    ];
    await rig.append(
      onServices('ServiceTokenRotated', { tokenId: tokenId(2), secretHash: 'ab'.repeat(32), mask: '' }),
      onServices('ServiceTokenRevoked', { tokenId: tokenId(3) }),
    );
    await rig.time.advance(1500);
    await eventually(() => rotated.ended() && revokedOne.ended());
    assert.not.ok(expiring.ended());
    await rig.time.advance(4500);
    await eventually(() => expiring.ended());
    assert.not.ok(stays.ended());
    stays.close();
  }),
);

/** The stream over a log of which it has to ask the store; `then` runs before the store answers the first time. */
const whileItCatchesUp = (then: (rig: Rig) => Promise<void>, check: (received: number) => void) => async () => {
  let first = async () => {};
  await withRig(
    async (rig) => {
      const many = 4000;
      await rig.append(...Array.from({ length: many }, () => onUser(1, 'RolesAssigned', { roles: ['member'] })));
      first = async () => {
        first = async () => {};
        await then(rig);
      };
      const live = await listen(rig);
      await eventually(live.ended);
      check(live.messages().length / many);
      assert.equal(rig.unexpected, []);
    },
    {
      store: (plain) => ({
        ...plain,
        readAt: async (position) => {
          await first();
          return plain.readAt(position);
        },
      }),
    },
  )();
};

stream(
  'ends with its token though there is much to bring still',
  whileItCatchesUp(
    async (rig) => {
      await rig.append(onServices('ServiceTokenRevoked', { tokenId: tokenId(1) }));
      await rig.reader.prove();
    },
    (received) => assert.ok(received < 0.5, `${received} of all`),
  ),
);

stream('lets go of a receiver that does not read within two seconds of its token', async () => {
  let asked = 0;
  await withRig(
    async (rig) => {
      const many = Array.from({ length: 10_000 }, () => onUser(1, 'RolesAssigned', { roles: ['member'] }));
      for (let times = 0; times < 4; times++) await rig.append(...many);
      await rig.reader.prove();
      const socket = connect(rig.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.pause();
      socket.write(`GET /v1/revocations/stream HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${tokenText(1)}\r\n\r\n`);
      await eventually(() => asked > 0);
      // Until nothing more is asked of the store: all buffers are full, and there is no room.
      let before = 0;
      let quiet = 0;
      await eventually(() => {
        quiet = asked === before ? quiet + 1 : 0;
        before = asked;
        return quiet === 200;
      });
      await rig.append(onServices('ServiceTokenRevoked', { tokenId: tokenId(1) }));
      await rig.time.advance(2000);
      await eventually(async () => (await rig.connections()) === 0);
      assert.equal(rig.unexpected, []);
      socket.destroy();
    },
    {
      store: (plain) => ({
        ...plain,
        readAt: (position) => {
          asked++;
          return plain.readAt(position);
        },
      }),
    },
  )();
});

stream(
  'ends when the index halts',
  withRig(async (rig) => {
    const first = await listen(rig);
    await eventually(() => first.beats().length === 1);
    await rig.append({ stream: 'x', type: 'SomethingNew', data: {} } as never);
    await rig.time.advance(1000);
    await eventually(first.ended);
  }),
);

stream('ends when the process does', async () => {
  let live: Awaited<ReturnType<typeof listen>> | undefined;
  await withRig(async (rig) => {
    live = await listen(rig);
    await eventually(() => live!.beats().length === 1);
  })();
  await eventually(() => live!.ended());
});

stream(
  'leaves nothing behind when its receiver goes',
  withRig(async (rig) => {
    await rig.time.settle();
    const before = rig.time.sleepers();
    const live = await listen(rig);
    await eventually(() => live.beats().length === 1);
    assert.ok(rig.time.sleepers() > before);
    live.close();
    await eventually(() => rig.time.sleepers() === before);
    assert.equal(rig.unexpected, []);
  }),
);

stream(
  'lets go of a receiver that does not read',
  withRig(async (rig) => {
    // More than all the buffers between here and there take.
    const many = Array.from({ length: 10_000 }, () => onUser(1, 'RolesAssigned', { roles: ['member'] }));
    for (let times = 0; times < 4; times++) await rig.append(...many);
    const socket = connect(rig.port, '127.0.0.1');
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', () => {});
    await rig.reader.prove();
    socket.pause();
    socket.write(`GET /v1/revocations/stream HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${tokenText(1)}\r\n\r\n`);
    await eventually(async () => (await rig.connections()) === 1);
    await eventually(async () => {
      await rig.time.advance(1000);
      return (await rig.connections()) === 0;
    });
    assert.equal(rig.unexpected, []);
    socket.resume();
    await eventually(() => closed);
  }),
);

stream.run();
