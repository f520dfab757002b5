import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { mongoAddress } from '../../../adapters/mongodb/address.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const address = suite('the address of MongoDB');

const messageOf = (text: string): string => {
  try {
    mongoAddress(text);
    return 'taken';
  } catch (error) {
    return (error as Error).message;
  }
};

address('its servers and its database, without credentials', () => {
  assert.equal(mongoAddress('mongodb://ada:secret@a:27017,b:27018/people?replicaSet=rs'), {
    name: 'a:27017,b:27018',
    database: 'people',
  });
  assert.equal(mongoAddress('mongodb://a'), { name: 'a', database: null });
  assert.equal(mongoAddress('mongodb+srv://ada:secret@cluster.example.com/?tls=true'), {
    name: 'cluster.example.com',
    database: null,
  });
});

address('servers by name, address and socket', () => {
  for (const host of ['a_b.example.com:1', '127.0.0.1', '[::1]:27017', '[fe80::1]', '%2Ftmp%2Fmongodb-27017.sock'])
    assert.is(mongoAddress(`mongodb://ada:secret@${host}/`).name, host);
});

address('the driver’s own options pass, files of TLS that can be read as well', () => {
  const file = join(temporaryFolder(), 'ca.pem');
  writeFileSync(file, 'a certificate');
  assert.is(messageOf(`mongodb://a/?tls=true&tlsCAFile=${encodeURIComponent(file)}&authSource=admin`), 'taken');
  assert.is(
    messageOf('mongodb://a/?tls=true&tlsCAFile=/nowhere/ca.pem'),
    'names /nowhere/ca.pem, which cannot be read (ENOENT)',
  );
});

for (const [text, says] of [
  ['mongo://a', 'is no URL of MongoDB'],
  ['mongodb://', 'is no URL of MongoDB'],
  ['mongodb://ada:sec@ret@a', 'is no URL of MongoDB'],
  ['mongodb://ada:secret@a/na.me', 'names a database of other characters'],
  ['mongodb://ada:secret@a:99999/', 'names servers as host or host:port'],
  ['mongodb://ada:secret', 'names servers as host or host:port'],
  ['mongodb://ada:secret:27017/people', 'names servers as host or host:port'],
  ['mongodb://a/?authMechanism=PLAIN:secret', 'is not understood'],
  ['mongodb://a/?authMechanism=sec%72et', 'is not understood'],
  ['mongodb://ada:se%ZZcret@a/', 'is not understood'],
  ['mongodb://ada:secret@a/?sharks=1', 'option sharks is not supported'],
  ['mongodb://ada:secret@a/?tls=maybe', 'tls/ssl must be either'],
  ['mongodb://ada:secret@a,b/?directConnection=true', 'exactly one host'],
  ['mongodb+srv://ada:secret@a:27017/', 'cannot have port number'],
  ['mongodb://ada:secret@a/?readPreference=secret', 'is not understood'],
] as const)
  address(`refused, without its credentials: ${text}`, () => {
    const message = messageOf(text);
    assert.match(message, says);
    assert.not.match(message, /secret|sec@ret/);
    assert.not.match(message, /\n/);
  });

address.run();
