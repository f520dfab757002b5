import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { created } from '../../projections/logs.ts';
import { bytesOf, openConnection, type RawAnswer } from '../../support/rawHttp.ts';
import { suite } from '../../support/suite.ts';
import { keyText, type Rig, tokenText, withRig, withText } from './rig.ts';

const pipelining = suite('many requests on one connection');

const ask = (body: unknown, token = tokenText(1)): Buffer =>
  bytesOf({
    method: 'POST',
    path: '/v1/verify',
    headers: [
      ['Authorization', `Bearer ${token}`],
      ['Content-Type', 'application/json'],
    ],
    body: JSON.stringify(body),
  });

const good = { key: keyText(1) };
const unknown = { key: keyText(2) };
/** Waits two seconds for what never comes. */
const late = { ...good, minPosition: 'ffffffffffffffff' };
const nonsense = Buffer.from('nonsense\r\n\r\n');

const inBrief = ({ status, text }: RawAnswer) => {
  const { code } = text === '' ? { code: '' } : JSON.parse(text);
  return `${status} ${code}`;
};

/** Everything that comes back, until the server ends the connection. */
const allAnswers = async (rig: Rig, ...sent: readonly Uint8Array[]): Promise<readonly string[]> => {
  const connection = openConnection({ url: `http://127.0.0.1:${rig.port}` });
  let over = false;
  const passing = (async () => {
    while (!over) await rig.time.advance(100);
  })();
  try {
    for (const bytes of sent) {
      connection.send(bytes);
      await setImmediate();
    }
    await connection.ended;
    return connection.rest().map(inBrief);
  } finally {
    over = true;
    await passing;
    connection.close();
  }
};

const withKey = (test: (rig: Rig) => Promise<void>) =>
  withRig(async (rig) => {
    await rig.append(withText(created(1, 1), 1));
    await rig.time.settle();
    await test(rig);
    assert.equal(rig.unexpected, []);
  });

const malformed = '400 malformed-request';

pipelining(
  'what is no HTTP is told after all answers that are due before it',
  withKey(async (rig) => {
    const answers = ['200 valid', '200 not-found', '200 valid', malformed];
    assert.equal(await allAnswers(rig, Buffer.concat([ask(good), ask(unknown), ask(good), nonsense])), answers);
    assert.equal(await allAnswers(rig, ask(good), ask(unknown), ask(good), nonsense, nonsense), answers);
  }),
);

pipelining(
  'also after one that takes long, and those behind it',
  withKey(async (rig) => {
    const sent = [ask(good), ask(late), ask(good), ask({}), nonsense, ask(good)];
    const answers = ['200 valid', '503 not-caught-up', '200 valid', '400 validation-failed', malformed];
    assert.equal(await allAnswers(rig, Buffer.concat(sent)), answers);
    assert.equal(await allAnswers(rig, ...sent), answers);
  }),
);

pipelining(
  'a tunnel is no request of ours, and none is opened',
  withKey(async (rig) => {
    const tunnel = Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n');
    assert.equal(await allAnswers(rig, tunnel), [malformed]);
    const sent = [ask(late), ask(good), tunnel, ask(good), nonsense];
    assert.equal(await allAnswers(rig, Buffer.concat(sent)), ['503 not-caught-up', '200 valid', malformed]);
    assert.equal(await allAnswers(rig, ...sent), ['503 not-caught-up', '200 valid', malformed]);
  }),
);

pipelining(
  'a request that breaks off in its body has the problem for its answer',
  withKey(async (rig) => {
    const head = [
      'POST /v1/verify HTTP/1.1',
      'Host: a',
      `Authorization: Bearer ${tokenText(1)}`,
      'Content-Type: application/json',
    ];
    const broken = Buffer.from(`${head.join('\r\n')}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"key\r\nzz\r\n`);
    assert.equal(await allAnswers(rig, broken), [malformed]);
    const before = [ask(late), ask(good)];
    const answers = ['503 not-caught-up', '200 valid', malformed];
    assert.equal(await allAnswers(rig, Buffer.concat([...before, broken])), answers);
    assert.equal(await allAnswers(rig, ...before, broken), answers);
  }),
);

pipelining(
  'one that was answered before it broke off is answered once',
  withKey(async (rig) => {
    const broken = Buffer.from(
      'GET /v1/verify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"key\r\nzz\r\n',
    );
    const refused = '405 method-not-allowed';
    assert.equal(await allAnswers(rig, broken), [refused]);
    assert.equal(await allAnswers(rig, Buffer.concat([ask(late), broken])), ['503 not-caught-up', refused]);
    const [head, rest] = [broken.subarray(0, broken.indexOf('zz')), broken.subarray(broken.indexOf('zz'))];
    assert.equal(await allAnswers(rig, ask(good), head, rest), ['200 valid', refused]);
  }),
);

pipelining(
  'after the last one that a sender announced, nothing is looked at',
  withKey(async (rig) => {
    const last = Buffer.from(ask(good).toString('latin1').replace('Host:', 'Connection: close\r\nHost:'), 'latin1');
    assert.equal(await allAnswers(rig, Buffer.concat([ask(late), last, ask(good), nonsense])), [
      '503 not-caught-up',
      '200 valid',
    ]);
  }),
);

pipelining(
  'one connection, one question after the other, for as long as it likes',
  withKey(async (rig) => {
    const connection = openConnection({ url: `http://127.0.0.1:${rig.port}` });
    try {
      for (let n = 0; n < 300; n++) {
        connection.send(ask(n % 3 === 0 ? unknown : good));
        const { headers, ...answer } = await connection.answer();
        assert.is(inBrief({ headers, ...answer }), n % 3 === 0 ? '200 not-found' : '200 valid');
        assert.is(headers['keyledger-request-id'], `request-${n + 1}`);
      }
      assert.is(await rig.connections(), 1);
    } finally {
      connection.close();
    }
  }),
);

pipelining.run();
