import * as assert from 'uvu/assert';
import { maxAppendBytes } from '../../../adapters/eventstoredb/appends.ts';
import { toWire, wireSize } from '../../../adapters/eventstoredb/events.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { encodeAppend } from '../../../adapters/node/storedEvents.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import { importClaims } from '../../../commands/keys/importClaims.ts';
import { type ImportItem, importKeysCommand } from '../../../commands/keys/importKeys.ts';
import { keySecrets } from '../../../commands/keys/keySecrets.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
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
        .handler.execute(importKeysCommand(importClaims(mortal.vault)), input, request)
        .catch(() => null);
      const { handler } = bed.process();
      const importKeys = importKeysCommand(importClaims(bed.vault));
      // A worker finishes it for whoever never asks again; where nothing was begun yet there is nothing to finish.
      await handler.finishIntents({ ImportKeys: importKeys }, 0);
      const finished = await keysOf(bed, owners);
      const outcome = await handler.execute(importKeys, input, request);
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

const hash = (n: number) => n.toString(16).padStart(64, '0');

imports(
  'one text at the same moment, for two owners by two processes: one key, and conflict for the other',
  async () => {
    for (let round = 0; round < 6; round += 1) {
      const { bed, owners } = await bedWithOwners();
      const outcomes = await Promise.all(
        Array.from({ length: 6 }, (_, n) => {
          const items = [0, 1, 2].map((m) => ({
            ownerId: owners[(n + m) % 2]!,
            sha256: hash(m),
            mask: 'm',
            name: `${n} ${m}`,
          }));
          return bed.process().handler.execute(importKeysCommand(importClaims(bed.vault)), { items }, bed.request());
        }),
      );
      const results = outcomes.map((outcome) => {
        if (isRejection(outcome)) throw new Error(outcome.rejected);
        return outcome.result.results;
      });
      for (const m of [0, 1, 2]) {
        const said = results.map((of) => of[m]!.code ?? of[m]!.status).sort();
        assert.equal(said, [...Array(5).fill('conflict'), 'imported']);
      }
      assert.is((await keysOf(bed, owners)).length, 3);
    }
  },
);

imports('a text that was refused as one key may become another', async () => {
  const { bed, owners } = await bedWithOwners();
  const importKeys = importKeysCommand(importClaims(bed.vault));
  const run = async (name: string | null) => {
    const items = [{ ownerId: owners[name === null ? 0 : 1], sha256: hash(1), mask: 'm', name }];
    const outcome = await bed.process().handler.execute(importKeys, { items }, bed.request());
    return isRejection(outcome) ? outcome.rejected : (outcome.result.results[0]!.code ?? 'imported');
  };
  assert.equal([await run(null), await run('a'), await run('b')], ['name-required', 'imported', 'conflict']);
});

imports('appends of keys with as many scopes as there can be fit into EventStoreDB', async () => {
  const { bed, owners } = await bedWithOwners();
  const application = 'a'.repeat(64);
  const items = Array.from({ length: 9 }, (_, n) => ({
    application: `${application.slice(0, 63)}${n}`,
    actions: Array.from({ length: 200 }, (__, m) => `${m}`.padEnd(64, 'x')),
  }));
  const { handler } = bed.process();
  const policy = { change: { preset: 'helmut' } } as const;
  for (const outcome of [
    await handler.execute(settingsCommands.changeScopeCatalog, { items }, bed.request()),
    await handler.execute(settingsCommands.changeKeyPolicy, policy, bed.request()),
  ])
    assert.not(isRejection(outcome), JSON.stringify(outcome));
  const scopes = items.map(({ application: of, actions }) => `${of}:${actions.at(-1)}`);
  const agent = 'é'.repeat(512);
  const request = { ...bed.request(), userAgent: agent, ip: '2001:db8:1111:2222:3333:4444:5555:6666' };
  const input = {
    items: Array.from({ length: 40 }, (_, n) => ({
      ownerId: owners[0],
      sha256: hash(n),
      mask: '𝒎'.repeat(64),
      name: `${n} ${'𝒏'.repeat(190)}`,
      scopes: n % 3 === 0 ? scopes : scopes.slice(0, 1 + (n % 5)),
    })),
  };
  const sizes: number[] = [];
  const append: EventStore['append'] = (stream, expected, events) => {
    sizes.push(wireSize(encodeAppend(stream, expected, events).map(toWire)));
    return bed.store.append(stream, expected, events);
  };
  const own = bed.process({ store: { ...bed.store, append } });
  const outcome = await own.handler.execute(importKeysCommand(importClaims(bed.vault)), input, request);
  assert.not(isRejection(outcome));
  assert.is((await keysOf(bed, owners)).length, 40);
  assert.ok(sizes.length > 5 && sizes.length < 40);
  assert.ok(Math.max(...sizes) < maxAppendBytes, `${Math.max(...sizes)}`);
});

imports(
  'one key that takes the place of a thousand is one append that fits, whatever the browser calls itself',
  async () => {
    const { bed, owners } = await bedWithOwners();
    const importKeys = importKeysCommand(importClaims(bed.vault));
    const items = Array.from({ length: 1000 }, (_, n) => ({
      ownerId: owners[0],
      sha256: hash(n),
      mask: 'm',
      name: `${n}`,
    }));
    const { handler, boxes } = bed.process();
    assert.not(isRejection(await handler.execute(importKeys, { items }, bed.request())));
    const aip = { change: { preset: 'aip' } } as const;
    assert.not(isRejection(await handler.execute(settingsCommands.changeKeyPolicy, aip, bed.request())));
    const sizes: number[] = [];
    const append: EventStore['append'] = (stream, expected, events) => {
      sizes.push(wireSize(encodeAppend(stream, expected, events).map(toWire)));
      return bed.store.append(stream, expected, events);
    };
    const own = bed.process({ store: { ...bed.store, append } });
    const crypto = nodeCryptography();
    const secrets = keySecrets(bed.vault, boxes);
    const { createApiKey } = apiKeyCommands({ crypto, secrets, claims: importClaims(bed.vault) });
    const request = {
      ...bed.request({ actor: { kind: 'user', id: owners[0] } }),
      userAgent: 'é'.repeat(512),
      ip: '2001:db8:1111:2222:3333:4444:5555:6666',
    };
    assert.not(isRejection(await own.handler.execute(createApiKey, { ownerId: owners[0] }, request)));
    assert.is(sizes.length, 1);
    assert.ok(sizes[0]! > 500_000 && sizes[0]! < maxAppendBytes, `${sizes[0]}`);
  },
);

imports.run();
