import * as assert from 'uvu/assert';
import { Failure, failedWith } from '../../../commands/failure.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { endKeysCommands } from '../../../commands/keys/endKeys.ts';
import { importClaims } from '../../../commands/keys/importClaims.ts';
import { importKeysCommand } from '../../../commands/keys/importKeys.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { auditStream } from '../../../domain/audit.ts';
import { isRejection } from '../../../domain/decider.ts';
import { keyringFold, keyringStream } from '../../../domain/keyring.ts';
import { createAccounts } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { dying, type When } from '../../support/dying.ts';
import { createGate } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';

const leaks = suite('commands/endKeys: a report of leaks, and processes that die');

const { reportLeak } = endKeysCommands({ lastUseOf: async () => null });

/** More keys of one owner than one append takes, and some of another. */
const bedWithKeys = async () => {
  const bed = createBed();
  const accounts = createAccounts(bed);
  const owners = [
    await accounts.register({ email: 'ada@example.com' }),
    await accounts.register({ email: 'grace@example.com' }),
  ] as const;
  await accounts.execute(settingsCommands.changeKeyPolicy, { change: { preset: 'idmp' } }, bed.request());
  const items = Array.from({ length: 130 }, (_, n) => ({
    ownerId: owners[n % 40 === 0 ? 1 : 0],
    sha256: n.toString(16).padStart(64, '0'),
    mask: `m${n}`,
    name: `key ${n}`,
  }));
  const imported = await accounts.execute(importKeysCommand(importClaims(bed.vault)), { items }, bed.request());
  if (isRejection(imported)) throw new Error(imported.rejected);
  const found = imported.result.results.map(({ id }, n) => ({ ownerId: items[n]!.ownerId, keyId: id! }));
  return { bed, owners, found: [...found, null, found[3]!] };
};

const revokedOf = async (bed: ReturnType<typeof createBed>, owners: readonly string[]) => {
  const { folds } = bed.process();
  const counts = await Promise.all(
    owners.map((owner) =>
      folds.read(
        keyringFold,
        keyringStream(owner),
        ({ state }) => [...state.keys.values()].filter(({ revokedReason }) => revokedReason === 'leak').length,
      ),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
};

for (const when of ['before', 'after'] as const satisfies readonly When[])
  leaks(
    `dead ${when} any write: every key ends once, the report is put down once, the repeat is answered`,
    async () => {
      let deaths = 0;
      for (let nth = 1; ; nth += 1) {
        const { bed, owners, found } = await bedWithKeys();
        const input = { found, source: 'a public repository' };
        const request = bed.request({ key: 'k' });
        const mortal = dying(bed.store, bed.vault, nth, when);
        await bed
          .process(mortal)
          .handler.execute(reportLeak, input, request)
          .catch(() => null);
        const { handler } = bed.process();
        await handler.finishIntents({ ReportLeak: reportLeak }, 0);
        const finished = await revokedOf(bed, owners);
        assert.ok(finished === 0 || finished === 130, `${finished} ended`);
        const outcome = await handler.execute(reportLeak, input, request);
        if (isRejection(outcome)) throw new Error(outcome.rejected);
        assert.equal(
          outcome.result.results.map(({ status }) => status),
          found.map((key) => (key === null ? 'unknown' : 'revoked')),
        );
        assert.is(await revokedOf(bed, owners), 130);
        const { events } = await bed.store.readStream(auditStream, 0, 10);
        assert.equal(
          events.map(({ type }) => type),
          ['LeakReported'],
        );
        if (!mortal.fate.died) break;
        deaths += 1;
      }
      assert.ok(deaths >= 5, `${deaths} deaths`);
    },
  );

leaks(
  'given up for one owner, it is answered when nothing of the other is under way, and a repeat is answered whole',
  async () => {
    const { bed, owners, found } = await bedWithKeys();
    const input = { found, source: 'a public repository' };
    const request = bed.request({ key: 'k' });
    const gate = createGate();
    let away = true;
    const store: EventStore = {
      ...bed.store,
      readStream: async (stream, from, limit) => {
        if (away && stream === keyringStream(owners[0])) throw new Failure('store-unavailable', 'away');
        if (away && stream === keyringStream(owners[1])) await gate.pass();
        return bed.store.readStream(stream, from, limit);
      },
    };
    const { handler } = bed.process({ store });
    let over = false;
    const given = handler.execute(reportLeak, input, request).finally(() => {
      over = true;
    });
    given.catch(() => {});
    await gate.reached;
    // Longer than anybody tries again.
    for (let turn = 0; turn < 5_000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.not(over);
    gate.open();
    assert.ok(failedWith(await given.catch((error: unknown) => error), 'store-unavailable'));
    const written = async () => (await bed.store.readAll(null, 1_000)).events.length;
    const before = await written();
    for (let turn = 0; turn < 1_000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.is(await written(), before);
    away = false;
    const outcome = await handler.execute(reportLeak, input, request);
    if (isRejection(outcome)) throw new Error(outcome.rejected);
    assert.equal(
      outcome.result.results.map(({ status }) => status),
      found.map((key) => (key === null ? 'unknown' : 'revoked')),
    );
    assert.is(await revokedOf(bed, owners), 130);
  },
);

leaks.run();
