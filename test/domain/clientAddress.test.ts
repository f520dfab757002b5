import { isIP } from 'node:net';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { clientPrefix } from '../../domain/clientAddress.ts';
import { suite } from '../support/suite.ts';

const test = suite('the part of an address that one client has to itself');

test('is all of an IPv4 address, in whatever dress', () => {
  for (const text of ['192.0.2.1', '::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1'])
    assert.is(clientPrefix(text), '192.0.2.1/32', text);
});

test('is the first half of an IPv6 address, however it is written', () => {
  for (const text of [
    '2001:db8:0:1::1',
    '2001:0DB8:0000:0001:ffff:ffff:ffff:ffff',
    '2001:db8:0:1::',
    '2001:db8:0:1:0:0:192.0.2.1',
  ])
    assert.is(clientPrefix(text), '2001:db8:0:1::/64', text);
  assert.is(clientPrefix('::1'), '0:0:0:0::/64');
  assert.is(clientPrefix('::'), '0:0:0:0::/64');
  assert.is(clientPrefix('fe80::1%eth0'), 'fe80:0:0:0::/64');
});

test('is nothing where there is no address', () => {
  const wrong = [
    '',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.01',
    '192.0.2.1.1',
    '1::2::3',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '192.0.2.1::',
    '::192.0.2.1:1',
    '1:',
  ];
  for (const text of wrong) assert.is(clientPrefix(text), null, text);
});

test('there is one exactly where Node sees an address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,24}$/)), (text) => {
      assert.is(clientPrefix(text) !== null, isIP(text) !== 0, text);
    }),
  );
});

test('two addresses share it exactly where their first 64 bits are equal', () => {
  // Not beginning with 0: an IPv4 address in IPv6 dress is told apart by its last bits.
  const anyAddress = fc
    .tuple(fc.integer({ min: 1, max: 0xffff }), fc.array(fc.nat(0xffff), { minLength: 7, maxLength: 7 }))
    .map(([first, others]) => [first, ...others]);
  fc.assert(
    fc.property(anyAddress, anyAddress, fc.boolean(), (a, b, alike) => {
      const other = alike ? [...a.slice(0, 4), ...b.slice(4)] : b;
      const text = (groups: number[]) => groups.map((g) => g.toString(16)).join(':');
      const equal = a.slice(0, 4).every((g, i) => g === other[i]);
      assert.is(clientPrefix(text(a)) === clientPrefix(text(other)), equal);
    }),
  );
});

test.run();
