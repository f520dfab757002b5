import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { streamNames } from '../../../adapters/eventstoredb/names.ts';
import { isStreamName } from '../../../domain/streams.ts';
import { suite } from '../../support/suite.ts';

const test = suite('EventStoreDB: names of streams');

const prefix = fc.stringMatching(/^[A-Za-z0-9_.]{0,64}$/);
const stream = fc.string({ minLength: 1 }).filter((name) => !name.startsWith('$'));

test('come back as they were', async () => {
  await fc.assert(
    fc.property(prefix, stream, (word, name) => {
      const names = streamNames(word);
      assert.is(names.streamOf(names.nameOf(name)), name);
      assert.ok(names.nameOf(name).startsWith(names.prefix));
    }),
  );
});

test('of one prefix are never of another', async () => {
  await fc.assert(
    fc.property(prefix, prefix, stream, (one, other, name) => {
      fc.pre(one !== other && one !== '' && other !== '');
      assert.is(streamNames(other).streamOf(streamNames(one).nameOf(name)), null);
    }),
  );
});

test('of the server are never ours', async () => {
  for (const word of ['', 'keyledger'])
    for (const name of ['$stats-127.0.0.1', '$$keyledger-user-1', '$ce-keyledger', '$$$stats'])
      assert.is(streamNames(word).streamOf(name), null);
  assert.is(streamNames('keyledger').streamOf('keyledger'), null);
  assert.is(streamNames('keyledger').streamOf('keyledger2-user-1'), null);
  assert.is(streamNames('').streamOf('user-1'), 'user-1');
});

test('without a prefix, those of an installation that has one are not ours', async () => {
  const names = streamNames('', isStreamName);
  await fc.assert(
    fc.property(prefix, fc.uuid(), (word, id) => {
      fc.pre(word !== '');
      for (const ours of ['installation', 'policy', 'roles', 'services', `user-${id}`, `keyring-${id}`]) {
        assert.is(names.streamOf(ours), ours);
        assert.is(names.streamOf(streamNames(word).nameOf(ours)), null);
      }
    }),
  );
  // Of a release that knows more kinds of streams, and has none before its names.
  for (const ours of ['incident-1', 'checkpoints']) assert.is(names.streamOf(ours), ours);
});

test.run();
