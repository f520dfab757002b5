import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { vaultTable } from '../../commands/sealing/vaultTable.ts';
import { type Acknowledgement, acknowledgementKind } from '../../commands/services/receipts.ts';
import type { Receipt } from '../../domain/receipts.ts';
import { receiptRecorder } from '../../workers/receiptRecorder.ts';
import { quiet } from '../support/listsBed.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';

const arrange = () => {
  const time = createManualTime();
  const acknowledgements = vaultTable<Acknowledgement>(createMemoryVault(time), acknowledgementKind);
  const recorded: { epoch: string; items: readonly Receipt[] }[] = [];
  let epoch: string | null = 'e1';
  let failing = false;
  let head = '99';
  const worker = receiptRecorder({
    clock: time,
    scheduler: time,
    log: quiet,
    acknowledgements,
    // Messages stand at every position that ends with 5, so far as was read.
    feed: () => ({
      epoch: () => epoch,
      firstAfter: (position) => Math.floor((Number(position) + 5) / 10),
      positionOf: (number) => String(number * 10 + 5).padStart(2, '0'),
    }),
    position: () => head,
    record: async (of, items) => {
      if (failing) throw new Error('the store is away');
      recorded.push({ epoch: of, items });
    },
  });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  const at = '2027-01-01T00:00:00.000Z';
  return {
    time,
    recorded,
    setEpoch: (next: string | null) => {
      epoch = next;
    },
    readTo: (position: string) => {
      head = position;
    },
    fail: (now: boolean) => {
      failing = now;
    },
    confirm: async (name: string, position: string, recent?: Acknowledgement['recent'], of = 'e1') =>
      acknowledgements.put(name, { name, instance: null, epoch: of, position, at, ...(recent && { recent }) }, 'any', {
        ref: name,
      }),
    receipt: (subscriber: string, position: string): Receipt => ({ subscriber, instance: null, position, at }),
    at,
    end: async () => {
      stop.abort();
      await time.settle();
      await running;
    },
  };
};

const s = suite('the recorder of receipts');

s('puts down what hundreds of processes confirmed at once as several events, in the order of their times', async () => {
  const { time, recorded, confirm, end } = arrange();
  const at = (n: number) => new Date(Date.UTC(2027, 0, 1) + n).toISOString();
  for (let n = 0; n < 1_201; n += 1) await confirm(`service ${n}`, '15', [{ position: '15', at: at((n * 7) % 1_201) }]);
  await time.advance(2_000);
  await time.settle();
  await end();
  assert.equal(
    recorded.map(({ items }) => items.length),
    [500, 500, 201],
  );
  const times = recorded.flatMap(({ items }) => items.map((item) => item.at));
  assert.equal(times, [...times].sort());
});

s('puts down every confirmation, also those between two looks, and is quiet where there is none', async () => {
  const { time, recorded, confirm, receipt, at, end } = arrange();
  await time.settle();
  assert.equal(recorded, []);
  await confirm('billing', '15', [
    { position: '05', at },
    { position: '15', at },
  ]);
  await confirm('reports', '15');
  await time.advance(2_000);
  const items = [receipt('billing', '05'), receipt('billing', '15'), receipt('reports', '15')];
  assert.equal(recorded, [{ epoch: 'e1', items }]);
  await time.advance(10_000);
  assert.is(recorded.length, 1);
  await confirm('reports', '25');
  await time.advance(2_000);
  assert.equal(recorded[1], { epoch: 'e1', items: [receipt('reports', '25')] });
  await end();
});

s('puts down the message that a position covers, not how far the log has gone since', async () => {
  const { time, recorded, confirm, receipt, end } = arrange();
  await confirm('billing', '04');
  await time.advance(2_000);
  assert.equal(recorded, [], 'there was no message yet');
  await confirm('billing', '19');
  await time.advance(2_000);
  assert.equal(recorded[0]!.items, [receipt('billing', '15')]);
  await end();
});

s('waits with what goes beyond what was read here', async () => {
  const { time, recorded, confirm, receipt, readTo, end } = arrange();
  readTo('20');
  await confirm('billing', '25');
  await time.advance(6_000);
  assert.equal(recorded, []);
  readTo('25');
  await time.advance(2_000);
  assert.equal(recorded[0]!.items, [receipt('billing', '25')]);
  await end();
});

s('leaves out what is of another epoch, and begins anew with the epoch', async () => {
  const { time, recorded, confirm, setEpoch, receipt, end } = arrange();
  setEpoch(null);
  await confirm('billing', '05');
  await time.advance(4_000);
  assert.equal(recorded, []);
  setEpoch('e2');
  await time.advance(2_000);
  assert.equal(recorded, []);
  await confirm('billing', '05', undefined, 'e2');
  await time.advance(2_000);
  assert.equal(recorded, [{ epoch: 'e2', items: [receipt('billing', '05')] }]);
  await end();
});

s('tries again what could not be put down', async () => {
  const { time, recorded, confirm, fail, end } = arrange();
  fail(true);
  await confirm('billing', '05');
  await time.advance(4_000);
  assert.equal(recorded, []);
  fail(false);
  await time.advance(60_000);
  assert.is(recorded.length, 1);
  await end();
});

s.run();
