import { MongoInvalidArgumentError, MongoNetworkError, MongoServerError } from 'mongodb';
import * as assert from 'uvu/assert';
import { asFailure } from '../../../adapters/mongodb/errors.ts';
import { Failure } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';

const errors = suite('errors of MongoDB');

const failureOf = (error: unknown): Failure => {
  const failure = asFailure(error);
  assert.instance(failure, Failure);
  return failure as Failure;
};

errors('whoever is not let in is refused, by MongoDB; waiting does not help', () => {
  for (const [code, codeName] of [
    [13, 'Unauthorized'],
    [18, 'AuthenticationFailed'],
    [8000, 'AtlasError'],
  ] as const) {
    const failure = failureOf(new MongoServerError({ message: 'the password secret is wrong', code, codeName }));
    assert.equal([failure.code, failure.refused, failure.by], ['store-unavailable', true, 'MongoDB']);
    assert.match(failure.message, codeName);
    assert.not.match(failure.message, 'secret');
  }
});

errors('who is away may yet answer', () => {
  const failures = [
    failureOf(new MongoNetworkError('connect ECONNREFUSED')),
    failureOf(new MongoServerError({ message: 'stepping down', code: 11600, codeName: 'InterruptedAtShutdown' })),
  ];
  for (const failure of failures)
    assert.equal([failure.code, failure.refused, failure.by], ['store-unavailable', false, null]);
  assert.match(failures[0]!.message, 'connect ECONNREFUSED');
});

errors('a mistake of ours stays one, and quotes no document', () => {
  const mistake = new MongoInvalidArgumentError('no such option');
  assert.is(asFailure(mistake), mistake);
  const unstorable = asFailure(new MongoServerError({ message: '{ name: "Ada" } is too large', code: 17419 }));
  assert.not.instance(unstorable, Failure);
  assert.not.match((unstorable as Error).message, 'Ada');
});

errors.run();
