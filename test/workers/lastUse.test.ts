import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { Failure } from '../../commands/failure.ts';
import type { Vault } from '../../commands/ports/vault.ts';
import { type VaultTable, vaultTable } from '../../commands/sealing/vaultTable.ts';
import { createLastUse, type UseRow } from '../../workers/lastUse.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';

const lastUse = suite('last use');

const arrange = (wrap: (table: VaultTable<UseRow>) => VaultTable<UseRow> = (table) => table) => {
  const time = createManualTime();
  const vault: Vault = createMemoryVault(time);
  const plain = vaultTable<UseRow>(vault, 'last-use');
  let writes = 0;
  const counted: VaultTable<UseRow> = {
    ...plain,
    put: (...all) => {
      writes += 1;
      return plain.put(...all);
    },
  };
  const shown: string[] = [];
  const troubles: unknown[] = [];
  const make = () =>
    createLastUse({
      table: wrap(counted),
      clock: time,
      scheduler: time,
      onWritten: async (uses) => {
        for (const { keyId, at, ip } of uses) shown.push(`${keyId} ${at} ${ip}`);
      },
      onTrouble: (error) => troubles.push(error),
    });
  const kept = async (keyId: string) => (await plain.get(keyId))?.value ?? null;
  return { time, make, kept, shown, troubles, plain, writes: () => writes };
};

const iso = (ms: number) => new Date(ms).toISOString();
const minute = 60_000;

const idOf = (number: number) => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const [k1, k2, u1] = [idOf(1), idOf(2), idOf(3)];

lastUse('is known at once and written within a minute', async () => {
  const { time, make, kept, shown, plain } = arrange();
  const uses = make();
  const stop = new AbortController();
  const running = uses.run(stop.signal);
  const at = time.now();
  uses.mark(k1, u1, at, '192.0.2.7');
  assert.equal(uses.of(k1), { at: iso(at), ip: '192.0.2.7' });
  assert.is(uses.of(k2), null);
  await time.advance(minute);
  assert.equal(await kept(k1), { at: iso(at), ip: '192.0.2.7' });
  const row = await plain.get(k1);
  assert.equal([row?.person, row?.ref], [u1, k1]);
  assert.equal(shown, [`${k1} ${iso(at)} 192.0.2.7`]);
  stop.abort();
  await running;
});

lastUse('is written at most once per key and quarter of an hour, however often a key is used', async () => {
  const { time, make, kept, writes } = arrange();
  const uses = make();
  const stop = new AbortController();
  const running = uses.run(stop.signal);
  let last = 0;
  for (let passed = 0; passed < 60; passed++) {
    for (let times = 0; times < 5; times++) {
      last = time.now();
      uses.mark(k1, u1, last, null);
    }
    await time.advance(minute);
  }
  assert.ok(writes() >= 4 && writes() <= 5, `${writes()} writes in an hour`);
  const before = writes();
  stop.abort();
  await running;
  // The last of it, so that a restart loses nothing.
  assert.is(writes(), before + 1);
  assert.equal(await kept(k1), { at: iso(last), ip: null });
});

lastUse('goes forward only, here and in what another process wrote', async () => {
  const { time, make, kept, writes } = arrange();
  const [here, there] = [make(), make()];
  const now = time.now();
  here.mark(k1, u1, now, 'a');
  here.mark(k1, u1, now - 1000, 'b');
  assert.equal(here.of(k1), { at: iso(now), ip: 'a' });
  there.mark(k1, u1, now - 500, 'c');
  await here.flush();
  await there.flush();
  assert.equal(await kept(k1), { at: iso(now), ip: 'a' });
  assert.is(writes(), 1);
});

lastUse('tries again what could not be written, and tells', async () => {
  let away = true;
  const { make, kept, troubles, time } = arrange((table) => ({
    ...table,
    get: (id) => (away ? Promise.reject(new Failure('store-unavailable', 'away')) : table.get(id)),
  }));
  const uses = make();
  uses.mark(k1, u1, time.now(), null);
  assert.is(await uses.flush(), 0);
  assert.is(troubles.length, 1);
  away = false;
  assert.is(await uses.flush(), 1);
  assert.ok(await kept(k1));
});

lastUse('asks a vault that is away once for all keys, and tells once', async () => {
  let asked = 0;
  const { make, troubles, time } = arrange((table) => ({
    ...table,
    get: () => {
      asked += 1;
      return Promise.reject(new Failure('store-unavailable', 'away'));
    },
  }));
  const uses = make();
  for (let n = 0; n < 100; n++) uses.mark(idOf(n), u1, time.now(), null);
  assert.is(await uses.flush(true), 0);
  assert.is(troubles.length, 1);
  assert.ok(asked <= 16, `asked ${asked} times`);
});

lastUse('writes very many at a pace, until it is told to stop', async () => {
  const { make, writes, time } = arrange();
  const uses = make();
  for (let n = 0; n < 1_000; n++) uses.mark(idOf(n), u1, time.now(), null);
  const stop = new AbortController();
  const flushing = uses.flush(false, stop.signal);
  await time.advance(100);
  const meanwhile = writes();
  assert.ok(meanwhile > 0 && meanwhile <= 250, `${meanwhile} in a tenth of a second`);
  stop.abort();
  assert.ok((await flushing) < 1_000);
  await uses.flush(true);
  assert.is(writes(), 1_000);
});

lastUse('keeps nothing of somebody who was erased, and does not go on trying', async () => {
  let puts = 0;
  const { make, time } = arrange((table) => ({
    ...table,
    put: async () => {
      puts += 1;
      return { put: false, current: null };
    },
  }));
  const uses = make();
  uses.mark(k1, u1, time.now(), null);
  await uses.flush();
  await uses.flush();
  assert.is(puts, 1);
});

lastUse('forgets what was written long ago', async () => {
  const { make, time } = arrange();
  const uses = make();
  uses.mark(k1, u1, time.now(), null);
  await uses.flush();
  assert.ok(uses.of(k1));
  await time.advance(15 * minute);
  await uses.flush();
  assert.is(uses.of(k1), null);
});

lastUse.run();
