import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Heartbeat } from '../../sdk/src/shapes.ts';
import { createInbox, heartbeats } from '../../sdk/src/transport/inbox.ts';
import { verifyEd25519 } from '../../sdk/src/transport/nats.ts';
import { createSigned } from '../../sdk/src/transport/signed.ts';
import { createEventReader } from '../../sdk/src/transport/sse.ts';
import type { RevocationMessage } from '../../sdk/src/types.ts';
import { suite } from '../support/suite.ts';

const transport = suite('what the verifier reads from the feed');

transport('server-sent events, cut anywhere', () => {
  const text =
    ': hello\n\nid: e:1\ndata: {"a":1}\n\nevent: heartbeat\r\ndata: one\r\ndata:two\r\n\r\nevent: nothing\n\ndata\n\n\rdata: last\n\n';
  const cutAnywhere = fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const told: [string, string][] = [];
    const read = createEventReader((event, data) => told.push([event, data]));
    const at = [0, ...cuts.sort((a, b) => a - b), text.length];
    for (let i = 1; i < at.length; i++) assert.ok(read(text.slice(at[i - 1], at[i])));
    assert.equal(told, [
      ['', '{"a":1}'],
      ['heartbeat', 'one\ntwo'],
      ['', ''],
      ['', 'last'],
    ]);
  });
  fc.assert(cutAnywhere);
});

transport('a line without an end is given up', () => {
  const read = createEventReader(() => {});
  assert.not(read('x'.repeat(100_000)));
});

// The vectors that are published.
const [vector, beat] = [
  ...readFileSync(new URL('../../docs/signatures.md', import.meta.url), 'utf8').matchAll(
    /^ {4}(\{"(?:specversion|epoch)".*)\n {4}Keyledger-Signature: (.*)$/gm,
  ),
].map(([, payload, signature]) => ({ bytes: Buffer.from(payload!), signature: signature! }));
const publicKey = 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=';

const createReceiver = async (keys: () => object[] = () => [{ id: '56475aa75463474c', publicKey, notAfter: null }]) => {
  const told: (RevocationMessage | Heartbeat | 'spoilt')[] = [];
  let now = 0;
  let fetched = 0;
  const signed = createSigned({
    fetchKeys: async () => {
      fetched++;
      return { keys: keys() };
    },
    monotonic: () => now,
    wall: () => Date.parse('2027-03-01T00:00:00Z') + now,
    verify: verifyEd25519,
  });
  await signed.load();
  const inbox = createInbox(signed, {
    message: (message) => told.push(message),
    heartbeat: (heartbeat) => told.push(heartbeat),
    spoilt: () => told.push('spoilt'),
  });
  return {
    told,
    inbox,
    fetched: () => fetched,
    pass: async (ms: number) => {
      now += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

transport('what is signed, byte for byte', async () => {
  const { inbox, told } = await createReceiver();
  inbox('keyledger.revocations.key.x', vector!.bytes, vector!.signature);
  inbox(heartbeats, beat!.bytes, beat!.signature);
  assert.is((told[0] as RevocationMessage).position, '0000000000000042');
  assert.is((told[1] as Heartbeat).head, '0000000000000043');
});

transport('nothing else', async () => {
  const { inbox, told } = await createReceiver();
  const changed = Buffer.from(vector!.bytes.toString().replace('"owner"', '"leak"'));
  inbox('keyledger.revocations.all', changed, vector!.signature);
  inbox('keyledger.revocations.all', vector!.bytes, undefined);
  inbox('keyledger.revocations.all', vector!.bytes, 'x');
  inbox('keyledger.revocations.all', vector!.bytes, beat!.signature);
  inbox('keyledger.revocations.all', vector!.bytes, vector!.signature.replace('5647', '0000'));
  // Signed, and not what is expected there.
  inbox(heartbeats, vector!.bytes, vector!.signature);
  inbox('keyledger.revocations.all', beat!.bytes, beat!.signature);
  assert.equal(told, Array(7).fill('spoilt'));
});

transport('a key that is not known is asked for, but not by every message', async () => {
  let keys: object[] = [];
  const { inbox, told, fetched, pass } = await createReceiver(() => keys);
  await pass(2_000);
  keys = [{ id: '56475aa75463474c', publicKey, notAfter: null }];
  for (let i = 0; i < 10; i++) inbox(heartbeats, beat!.bytes, beat!.signature);
  await pass(10);
  assert.is(fetched(), 2);
  inbox(heartbeats, beat!.bytes, beat!.signature);
  assert.is((told.at(-1) as Heartbeat).head, '0000000000000043');
});

transport('a key past its time vouches for nothing', async () => {
  const { inbox, told } = await createReceiver(() => [
    { id: '56475aa75463474c', publicKey, notAfter: '2027-02-28T23:59:59.000Z' },
  ]);
  inbox(heartbeats, beat!.bytes, beat!.signature);
  assert.equal(told, ['spoilt']);
});

transport.run();
