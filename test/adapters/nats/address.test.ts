import * as assert from 'uvu/assert';
import { natsAddress } from '../../../adapters/nats/address.ts';
import { suite } from '../../support/suite.ts';

const test = suite('NATS: addresses');

test('names servers, with and without ports', () => {
  assert.equal(natsAddress('nats://localhost'), {
    options: { servers: ['localhost:4222'] },
    name: 'localhost:4222',
    stream: { replicas: 1, maxBytes: null },
  });
  assert.equal(natsAddress('nats://a:1,b,nats://[::1]:3?replicas=3&maxBytes=1000000'), {
    options: { servers: ['a:1', 'b:4222', '[::1]:3'] },
    name: 'a:1,b:4222,[::1]:3',
    stream: { replicas: 3, maxBytes: 1_000_000 },
  });
});

test('carries credentials, which its name does not', () => {
  const { options, name } = natsAddress('nats://publisher:p%40ss%2Cword@a:1,b:2');
  assert.equal(options, { servers: ['a:1', 'b:2'], user: 'publisher', pass: 'p@ss,word' });
  assert.is(name, 'a:1,b:2');
  assert.equal(natsAddress('nats://secret-token@a:1').options, { servers: ['a:1'], token: 'secret-token' });
});

test('insists on TLS where it says so, with the files it names', () => {
  const file = new URL(import.meta.url).pathname;
  assert.equal(natsAddress('tls://a').options, { servers: ['a:4222'], tls: {} });
  assert.equal(natsAddress(`tls://a?tlsCaFile=${file}&tlsCertFile=${file}&tlsKeyFile=${file}`).options.tls, {
    caFile: file,
    certFile: file,
    keyFile: file,
  });
});

test('says what is wrong, and no credentials', () => {
  for (const [url, why] of [
    ['', /is no URL/],
    ['a:4222', /starts with nats:\/\/ or tls:\/\//],
    ['http://user:secret@a', /starts with nats/],
    ['nats://user:secret@a,tls://b', /starts with nats/],
    ['nats://user:secret@a/path', /names servers as host/],
    ['nats://user:secret@a:99999', /is no URL/],
    ['nats://user:secret@a?tls=true', /unknown parameter tls/],
    ['nats://user:1?secret@a:4222', /unknown parameter; a \? in credentials is written as %3F/],
    ['nats://token?secret=1@a:4222', /unknown parameter; a \?/],
    ['nats://user:secret@a?replicas=9', /replicas other than 1 to 5/],
    ['nats://user:secret@a?maxBytes=1', /maxBytes below 100000/],
    ['nats://user:secret@a?maxBytes=1GB', /maxBytes below 100000, or one that is no number/],
    ['tls://user:secret@a?tlsCaFile=/nowhere/ca.pem', /\/nowhere\/ca.pem, which cannot be read \(ENOENT\)/],
    ['nats://user:%zz@a', /cannot be decoded/],
  ] as const) {
    try {
      natsAddress(url);
      assert.unreachable(url);
    } catch (error) {
      const { message } = error as Error;
      assert.match(message, why);
      assert.not.match(message, /secret|zz/);
    }
  }
});

test.run();
