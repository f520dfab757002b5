import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { readReceipts } from '../../api/receipts.ts';
import { type Receipt, receiptsStream } from '../../domain/receipts.ts';
import { suite } from '../support/suite.ts';

const metadata = {
  at: '2027-01-01T00:00:00.000Z',
  correlationId: 'c',
  causationId: null,
  actor: { kind: 'worker', id: null },
  requestId: null,
  policyRevision: null,
  version: 1,
} as const;

/** A log in which revocations and receipts take turns; positions of the revocations in order. */
const logOf = async (batches: readonly (readonly Omit<Receipt, 'position'>[])[]) => {
  const store = createMemoryEventStore();
  const positions: string[] = [];
  const append = async (stream: string, revision: number, data: object, type: string) => {
    const event = { id: randomUUID(), type, data: data as never, metadata };
    const result = await store.append(stream, revision === 0 ? 'no-stream' : revision - 1, [event]);
    if (!result.appended) throw new Error('out of step');
    return result.position;
  };
  for (const [n, batch] of batches.entries()) {
    positions.push(await append('keyring-x', n, {}, 'ApiKeyRevoked'));
    const items = batch.map((receipt) => ({ ...receipt, position: positions[n]! }));
    await append(receiptsStream, n, { epoch: 'e1', items }, 'RevocationsAcknowledged');
  }
  return { store, positions };
};

const s = suite('reading receipts');

s('none where nobody has confirmed anything', async () => {
  assert.equal(await readReceipts(createMemoryEventStore(), 'e1', '0', 5), []);
});

s('finds of each process the first that covers a position, wherever in the log that is', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.subarray(['a', 'b', 'c']), { minLength: 1, maxLength: 30 }),
      fc.nat(29),
      async (who, which) => {
        const batches = who.map((names, n) =>
          names.map((subscriber) => ({
            subscriber,
            instance: null,
            at: `2027-01-01T00:00:${String(n).padStart(2, '0')}.000Z`,
          })),
        );
        const { store, positions } = await logOf(batches);
        const from = which % who.length;
        const found = await readReceipts(store, 'e1', positions[from]!, 3);
        for (const subscriber of ['a', 'b', 'c']) {
          const first = who.findIndex((names, n) => n >= from && names.includes(subscriber));
          const expected = first < 0 ? undefined : batches[first]!.find((one) => one.subscriber === subscriber)!.at;
          assert.is(found.find((receipt) => receipt.subscriber === subscriber)?.at, expected);
        }
        assert.equal(await readReceipts(store, 'e2', positions[from]!, 3), []);
      },
    ),
    { numRuns: 60 },
  ),
);

s('looks through a long log by halving', async () => {
  const { store, positions } = await logOf(
    Array.from({ length: 3000 }, () => [{ subscriber: 'a', instance: null, at: metadata.at }]),
  );
  let reads = 0;
  const counted = {
    readStream: (...args: Parameters<typeof store.readStream>) => {
      reads += 1;
      return store.readStream(...args);
    },
  };
  const [found] = await readReceipts(counted, 'e1', positions[1234]!, 1);
  assert.is(found!.position, positions[1234]!);
  assert.ok(reads < 40, `${reads} reads`);
});

s.run();
