import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { holds, missingOf } from '../../../sdk/src/core/scopes.ts';
import { suite } from '../../support/suite.ts';
import { entryOf } from './entry.ts';

const scopes = suite('the scopes of a key, in the verifier');

const some = fc.subarray(['a:read', 'a:write', 'b:read', 'b:write']);

scopes('it has all, or lacks some of those asked for', () => {
  fc.assert(
    fc.property(fc.option(some), some, (held, asked) => {
      const key = { ...entryOf('', 'key-1').key, scopes: held };
      const missing = missingOf(key, asked);
      assert.is(holds(key, asked), missing.length === 0);
      assert.equal(missing, held === null ? [] : asked.filter((scope) => !held.includes(scope)));
    }),
  );
});

scopes.run();
