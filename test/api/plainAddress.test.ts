import * as assert from 'uvu/assert';
import { plainAddress } from '../../api/plainAddress.ts';
import { suite } from '../support/suite.ts';

const addresses = suite('an address as a socket names it');

addresses('is the IPv4 address that it is, and else itself', () => {
  for (const [named, plain] of [
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::1', '::1'],
    ['::ffff:c000:201', '::ffff:c000:201'],
    ['::ffff:192.0.2.1:80', '::ffff:192.0.2.1:80'],
  ] as const)
    assert.is(plainAddress(named), plain);
});

addresses('is one text, in however many ways IPv6 lets it be written', () => {
  for (const [named, plain] of [
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1', '2001:db8::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['FE80::1%eth0', 'FE80::1%eth0'],
    ['NO:SUCH', 'NO:SUCH'],
  ] as const)
    assert.is(plainAddress(named), plain);
});

addresses.run();
