import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { envelope, heartbeatBytes, heartbeatOf, messageOf, subjectOf } from '../../../adapters/nats/envelope.ts';
import { signatureText, signedOf } from '../../../adapters/nats/signature.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { nodeSignatures } from '../../../adapters/node/ed25519.ts';
import type { RevocationMessage } from '../../../domain/revocation.ts';
import { suite } from '../../support/suite.ts';
import { heartbeat, message } from '../busSuite.ts';

const test = suite('NATS: envelopes and signatures');

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const { keyId: _, ...common } = message(3);
const ofOwner: RevocationMessage = { ...common, kind: 'owner', effect: 'recheck', ownerId: 'owner-1' };
const ofAll: RevocationMessage = { ...common, kind: 'all', effect: 'recheck' };

test('a message is a CloudEvents envelope around the very text that HTTP gives', () => {
  assert.is(
    text(envelope(message(2), 'i1')),
    `{"specversion":"1.0","id":"event-2","source":"/keyledger/i1","type":"keyledger.revocation.v1","subject":"key/key-2","time":"2027-01-01T00:00:00.000Z","datacontenttype":"application/json","data":${JSON.stringify(message(2))}}`,
  );
  const subjects = [message(2), ofOwner, ofAll].map((one) => [
    subjectOf(one),
    JSON.parse(text(envelope(one, 'i1'))).subject,
  ]);
  assert.equal(subjects, [
    ['keyledger.revocations.key.key-2', 'key/key-2'],
    ['keyledger.revocations.owner.owner-1', 'owner/owner-1'],
    ['keyledger.revocations.all', 'all'],
  ]);
});

test('an id that would be more than one token of a subject is no subject', () => {
  for (const keyId of ['a.b', '*', '>', '', 'a b', 'a\r\nb', undefined])
    assert.throws(() => subjectOf({ ...message(1), keyId: keyId as string }), /cannot stand in a subject/);
});

test('what was written is read again', () => {
  for (const one of [message(1), message(2), ofOwner, ofAll]) assert.equal(messageOf(envelope(one, 'i1')), one);
  for (const one of [heartbeat(4), { ...heartbeat(4), head: null, lastMessage: null }])
    assert.equal(heartbeatOf(heartbeatBytes(one)), one);
});

test('what has another shape is nothing', () => {
  const whole = JSON.parse(text(envelope(message(1), 'i1')));
  const changed = (data: object) => bytes({ ...whole, data: { ...whole.data, ...data } });
  const wrong = [
    ...['', 'null', '[]', '1', '{', '{}', '"text"', Buffer.from([0xff, 0xfe]).toString('latin1')].map(bytes),
    Buffer.from([0x22, 0xff, 0x22]),
    bytes({ ...whole, type: 'another' }),
    bytes({ ...whole, data: undefined }),
    bytes({ ...whole, data: [] }),
    changed({ position: 1 }),
    changed({ position: '' }),
    changed({ previous: undefined }),
    changed({ epoch: null }),
    changed({ kind: 'user' }),
    changed({ effect: 'granted' }),
    changed({ keyId: undefined }),
    changed({ kind: 'owner' }),
    changed({ kind: 'all' }),
    changed({ at: 0 }),
  ];
  for (const one of wrong) assert.is(messageOf(one), null, text(one));
  const beat = JSON.parse(text(heartbeatBytes(heartbeat(1))));
  for (const field of ['epoch', 'head', 'lastMessage', 'provenAt'])
    assert.is(heartbeatOf(bytes({ ...beat, [field]: 1 })), null, field);
  assert.is(heartbeatOf(bytes('{"epoch":')), null);
});

test('a signature is read as it is written, and nothing else is one', () => {
  const signed = { keyId: '56475aa75463474c', signature: new Uint8Array(64).fill(0xfb) };
  const header = signatureText(signed);
  assert.is(header, `56475aa75463474c:${'+/v7'.repeat(21)}+w==`);
  const read = signedOf(header)!;
  assert.equal([read.keyId, new Uint8Array(read.signature)], [signed.keyId, signed.signature]);
  for (const wrong of [
    undefined,
    '',
    'k',
    'k:',
    ':AAAA',
    header.slice(0, -1),
    `${header}=`,
    `${header}\n`,
    ` ${header}`,
  ])
    assert.is(signedOf(wrong), null, wrong);
});

// docs/signatures.md: what implementers of receivers test theirs with.
const page = readFileSync(new URL('../../../docs/signatures.md', import.meta.url), 'utf8');
const ed25519 = nodeSignatures();
const [, seed] = /`([0-9a-f]{64})`/.exec(page)!;
const [, publicKey] = /`([A-Za-z0-9+/]{43}=)`/.exec(page)!;
const vectors = [...page.matchAll(/^ {4}(\{"(?!keys).*\})\n {4}Keyledger-Signature: (.*)$/gm)].map(
  ([, payload, header]) => ({
    payload: payload!,
    header: header!,
  }),
);

test('the documented test vectors are right', () => {
  const privateKey = Buffer.from(seed!, 'hex');
  assert.is(Buffer.from(ed25519.publicKeyOf(privateKey)).toString('base64'), publicKey);
  const keyId = Buffer.from(nodeCryptography().sha256(Buffer.from(publicKey!, 'base64')))
    .toString('hex')
    .slice(0, 16);
  assert.is(vectors.length, 2);
  for (const { payload, header } of vectors) {
    assert.is(signatureText({ keyId, signature: ed25519.sign(privateKey, bytes(payload)) }), header);
    const read = signedOf(header)!;
    assert.ok(ed25519.verify(Buffer.from(publicKey!, 'base64'), bytes(payload), read.signature));
    assert.not.ok(ed25519.verify(Buffer.from(publicKey!, 'base64'), bytes(` ${payload}`), read.signature));
  }
});

test('the documented payloads are what is really sent', () => {
  const [sent, beat] = vectors.map(({ payload }) => payload);
  const installation = JSON.parse(sent!).source.replace('/keyledger/', '');
  assert.is(text(envelope(messageOf(bytes(sent!))!, installation)), sent);
  assert.is(text(heartbeatBytes(heartbeatOf(bytes(beat!))!)), beat);
});

test.run();
