import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isIpAddress } from '../../api/dataPlane/verifyBody.ts';
import { plainAddress } from '../../sdk/src/address.ts';
import { suite } from '../support/suite.ts';

const addresses = suite('addresses that the verifier tells');

const zone = fc.constantFrom('', '%eth0');
const anyAddress = fc.oneof(
  fc.ipV4(),
  fc.tuple(fc.ipV6(), zone).map((parts) => parts.join('')),
  fc.ipV4().map((address) => `::ffff:${address}`),
  fc.tuple(fc.ipV6(), fc.ipV4()).map(([prefix, address]) => `${prefix.slice(0, 20)}:${address}`),
);

// One that is refused would cost the whole report that it is in.
addresses('whatever is told the server takes', () => {
  let dotted = 0;
  fc.assert(
    fc.property(anyAddress, (address) => {
      const told = plainAddress(address);
      if (told?.includes(':') && told.includes('.')) dotted++;
      assert.ok(told === undefined || isIpAddress(told), told);
    }),
    { numRuns: 2000, seed: 7 },
  );
  assert.ok(dotted > 20);
});

addresses('what is none is refused', () => {
  for (const text of [
    '',
    'here',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '::1::',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3.4:5',
    ':1.2.3.4',
    '1.2.3.4\n',
    '::1.2.3.256',
  ])
    assert.not(isIpAddress(text), text);
});

addresses.run();
