import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { newClient } from '../../../adapters/eventstoredb/client.ts';
import { checkedConnectionString } from '../../../adapters/eventstoredb/connectionString.ts';
import { suite } from '../../support/suite.ts';

const test = suite('EventStoreDB: connection strings');

const problemOf = (text: string): string => {
  try {
    newClient(checkedConnectionString(text), 0).retire(0);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${text} was taken`);
};

test('are taken as the client takes them', async () => {
  for (const text of [
    'esdb://localhost',
    'esdb://localhost:2113?tls=false',
    'esdb://localhost:2113/?tls=false',
    'esdb://keyledger:a%40secret@events.example.com:2113?tls=true',
    'esdb+discover://keyledger:secret@cluster.example.com?nodePreference=leader&maxDiscoverAttempts=3',
    'esdb://a.example.com:2113,b.example.com:2113,c.example.com?keepAliveInterval=20000&keep-alive-timeout=12000',
    'esdb://localhost?keepAliveInterval=-1',
  ]) {
    assert.is(checkedConnectionString(` ${text}\n`), text);
    assert.is(checkedConnectionString(text.replace('esdb', 'kurrentdb')), text);
  }
});

test('that are none say what is wrong', async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /no connection string/],
    ['localhost:2113', /no connection string/],
    ['http://localhost:2113', /no connection string/],
    ['esdb://', /no connection string/],
    ['esdb://user@localhost', /hosts|no connection string|host/],
    ['esdb://localhost:port', /host:port/],
    ['esdb://localhost:65536', /host:port/],
    ['esdb://[::1]:2113', /host/],
    ['esdb://a_b(c:2113', /host/],
    ['esdb://localhost?colour=blue', /unknown parameter colour/],
    ['esdb://user:123?secret@localhost', /no connection string/],
    ['esdb://localhost?throwOnAppendFailure=false', /unknown parameter throwOnAppendFailure/],
    ['esdb://localhost?tls', /no value for tls/],
    ['esdb://localhost?tls=maybe', /tls/],
    ['esdb://localhost?nodePreference=best', /nodePreference/],
    ['esdb://localhost?keepAliveInterval=soon', /keepAliveInterval/],
    ['esdb://localhost?keepAliveInterval=-2', /keepAliveInterval/],
    ['esdb://localhost?defaultDeadline=0', /defaultDeadline/],
    ['esdb://localhost?tlsCAFile=/nowhere/ca.pem', /certificate/],
    ['esdb://us%er:pass%word@localhost', /credentials/],
    ['esdb://localhost?keepAliveInterval=9999', /keepAliveInterval/],
    ['esdb://localhost?tlsCAFile=%', /credentials and paths/],
    ['esdb://user:secret@localhost?tls=false', /over TLS alone/],
    ['esdb+discover://user:secret@a,b?maxDiscoverAttempts=3&TLS=false', /over TLS alone/],
  ];
  for (const [text, why] of wrong) assert.match(problemOf(text), why, text);
});

test('are used by the client, or what is said of them holds no password', async () => {
  const secret = 'hunter2hunter2';
  const piece = fc.oneof(
    fc.constantFrom(
      'esdb://',
      'esdb+discover://',
      'kurrentdb://',
      'user:',
      `${secret}@`,
      `:${secret}`,
      'a.example',
      ':2113',
    ),
    fc.constantFrom('?', '&', '=', ',', '/', '@', ':', '%', '%40', '[', '(', ' ', '\n', '_', '#', '-'),
    fc.constantFrom(
      'tls=false',
      'tls=',
      'tlsCAFile=/nowhere',
      'keepAliveInterval=',
      '1e9',
      '-1',
      'nodePreference=leader',
    ),
    fc.string({ maxLength: 3 }),
  );
  const likely = fc.tuple(fc.constantFrom('esdb://', `esdb://user:${secret}@`), fc.array(piece, { maxLength: 8 }));
  await fc.assert(
    fc.property(likely, ([start, pieces]) => {
      const text = start + pieces.join('');
      try {
        newClient(checkedConnectionString(text), 0).retire(0);
      } catch (error) {
        const { message, cause } = error as Error;
        assert.not.ok(message.includes(secret), message);
        assert.is(cause, undefined);
      }
    }),
    { numRuns: 2_000 },
  );
});

test.run();
