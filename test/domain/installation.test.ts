import * as assert from 'uvu/assert';
import { type InstallationEvent, installation, installationStream } from '../../domain/installation.ts';
import { givenOf } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(installation, installationStream);
const created: InstallationEvent = {
  type: 'InstallationCreated',
  data: { installationId: 'i1', epoch: 'e1', minReader: 1 },
};
const opened: InstallationEvent = { type: 'EpochOpened', data: { epoch: 'e2', previousEpoch: 'e1' } };
const create = { type: 'CreateInstallation', installationId: 'i1', epoch: 'e1', minReader: 1 } as const;

const test = suite('installation');

test('is made once', () => {
  given().when(create).then(created);
  given(created).when(create).then();
  given(created, opened).when(create).then();
  given(created)
    .when({ ...create, installationId: 'i2' })
    .thenRejected('conflict');
});

test('opens an epoch once, after the one it had', () => {
  given(created).when({ type: 'OpenEpoch', epoch: 'e2' }).then(opened);
  given(created, opened).when({ type: 'OpenEpoch', epoch: 'e2' }).then();
  given().when({ type: 'OpenEpoch', epoch: 'e2' }).thenRejected('not-found');
});

test('knows which log it is', () => {
  assert.is(given().state(), null);
  assert.equal(given(created).state(), { installationId: 'i1', epoch: 'e1', minReader: 1 });
  assert.equal(given(created, opened).state(), { installationId: 'i1', epoch: 'e2', minReader: 1 });
});

test('a log that cannot be is not passed over', () => {
  assert.throws(() => given(opened).state(), /no installation/);
  assert.throws(() => given({ type: 'InstallationMoved', data: {} } as never).state(), /InstallationMoved/);
});

test.run();
