import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { derivedFrom, uuid7 } from '../../../commands/handling/eventIds.ts';
import { instant, millis } from '../../../domain/instant.ts';
import { suite } from '../../support/suite.ts';

const ids = suite('derived ids and secrets');
const crypto = nodeCryptography();
const seed = new Uint8Array(32).fill(5);
const at = '2022-02-22T19:22:22.000Z';
const derived = derivedFrom(crypto, 'command-1', at, seed);

ids('a UUID of version 7 as in RFC 9562, appendix A.6', () => {
  const random = Buffer.from('0cc318c4dc0c0c07398f', 'hex');
  assert.is(uuid7(at, random), '017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

ids('any time and bits make a well-formed one that sorts by its time', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 253402300799999 }),
      fc.integer({ min: 0, max: 253402300799999 }),
      fc.uint8Array({ minLength: 10, maxLength: 32 }),
      (a, b, bits) => {
        const id = uuid7(instant(a), bits);
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.is(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), millis(instant(a)));
        if (a < b) assert.ok(id < uuid7(instant(b), bits));
      },
    ),
  ),
);

ids('every stream, place, label and command has its own', () => {
  const other = derivedFrom(crypto, 'command-2', at, seed);
  const all = [
    derived.eventId('user-1', 0),
    derived.eventId('user-1', 1),
    derived.eventId('user-11', 0),
    derived.eventId('user-2', 0),
    other.eventId('user-1', 0),
    derived.newId('user-1'),
    derived.newId('key'),
    other.newId('key'),
  ];
  assert.is(new Set(all).size, all.length);
});

ids('the same in every run; secrets follow from the seed alone', () => {
  const again = derivedFrom(crypto, 'command-1', at, Uint8Array.from(seed));
  assert.is(again.eventId('user-1', 0), derived.eventId('user-1', 0));
  assert.is(again.newId('key'), derived.newId('key'));
  assert.equal(again.secretBytes('key', 40), derived.secretBytes('key', 40));
  assert.is(derived.secretBytes('key', 40).length, 40);
  assert.not.equal(derived.secretBytes('key', 40), derived.secretBytes('other', 40));
  const unguessed = derivedFrom(crypto, 'command-1', at, new Uint8Array(32).fill(6));
  assert.not.equal(unguessed.secretBytes('key', 40), derived.secretBytes('key', 40));
  assert.is(unguessed.newId('key'), derived.newId('key'));
});

ids.run();
