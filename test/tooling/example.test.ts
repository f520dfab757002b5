import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const s = suite('example');
s('works', () => assert.is(1, 1));
s.run();
