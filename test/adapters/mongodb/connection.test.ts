import * as assert from 'uvu/assert';
import { connect } from '../../../adapters/mongodb/connection.ts';
import { suite } from '../../support/suite.ts';

const test = suite('a connection to MongoDB');

const weak = [
  'w=1',
  'w=0',
  'journal=false',
  'j=false',
  'wtimeoutMS=1',
  'readConcernLevel=local',
  'readPreference=secondary',
  'readPreference=nearest&maxStalenessSeconds=120',
  'readPreference=secondary&readPreferenceTags=place:far',
  'retryWrites=false',
];

for (const query of ['', ...weak])
  test(`writes to a majority's disks and reads what lies there, with ?${query} too`, async () => {
    const { db, close } = connect(`mongodb://127.0.0.1:1/?${query}`, 'any');
    const { writeConcern, readConcern, readPreference } = db.collection('any');
    assert.equal([writeConcern?.w, writeConcern?.journal, writeConcern?.wtimeoutMS], ['majority', true, 10_000]);
    assert.is(readConcern?.level, 'majority');
    assert.equal(
      [readPreference?.mode, readPreference?.tags, readPreference?.maxStalenessSeconds],
      ['primary', undefined, undefined],
    );
    assert.is(db.client.options.retryWrites, true);
    await close();
  });

test.run();
