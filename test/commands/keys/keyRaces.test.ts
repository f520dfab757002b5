import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import type { Command, Outcome } from '../../../commands/command.ts';
import type { Core } from '../../../commands/core.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import { importClaims } from '../../../commands/keys/importClaims.ts';
import { keySecretKind, keySecrets } from '../../../commands/keys/keySecrets.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { activityStream } from '../../../domain/activity.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { type PresetName, policyStream } from '../../../domain/keyPolicy.ts';
import { keyringFold, keyringStream } from '../../../domain/keyring.ts';
import type { PolicyChange } from '../../../domain/presets.ts';
import { rolesStream } from '../../../domain/roles.ts';
import { secretShredder } from '../../../workers/secretShredder.ts';
import { createAccounts } from '../../support/accounts.ts';
import { type Bed, createBed, orderlyScheduler } from '../../support/commandBed.ts';
import { createGate, withFaults } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';
import { runUntil, workerParts } from '../../support/workerBed.ts';

// Each race is driven by gates: every process stands before the very write, or read, where it can go wrong.
const races = suite('commands on keys that race each other');

/** An owner under a preset, and processes over the same stores. */
const startRace = async (preset: PresetName) => {
  const bed = createBed();
  const accounts = createAccounts(bed);
  const ownerId = await accounts.register({ email: 'ada@example.com' });
  const over = (core: Pick<Core, 'boxes' | 'handler'>, vault = bed.vault) => {
    const commands = apiKeyCommands({
      crypto: nodeCryptography(),
      secrets: keySecrets(vault, core.boxes),
      claims: importClaims(vault),
    });
    const run = <I, R extends Json>(command: Command<I, R>, input: I) =>
      core.handler.execute(command, input, bed.request());
    return { commands, run };
  };
  const here = over(accounts);
  const policy = async (change: PolicyChange) => done(await here.run(settingsCommands.changeKeyPolicy, { change }));
  await policy({ preset });
  const keys = () =>
    bed
      .process()
      .folds.read(keyringFold, keyringStream(ownerId), ({ state }) =>
        [...state.keys.values()].map((key) => ({ ...key })),
      );
  return { bed, accounts, ownerId, over, here, policy, keys };
};

const done = <R extends Json>(outcome: Outcome<R>): R => {
  if (isRejection(outcome)) throw new Error(outcome.rejected);
  return outcome.result;
};
const code = (outcome: Outcome<Json>) => (isRejection(outcome) ? outcome.rejected : 'done');

/** A process whose first append to this stream waits at a gate. */
const heldAt = (bed: Bed, stream: string) => {
  const gate = createGate();
  let held = false;
  const store: EventStore = withFaults(bed.store, {
    append: (to) => {
      if (to !== stream || held) return undefined;
      held = true;
      return { before: gate.pass };
    },
  });
  return { gate, core: bed.process({ store }) };
};

const many = 16;

races('aip · keys per user: of 16 made at once, each before it knows of another, exactly one is left', async () => {
  const { bed, ownerId, over, keys } = await startRace('aip');
  const scheduler = orderlyScheduler(bed.clock);
  let arrived = 0;
  const all = Promise.withResolvers<void>();
  const made = Array.from({ length: many }, async () => {
    let first = true;
    const store = withFaults(bed.store, {
      append: () => {
        if (!first) return undefined;
        first = false;
        arrived += 1;
        if (arrived === many) all.resolve();
        return { before: () => all.promise };
      },
    });
    const { commands, run } = over(bed.process({ store, scheduler }));
    return done(await run(commands.createApiKey, { ownerId })).keyId;
  });
  const ids = new Set(await Promise.all(made));
  const ring = await keys();
  assert.equal(new Set(ring.map(({ keyId }) => keyId)), ids);
  const [left, ...others] = ring.filter(({ revokedAt }) => revokedAt === null);
  assert.is(others.length, 0);
  assert.is(ring.filter(({ revokedReason }) => revokedReason === 'replaced').length, many - 1);
  // A chain from the first to the one that is left, each in the place of the one before.
  const chain = [left!];
  for (let key = left!; key.replaces !== null; chain.push(key)) key = ring.find(({ keyId }) => keyId === key.replaces)!;
  assert.is(chain.length, many);
  const { events } = await bed.store.readStream(keyringStream(ownerId), 0, 100);
  let active = 0;
  for (const { type } of events) {
    active += type === 'ApiKeyCreated' ? 1 : -1;
    assert.ok(active <= 1, 'two were active at once');
  }
});

races(
  'helmut · replace a lost key: deleted while it is regenerated, it was deleted, and there is no other',
  async () => {
    const { bed, ownerId, over, here, policy, keys } = await startRace('helmut');
    await policy({ scoped: false });
    const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'PAT' }));
    const { gate, core } = heldAt(bed, keyringStream(ownerId));
    const there = over(core);
    const rotating = there.run(there.commands.rotateKey, { ownerId, keyId, graceSeconds: 60 });
    await gate.reached;
    done(await here.run(here.commands.revokeKey, { ownerId, keyId, reason: 'owner', note: null }));
    gate.open();
    assert.is(code(await rotating), 'already-ended');
    assert.equal(
      (await keys()).map((key) => [key.keyId, key.revokedReason, key.graceUntil]),
      [[keyId, 'owner', null]],
    );
  },
);

races(
  'helmut · replace a lost key: regenerated while it is deleted, it ends at once, and the new one stays',
  async () => {
    const { bed, ownerId, over, here, policy, keys } = await startRace('helmut');
    await policy({ scoped: false });
    const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'PAT' }));
    const { gate, core } = heldAt(bed, keyringStream(ownerId));
    const there = over(core);
    const deleting = there.run(there.commands.revokeKey, { ownerId, keyId, reason: 'owner', note: null });
    await gate.reached;
    const young = done(await here.run(here.commands.rotateKey, { ownerId, keyId, graceSeconds: 3600 }));
    gate.open();
    assert.is(code(await deleting), 'done');
    assert.equal(
      (await keys()).map((key) => [key.keyId, key.revokedReason, key.replacedBy]),
      [
        [keyId, 'owner', young.keyId],
        [young.keyId, null, null],
      ],
    );
  },
);

/** The worker that destroys texts, until it has read the change of policy. */
const shred = async ({ bed, accounts }: Awaited<ReturnType<typeof startRace>>) => {
  const worker = secretShredder({
    ...workerParts(bed, accounts),
    destroySecrets: accounts.handler.destroySecrets,
    keysOf: async () => [],
    isTextKept: async () => null,
  });
  const { events } = await bed.store.readAll(null, 1000);
  const end = events.at(-1)!.position;
  await runUntil([worker], () => worker.state().position === end);
};

const revealedIn = async (bed: Bed, ownerId: UserId) =>
  (await bed.store.readStream(activityStream(ownerId), 0, 100)).events.filter(({ type }) => type === 'ApiKeyRevealed')
    .length;

races('idmp · value: the policy turns to once while a copy is put down: it is not shown', async () => {
  const race = await startRace('idmp');
  const { bed, ownerId, over, here, policy } = race;
  const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'title' }));
  const { gate, core } = heldAt(bed, activityStream(ownerId));
  const there = over(core);
  const revealing = there.run(there.commands.revealKey, { ownerId, keyId });
  await gate.reached;
  await policy({ secret: 'once' });
  gate.open();
  assert.is(code(await revealing), 'not-recoverable');
  assert.is(await revealedIn(bed, ownerId), 1, 'who asked for it is on record');
  assert.is.not(await bed.vault.get(keySecretKind, keyId), null, 'whether or not the text is destroyed yet');
  await shred(race);
  assert.is(await bed.vault.get(keySecretKind, keyId), null);
  assert.is(code(await here.run(here.commands.revealKey, { ownerId, keyId })), 'not-recoverable');
});

races(
  'idmp · value: the text is destroyed between the question and the vault: it is not shown, nothing is put down',
  async () => {
    const race = await startRace('idmp');
    const { bed, ownerId, over, here, policy } = race;
    const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'title' }));
    const gate = createGate();
    let held = false;
    const vault = vaultWithFaults(bed.vault, ({ name, of }) => {
      if (held || name !== 'get' || of[0] !== keySecretKind) return undefined;
      held = true;
      return { before: gate.pass };
    });
    const core = bed.process({ vault });
    const there = over(core, vault);
    const revealing = there.run(there.commands.revealKey, { ownerId, keyId });
    await gate.reached;
    await policy({ secret: 'once' });
    await shred(race);
    gate.open();
    assert.is(code(await revealing), 'not-recoverable');
    assert.is(await revealedIn(bed, ownerId), 0);
  },
);

races('idmp · value: what was shown before the policy turned to once was shown, and never again', async () => {
  const { bed, ownerId, over, here } = await startRace('idmp');
  const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'title' }));
  const { gate, core } = heldAt(bed, policyStream);
  const there = over(core);
  const turning = there.run(settingsCommands.changeKeyPolicy, { change: { secret: 'once' } });
  await gate.reached;
  const shown = await here.run(here.commands.revealKey, { ownerId, keyId });
  assert.ok(!isRejection(shown) && shown.secret?.text.startsWith('api_'));
  gate.open();
  assert.is(code(await turning), 'done');
  assert.is(code(await here.run(here.commands.revealKey, { ownerId, keyId })), 'not-recoverable');
});

races('idmp · value: a key made while the policy turns to once keeps no text behind', async () => {
  const race = await startRace('idmp');
  const { bed, ownerId, over, policy, keys } = race;
  const { gate, core } = heldAt(bed, keyringStream(ownerId));
  const there = over(core);
  const making = there.run(there.commands.createApiKey, { ownerId, name: 'title' });
  await gate.reached;
  bed.clock.advance(1000);
  await policy({ secret: 'once' });
  await shred(race);
  gate.open();
  const made = await making;
  assert.ok(!isRejection(made) && made.secret?.text.startsWith('api_'), 'shown to whoever made it');
  const [key] = await keys();
  assert.is(await bed.vault.get(keySecretKind, key!.keyId), null);
  await policy({ secret: 'recoverable' });
  const again = over(bed.process());
  assert.is(code(await again.run(again.commands.revealKey, { ownerId, keyId: key!.keyId })), 'not-recoverable');
});

races('idmp · value: a key deleted while a copy of it is put down is not shown', async () => {
  const { bed, ownerId, over, here } = await startRace('idmp');
  const { keyId } = done(await here.run(here.commands.createApiKey, { ownerId, name: 'title' }));
  const { gate, core } = heldAt(bed, activityStream(ownerId));
  const there = over(core);
  const revealing = there.run(there.commands.revealKey, { ownerId, keyId });
  await gate.reached;
  done(await here.run(here.commands.revokeKey, { ownerId, keyId, reason: 'owner', note: null }));
  gate.open();
  assert.is(code(await revealing), 'already-ended');
});

races('all · administrators: of two who demote each other at once one gets last-administrator', async () => {
  for (const first of [0, 1] as const) {
    const bed = createBed();
    const accounts = createAccounts(bed);
    const [one, two] = [
      await accounts.register({ email: 'one@example.com', roles: ['admin'] }),
      await accounts.register({ email: 'two@example.com', roles: ['admin'] }),
    ];
    const demote = (userId: UserId, by: UserId) => {
      const { gate, core } = heldAt(bed, rolesStream);
      const request = bed.request({ actor: { kind: 'admin', id: by } });
      const outcome = core.handler.execute(accounts.commands.editUser, { userId, roles: ['member'] }, request);
      return { gate, outcome };
    };
    // Both have decided, on a state with two administrators, before either has written.
    const both = [demote(two, one), demote(one, two)] as const;
    await Promise.all(both.map(({ gate }) => gate.reached));
    both[first].gate.open();
    assert.is(code(await both[first].outcome), 'done');
    both[1 - first]!.gate.open();
    assert.is(code(await both[1 - first]!.outcome), 'last-administrator');
    const { events } = await bed.store.readStream(rolesStream, 0, 100);
    assert.is(events.filter(({ type }) => type === 'AdministratorRemoved').length, 1);
  }
});

races.run();
