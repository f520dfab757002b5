import * as assert from 'uvu/assert';
import { created, installed, keyId, onKey, policy, registered, start } from '../../projections/logs.ts';
import { chances } from '../../support/chances.ts';
import { openConnection, type RawAnswer } from '../../support/rawHttp.ts';
import { suite } from '../../support/suite.ts';
import { arrange, type Rig, serviceToken, tokenText, withText } from './rig.ts';
import { brokenEnd, goodKey, wholeRequest } from './wireRequests.ts';

const fuzz = suite('the data plane, any bytes');

// Fewer with KEYLEDGER_TEST_REQUESTS=1000; a conversation again with KEYLEDGER_TEST_SEED and KEYLEDGER_TEST_REQUESTS=1.
const requests = Number(process.env.KEYLEDGER_TEST_REQUESTS ?? 100_000);
const firstSeed = Number(process.env.KEYLEDGER_TEST_SEED ?? 1);
const atOnce = 8;

const key = (n: number, options: Parameters<typeof created>[2] = {}) => withText(created(n, 1, options), n);

/** One key that works; a revoked one, one past its end, one of an epoch that is over. */
const log = [
  installed,
  policy({}),
  registered(1),
  serviceToken(1),
  serviceToken(2, { permissions: ['revocations:read'] }),
  key(1),
  key(2),
  onKey(1, 'ApiKeyRevoked', { keyId: keyId(2), reason: 'owner', note: null }),
  key(3, { expiresAt: start - 1 }),
  key(4, { ownerEpoch: 7 }),
];

const refusals = new Set(['malformed', 'not-found', 'expired', 'revoked', 'owner-inactive', 'insufficient-scope']);

/** Never yes; never a fault of ours; a problem says the status that it comes with. */
const check = ({ status, headers, text }: RawAnswer, asked: string) => {
  const told = `${asked}: ${status} ${text}`;
  assert.is.not(status, 204, told);
  assert.not.match(text, /"(?:valid|active)":true/, told);
  assert.is(headers['keyledger-key-id'], undefined, told);
  if (status === 200) {
    const body = JSON.parse(text);
    assert.ok(body.active === false || (body.valid === false && refusals.has(body.code)), told);
    return;
  }
  if (status === 503) assert.match(text, /"code":"(?:unavailable|not-caught-up)"/, told);
  else assert.ok(status >= 400 && status < 500, told);
  if (headers['content-type'] === 'application/problem+json' && text !== '')
    assert.is(JSON.parse(text).status, status, told);
};

type Tally = { asked: number; readonly statuses: Map<string, number> };

const count = ({ statuses }: Tally, path: string, { status }: RawAnswer) => {
  const what = `${path.split('?')[0]} ${status}`;
  statuses.set(what, (statuses.get(what) ?? 0) + 1);
};

/** In pieces that end where they please. */
const sendTorn = (send: (bytes: Uint8Array) => void, bytes: Buffer, chance: () => number) => {
  for (let at = 0; at < bytes.length; ) {
    const next = chance() < 0.5 ? bytes.length : at + 1 + Math.floor(chance() * 400);
    send(bytes.subarray(at, next));
    at = next;
  }
};

/** Many requests, one behind the other without waiting; then or at once, mostly, something that is none. Each gets its answer. */
const converse = async (rig: Rig, seed: number, tally: Tally): Promise<void> => {
  const chance = chances(seed);
  const all = Array.from({ length: 1 + Math.floor(chance() * 30) }, () => wholeRequest(chance));
  const end = chance() < 0.8 ? brokenEnd(chance) : Buffer.alloc(0);
  const early = chance() < 0.3;
  const connection = openConnection({ url: `http://127.0.0.1:${rig.port}` });
  try {
    const before = all.map(({ bytes }) => bytes);
    sendTorn(connection.send, Buffer.concat(early ? [...before, end] : before), chance);
    for (const { method, path } of all) {
      const answer = await connection.answer(method === 'HEAD');
      check(answer, `${method} ${path}`);
      count(tally, path, answer);
    }
    if (!early) sendTorn(connection.send, end, chance);
    tally.asked += all.length + (end.length > 0 ? 1 : 0);
    connection.finish();
    await connection.ended;
    for (const answer of connection.rest()) {
      check(answer, end.toString('latin1'));
      count(tally, 'the end', answer);
    }
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
  } finally {
    connection.close();
  }
};

fuzz(`${requests} requests: each is answered, none with an error of ours, none with yes`, async () => {
  const rig = await arrange({ log });
  const tally: Tally = { asked: 0, statuses: new Map() };
  let over = false;
  // Who waits for a position that never comes is told so after two seconds of this.
  const passing = (async () => {
    while (!over) await rig.time.advance(100);
  })();
  try {
    let seed = firstSeed;
    const speak = async () => {
      while (tally.asked < requests) await converse(rig, seed++, tally);
    };
    await Promise.all(Array.from({ length: requests === 1 ? 1 : atOnce }, speak));
    assert.equal(rig.unexpected, []);
    assert.equal(rig.uses, []);
    if (requests >= 8_000)
      for (const usual of [
        '/v1/verify 200',
        '/v1/verify 400',
        '/v1/introspect 200',
        '/v1/forward-auth 401',
        'the end 400',
      ])
        assert.ok((tally.statuses.get(usual) ?? 0) > 50, JSON.stringify([...tally.statuses]));
    // The server is as well as before, and the key still works.
    assert.is((await rig.verify({ key: goodKey }, { token: tokenText(1) })).body.valid, true);
  } finally {
    over = true;
    await passing;
    await rig.close();
  }
});

fuzz.run();
