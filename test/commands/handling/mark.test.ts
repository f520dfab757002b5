import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { highWaterMark, readMark, resetMark } from '../../../commands/handling/mark.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { createGate } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const marks = suite('high-water mark');
const mark = (n: number) => ({ position: String(n).padStart(4, '0'), eventId: `event ${n}` });
const bed = (wrap: (vault: Vault) => Vault = (vault) => vault) => {
  const clock = createManualClock();
  const vault = createMemoryVault(clock);
  let writes = 0;
  const counted = vaultWithFaults(wrap(vault), ({ name }) => {
    if (name === 'put') writes += 1;
    return undefined;
  });
  const reports: unknown[] = [];
  const make = () => highWaterMark({ vault: counted, clock, report: (error) => reports.push(error) });
  return { clock, vault, make, reports, writes: () => writes };
};

marks('is in the vault when raising it resolves, and never goes down', async () => {
  const { vault, make, writes } = bed();
  assert.is(await readMark(vault), null);
  const { raise } = make();
  await raise(mark(2));
  assert.equal(await readMark(vault), mark(2));
  await raise(mark(1));
  await raise(mark(2));
  assert.equal(await readMark(vault), mark(2));
  assert.is(writes(), 1);
});

marks('two processes raise it over each other', async () => {
  const { vault, make } = bed();
  const [here, there] = [make(), make()];
  await Promise.all([here.raise(mark(1)), there.raise(mark(5)), here.raise(mark(3)), there.raise(mark(2))]);
  assert.equal(await readMark(vault), mark(5));
  await here.raise(mark(4));
  assert.equal(await readMark(vault), mark(5));
  await here.raise(mark(6));
  await there.raise(mark(7));
  assert.equal(await readMark(vault), mark(7));
});

marks('many at once share writes', async () => {
  const { vault, make, writes } = bed();
  const { raise } = make();
  await Promise.all(Array.from({ length: 64 }, (_, n) => raise(mark(n))));
  assert.equal(await readMark(vault), mark(63));
  assert.ok(writes() <= 2, `${writes()} writes`);
});

marks('notes are written at most once a second, the newest, and by flush', async () => {
  const { vault, make, clock, writes } = bed();
  const { note, flush } = make();
  note(mark(1));
  await flush();
  assert.is(writes(), 1);
  note(mark(2));
  note(mark(3));
  clock.advance(999);
  note(mark(4));
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(writes(), 1);
  clock.advance(1);
  note(mark(5));
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(writes(), 2);
  await flush();
  assert.equal(await readMark(vault), mark(5));
  assert.is(writes(), 2);
  note(mark(6));
  await flush();
  assert.equal(await readMark(vault), mark(6));
});

marks('flush without anything noted writes nothing', async () => {
  const { make, writes } = bed();
  await make().flush();
  assert.is(writes(), 0);
});

marks('a failed write is told to who waits for it, reported where nobody does, and made up for', async () => {
  let broken = true;
  const { vault, make, reports, clock } = bed((vault) =>
    vaultWithFaults(vault, ({ name }) => (broken && name === 'put' ? 'fail' : undefined)),
  );
  const { note, raise, flush } = make();
  assert.match(await raise(mark(1)).then(() => 'raised', String), 'failed as planned');
  clock.advance(1_000);
  note(mark(2));
  await flush().catch(() => {});
  assert.is(reports.length, 1);
  broken = false;
  await flush();
  assert.equal(await readMark(vault), mark(2));
});

marks('a write whose answer was lost does no harm', async () => {
  const { vault, make } = bed((vault) =>
    vaultWithFaults(vault, ({ name, nth }) => (name === 'put' && nth === 1 ? 'lost' : undefined)),
  );
  const { raise } = make();
  await raise(mark(1)).catch(() => {});
  await raise(mark(2));
  assert.equal(await readMark(vault), mark(2));
});

marks('who comes during a write waits for one of their own', async () => {
  const gate = createGate();
  const { vault, make } = bed((vault) =>
    vaultWithFaults(vault, ({ name, nth }) => (name === 'put' && nth === 1 ? { before: gate.pass } : undefined)),
  );
  const { raise } = make();
  const first = raise(mark(1));
  await gate.reached;
  const second = raise(mark(2));
  gate.open();
  await first;
  await second;
  assert.equal(await readMark(vault), mark(2));
});

marks('is set down only by who accepts a restored log', async () => {
  const { vault, make } = bed();
  await make().raise(mark(9));
  await resetMark(vault, mark(3));
  assert.equal(await readMark(vault), mark(3));
});

marks.run();
