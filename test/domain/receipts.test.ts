import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Receipt, receipts, receiptsStream } from '../../domain/receipts.ts';
import { givenOf, recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(receipts, receiptsStream);
const second = (n: number) => `2027-01-01T00:00:${String(n).padStart(2, '0')}.000Z`;
const receipt = (position: string, at = 1, subscriber = 'billing', instance: string | null = null): Receipt => ({
  subscriber,
  instance,
  position,
  at: second(at),
});
const record = (items: readonly Receipt[], epoch = 'e1') => ({ type: 'RecordReceipts', epoch, items }) as const;
const acknowledged = (items: readonly Receipt[], epoch = 'e1') =>
  ({ type: 'RevocationsAcknowledged', data: { epoch, items } }) as const;

const s = suite('receipts');

s('what nobody confirmed before is put down, in the order of its time', () => {
  given()
    .when(record([receipt('05', 3), receipt('04', 1), receipt('05', 2, 'reports')]))
    .then(acknowledged([receipt('04', 1), receipt('05', 2, 'reports'), receipt('05', 3)]));
});

s('what was put down is not put down again, nor what is behind it', () => {
  given(acknowledged([receipt('05')]))
    .when(record([receipt('05', 2), receipt('04', 3)]))
    .then();
  given(acknowledged([receipt('05')]))
    .when(record([receipt('05', 2), receipt('06', 3), receipt('06', 4)]))
    .then(acknowledged([receipt('06', 3)]));
});

s('processes of one service are told apart, and the one that gives itself no name', () => {
  given(acknowledged([receipt('05'), receipt('05', 1, 'billing', 'a')]))
    .when(record([receipt('05', 2, 'billing', 'a'), receipt('05', 2, 'billing', 'b')]))
    .then(acknowledged([receipt('05', 2, 'billing', 'b')]));
});

s('another epoch begins anew', () => {
  given(acknowledged([receipt('05')]))
    .when(record([receipt('04', 2)], 'e2'))
    .then(acknowledged([receipt('04', 2)], 'e2'));
});

s('remembers the thousand that were heard of last', () => {
  const of = (n: number) => receipt('05', 1, 'billing', `${n}`);
  const state = [
    acknowledged(Array.from({ length: 1000 }, (_, n) => of(n))),
    acknowledged([receipt('06', 2, 'billing', '0')]),
    acknowledged([of(1000)]),
  ].reduce(
    (folded, event, revision) => receipts.evolve(folded, recorded(event, revision, receiptsStream)),
    receipts.initialState(),
  );
  assert.is(Object.keys(state.confirmed).length, 1000);
  assert.is(state.confirmed[JSON.stringify(['billing', '0'])], '06');
  assert.is(state.confirmed[JSON.stringify(['billing', '1'])], undefined);
});

const anyReceipt = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 59 }), fc.constantFrom('x', 'y'))
  .map(([position, at, name]) => receipt(String(position).padStart(2, '0'), at, name));

s('of each process every position stands in the log once, rising, however the batches overlap', () =>
  fc.assert(
    fc.property(fc.array(fc.array(anyReceipt, { maxLength: 8 }), { maxLength: 8 }), (batches) => {
      let state = receipts.initialState();
      let revision = 0;
      const seen = new Map<string, string>();
      for (const items of batches) {
        const decided = receipts.decide(record(items), state);
        assert.ok(Array.isArray(decided));
        for (const event of decided as readonly ReturnType<typeof acknowledged>[]) {
          for (const { subscriber, position } of event.data.items) {
            assert.ok(position > (seen.get(subscriber) ?? ''));
            seen.set(subscriber, position);
          }
          state = receipts.evolve(state, recorded(event, revision++, receiptsStream));
        }
        for (const { subscriber, position } of items) assert.ok((seen.get(subscriber) ?? '') >= position);
        assert.equal(receipts.decide(record(items), state), []);
      }
    }),
  ),
);

s.run();
