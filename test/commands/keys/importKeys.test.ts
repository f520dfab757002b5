import * as assert from 'uvu/assert';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { type ImportItem, importKeysCommand } from '../../../commands/keys/importKeys.ts';
import { isRejection } from '../../../domain/decider.ts';
import { keyringFold, keyringStream } from '../../../domain/keyring.ts';
import { createAccounts } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { dying, type When } from '../../support/dying.ts';
import { suite } from '../../support/suite.ts';

const imports = suite('commands/importKeys, and processes that die');

const bedWithOwners = async () => {
  const bed = createBed();
  const accounts = createAccounts(bed);
  const owners = [
    await accounts.register({ email: 'ada@example.com' }),
    await accounts.register({ email: 'grace@example.com' }),
  ] as const;
  await accounts.execute(settingsCommands.changeKeyPolicy, { change: { preset: 'idmp' } }, bed.request());
  return { bed, owners };
};

/** More than one append for the first owner, and one key that is refused. */
const itemsFor = ([ada, grace]: readonly [string, string]): readonly ImportItem[] =>
  Array.from({ length: 130 }, (_, n) => {
    if (n === 7) return { refused: 'not-found' };
    const name = n === 120 ? null : `key ${n}`;
    return { ownerId: n % 40 === 0 ? grace : ada, sha256: n.toString(16).padStart(64, '0'), mask: 'm', name };
  });

const keysOf = async (bed: ReturnType<typeof createBed>, owners: readonly string[]) => {
  const { folds } = bed.process();
  const names = await Promise.all(
    owners.map((owner) =>
      folds.read(keyringFold, keyringStream(owner), ({ state }) => [...state.keys.values()].map(({ name }) => name)),
    ),
  );
  return names.flat().sort();
};

for (const when of ['before', 'after'] as const satisfies readonly When[])
  imports(`dead ${when} any write: what was begun is finished, each key once, the repeat answered`, async () => {
    let deaths = 0;
    for (let nth = 1; ; nth += 1) {
      const { bed, owners } = await bedWithOwners();
      const input = { items: itemsFor(owners) };
      const request = bed.request({ key: 'k' });
      const mortal = dying(bed.store, bed.vault, nth, when);
      await bed
        .process(mortal)
        .handler.execute(importKeysCommand, input, request)
        .catch(() => null);
      const { handler } = bed.process();
      // A worker finishes it for whoever never asks again; where nothing was begun yet there is nothing to finish.
      await handler.finishIntents({ ImportKeys: importKeysCommand }, 0);
      const finished = await keysOf(bed, owners);
      const outcome = await handler.execute(importKeysCommand, input, request);
      if (isRejection(outcome)) throw new Error(outcome.rejected);
      const { results } = outcome.result;
      assert.equal(
        results.flatMap(({ status, code }, n) => (status === 'refused' ? [[n, code]] : [])),
        [
          [7, 'not-found'],
          [120, 'name-required'],
        ],
      );
      const keys = await keysOf(bed, owners);
      assert.is(keys.length, 128);
      assert.is(new Set(keys).size, 128);
      if (finished.length > 0) assert.equal(finished, keys, 'all or nothing of it');
      if (!mortal.fate.died) break;
      deaths += 1;
    }
    assert.ok(deaths >= 4, `${deaths} deaths`);
  });

imports.run();
