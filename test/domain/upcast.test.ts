import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { UnreadableEvent, upcast, upcastErrors } from '../../domain/upcast.ts';
import { suite } from '../support/suite.ts';

// A made-up type in its third version: first a field was added, then one was split in two.
const table = {
  ParcelSent: {
    version: 3,
    upcast: [
      (data: object) => ({ ...data, insured: false }),
      ({ to, ...data }: { readonly to?: string | null }) => ({
        ...data,
        street: to?.split(', ')[0] ?? null,
        town: to?.split(', ')[1] ?? null,
      }),
    ],
  },
  ParcelLost: { version: 1 },
} as const;

const test = suite('upcast');

test('applies every step from the stored version on, in order', () => {
  const newest = { id: 'p1', insured: false, street: 'Main Street 1', town: 'Smallville' };
  assert.equal(upcast(table, 'ParcelSent', 1, { id: 'p1', to: 'Main Street 1, Smallville' }), newest);
  assert.equal(upcast(table, 'ParcelSent', 2, { id: 'p1', to: 'Main Street 1, Smallville', insured: true }), {
    ...newest,
    insured: true,
  });
});

test('leaves the newest version as it is', () => {
  const data = { id: 'p1', insured: true, street: null, town: null };
  assert.is(upcast(table, 'ParcelSent', 3, data), data);
  assert.is(upcast(table, 'ParcelLost', 1, data), data);
});

test('takes a personal field that is gone', () => {
  assert.equal(upcast(table, 'ParcelSent', 2, { id: 'p1', insured: true, to: null }), {
    id: 'p1',
    insured: true,
    street: null,
    town: null,
  });
});

const unreadable = (type: string, version: number) => (error: unknown) =>
  error instanceof UnreadableEvent && error.type === type && error.version === version;

test('refuses an unknown type, one that every object inherits too', () => {
  for (const type of ['ParcelFound', 'constructor', '__proto__'])
    assert.throws(() => upcast(table, type, 1, {}), unreadable(type, 1));
});

test('refuses every version that is not known', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 4 }), fc.integer({ max: 0 }), fc.constant(1.5), fc.constant(Number.NaN)),
      (version) => {
        assert.throws(
          () => upcast(table, 'ParcelSent', version, {}),
          (error: unknown) => error instanceof UnreadableEvent,
        );
      },
    ),
  );
});

test('says which declarations lack a step or have one too many', () => {
  assert.equal(upcastErrors(table), []);
  const step = (data: object) => ({ ...data });
  assert.equal(
    upcastErrors({ A: { version: 2 }, B: { version: 1, upcast: [step] }, C: { version: 2, upcast: [step] } }),
    ['A: 0 steps to version 2', 'B: 1 steps to version 1'],
  );
});

test.run();
