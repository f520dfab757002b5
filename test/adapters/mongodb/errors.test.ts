import { MongoInvalidArgumentError, MongoNetworkError } from 'mongodb';
import * as assert from 'uvu/assert';
import { asFailure } from '../../../adapters/mongodb/errors.ts';
import { failedWith } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';

const errors = suite("MongoDB's errors");

const coded = (code: string) => Object.assign(new Error('it says more than anybody should read'), { code });

errors('a connection that ended is a store that does not answer, whoever says so', () => {
  const ends = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_WRITE_AFTER_END', 'ERR_SOCKET_CLOSED'].map(coded);
  for (const end of [...ends, new MongoNetworkError('connection closed')]) {
    const failure = asFailure(end);
    assert.ok(failedWith(failure, 'store-unavailable'), String(failure));
    assert.not.match(failure.message, 'more than anybody');
  }
});

errors('a mistake of ours stays what it is', () => {
  for (const mistake of [
    new TypeError('no function'),
    coded('ERR_INVALID_ARG_TYPE'),
    new MongoInvalidArgumentError('no filter'),
  ])
    assert.is(asFailure(mistake), mistake);
});

errors.run();
