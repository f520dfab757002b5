import * as assert from 'uvu/assert';
import { addressRanges } from '../../../adapters/node/addressRanges.ts';
import { suite } from '../../support/suite.ts';

const ranges = suite('address ranges');

ranges('addresses and ranges of both families', () => {
  const holds = addressRanges(['127.0.0.0/8', '::1', '10.1.2.3', '2001:db8::/32']);
  for (const inside of ['127.0.0.1', '127.255.0.9', '::1', '10.1.2.3', '2001:db8:1::9'])
    assert.ok(holds(inside), inside);
  for (const outside of ['10.1.2.4', '::2', '2001:db9::', '128.0.0.1']) assert.not(holds(outside), outside);
});

ranges('IPv4 as a socket for both families names it', () => {
  const holds = addressRanges(['10.0.0.0/8']);
  assert.ok(holds('::ffff:10.9.8.7'));
  assert.not(holds('::ffff:11.9.8.7'));
});

ranges('none holds nothing, nor does what is no address', () => {
  assert.not(addressRanges([])('127.0.0.1'));
  const any = addressRanges(['0.0.0.0/0', '::/0']);
  assert.ok(any('8.8.8.8'));
  for (const none of [undefined, '', 'localhost', '127.0.0.1:80']) assert.not(any(none), String(none));
});

ranges.run();
