import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ConfigurationError, readConfiguration } from '../../main/configuration.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const configuration = suite('configuration');

const key = 'ab'.repeat(32);
const servers = {
  KEYLEDGER_EVENTSTORE: 'esdb://user:secret@store:2113?tls=true',
  KEYLEDGER_MONGODB: 'mongodb://user:secret@mongo:27017/people?replicaSet=rs0',
  KEYLEDGER_NATS: 'nats://user:secret@nats:4222',
};
const keys = { KEYLEDGER_MASTER_KEY: key, KEYLEDGER_PEPPER: key };

const refusal = (environment: { readonly [name: string]: string }): string => {
  try {
    readConfiguration(environment);
  } catch (error) {
    assert.instance(error, ConfigurationError);
    const { message } = error as Error;
    assert.not.match(message, /\n|secret/);
    return message;
  }
  throw new Error('it was taken');
};

configuration('nothing set: everything in one folder', () => {
  const { eventStore, mongodb, nats, role, data } = readConfiguration({});
  assert.equal([eventStore, mongodb, nats, role, data], [null, null, null, 'all', './data']);
});

configuration('any of the servers may be set by itself, and all of them', () => {
  for (const [name, value] of Object.entries(servers)) {
    const read = readConfiguration({ [name]: value });
    assert.equal(
      [read.eventStore, read.mongodb, read.nats].filter((url) => url !== null),
      [value],
    );
  }
  const { eventStore, mongodb, nats } = readConfiguration(servers);
  assert.equal([eventStore, mongodb, nats], Object.values(servers));
});

configuration('an empty variable is none', () => {
  assert.is(readConfiguration({ KEYLEDGER_MONGODB: '', KEYLEDGER_NATS_FILE: '' }).mongodb, null);
});

for (const [name, value] of Object.entries({ ...servers, ...keys }))
  configuration(`${name} from a file, without the line break at its end`, () => {
    const file = join(temporaryFolder(), 'value');
    for (const end of ['', '\n', '\r\n']) {
      writeFileSync(file, value + end);
      const read = readConfiguration({ [`${name}_FILE`]: file });
      const values: readonly unknown[] = [read.eventStore, read.mongodb, read.nats, ...Object.values(read.keys)];
      assert.equal(
        values.filter((one) => one !== null && one !== undefined),
        [value],
      );
    }
    assert.match(refusal({ [`${name}_FILE`]: file, [name]: value }), `${name} and ${name}_FILE are both set`);
    assert.match(refusal({ [`${name}_FILE`]: '/nowhere/file' }), `${name}_FILE: cannot`);
    // A secret that was never written must not make it another installation, or one that tells nobody.
    for (const nothing of ['', '\n', ' \r\n']) {
      writeFileSync(file, nothing);
      assert.is(refusal({ [`${name}_FILE`]: file }), `${name}_FILE: ${file} is empty`);
    }
  });

configuration('one of several processes shares everything', () => {
  const whole = { ...servers, ...keys };
  for (const role of ['api', 'worker']) {
    assert.is(readConfiguration({ ...whole, KEYLEDGER_ROLE: role }).role, role);
    for (const missing of ['KEYLEDGER_EVENTSTORE', 'KEYLEDGER_MONGODB', ...Object.keys(keys)])
      assert.match(refusal({ ...whole, [missing]: '', KEYLEDGER_ROLE: role }), `${missing} is missing`);
    assert.is(readConfiguration({ ...whole, KEYLEDGER_NATS: '', KEYLEDGER_ROLE: role }).nats, null);
  }
  assert.match(refusal({ KEYLEDGER_ROLE: 'both' }), 'KEYLEDGER_ROLE: must be all, api or worker');
});

for (const [name, value] of [
  ['KEYLEDGER_EVENTSTORE', 'http://user:secret@store'],
  ['KEYLEDGER_EVENTSTORE', 'esdb://user:secret@store?sharks=1'],
  ['KEYLEDGER_EVENTSTORE', 'esdb://user:secret@store?tls=false'],
  ['KEYLEDGER_MONGODB', 'mongodb://user:secret'],
  ['KEYLEDGER_EVENTSTORE_PREFIX', 'a-b'],
  ['KEYLEDGER_MONGODB', 'mongodb://user:secret@mongo/?tls=perhaps'],
  ['KEYLEDGER_MONGODB', 'mongodb://user:secret@mongo/?tlsCAFile=/nowhere'],
  ['KEYLEDGER_NATS', 'nats://user:secret@nats?sharks=1'],
  ['KEYLEDGER_MASTER_KEY', 'secret'],
] as const)
  configuration(`refused, by its name and without its secret: ${name}=${value}`, () =>
    assert.match(refusal({ [name]: value }), new RegExp(`^${name}\\b`)),
  );

configuration('TLS and other options of the drivers pass as they are', () => {
  const file = join(temporaryFolder(), 'ca.pem');
  writeFileSync(file, 'a certificate');
  const urls = {
    KEYLEDGER_MONGODB: `mongodb://mongo/?tls=true&tlsCAFile=${encodeURIComponent(file)}&authSource=admin&maxPoolSize=5`,
    KEYLEDGER_NATS: `tls://nats?tlsCaFile=${encodeURIComponent(file)}`,
  };
  const { mongodb, nats } = readConfiguration(urls);
  assert.equal([mongodb, nats], Object.values(urls));
});

configuration('a name that is no setting', () => {
  assert.match(refusal({ KEYLEDGER_MONGO: 'mongodb://mongo' }), 'KEYLEDGER_MONGO: no such setting');
  readConfiguration({ KEYLEDGER_TEST_MONGODB: 'mongodb://mongo' });
});

configuration.run();
