import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import type { Command, Outcome } from '../../../commands/command.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import { importClaims } from '../../../commands/keys/importClaims.ts';
import { keySecrets } from '../../../commands/keys/keySecrets.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { UserId } from '../../../domain/ids.ts';
import type { Json } from '../../../domain/json.ts';
import { keyringStream } from '../../../domain/keyring.ts';
import { userStream } from '../../../domain/user.ts';
import { createVerificationIndex } from '../../../projections/verificationIndex.ts';
import { createAccounts } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { createGate } from '../../support/faultyEventStore.ts';
import { suite } from '../../support/suite.ts';

const races = suite('an owner is turned off while a key of theirs is made');

/** What the command that makes the key does, and what others do meanwhile. */
type Step = 'read keyring' | 'read owner' | 'append' | 'deactivate' | 'close' | 'reactivate';
const making = ['read keyring', 'read owner', 'append'] as const;
type Making = (typeof making)[number];

/** Every order in which two sequences may come to pass together. */
const merges = (a: readonly Step[], b: readonly Step[]): readonly (readonly Step[])[] => {
  const [x, ...xs] = a;
  const [y, ...ys] = b;
  if (x === undefined || y === undefined) return [[...a, ...b]];
  return [...merges(xs, b).map((rest) => [x, ...rest]), ...merges(a, ys).map((rest) => [y, ...rest])];
};

// The closer may come late, or not at all before the key is asked for.
const others: readonly (readonly Step[])[] = [
  ['deactivate', 'close', 'reactivate'],
  ['deactivate', 'reactivate', 'close'],
  ['deactivate', 'reactivate'],
];

/** Holds the first of each step of making until its turn; whatever is tried again passes. */
const heldStore = (store: EventStore, ownerId: UserId) => {
  const gates = { 'read keyring': createGate(), 'read owner': createGate(), append: createGate() };
  const held = new Set<Making>(making);
  const at = async (step: Making) => {
    if (held.delete(step)) await gates[step].pass();
  };
  const readStream: EventStore['readStream'] = async (stream, ...rest) => {
    if (stream === keyringStream(ownerId)) await at('read keyring');
    if (stream === userStream(ownerId)) await at('read owner');
    return store.readStream(stream, ...rest);
  };
  const append: EventStore['append'] = async (stream, ...rest) => {
    if (stream === keyringStream(ownerId)) await at('append');
    return store.append(stream, ...rest);
  };
  return { store: { ...store, readStream, append }, gates };
};

const play = async (order: readonly Step[], asOfEpoch: number | undefined) => {
  const bed = createBed();
  const elsewhere = createAccounts(bed);
  const done = <R extends Json>(outcome: Outcome<R>): R => {
    if (isRejection(outcome)) throw new Error(outcome.rejected);
    return outcome.result;
  };
  const run = async <I, R extends Json>(command: Command<I, R>, input: I) =>
    done(await elsewhere.execute(command, input, bed.request()));
  const commandsOf = ({ boxes }: Pick<typeof elsewhere, 'boxes'>) =>
    apiKeyCommands({
      crypto: nodeCryptography(),
      secrets: keySecrets(bed.vault, boxes),
      claims: importClaims(bed.vault),
    });
  const keys = commandsOf(elsewhere);
  await run(settingsCommands.changeKeyPolicy, { change: { preset: 'idmp' } });
  const ownerId = await elsewhere.register({ email: 'ada@example.com' });
  const before = await run(keys.createApiKey, { ownerId, name: 'before' });

  const { store, gates } = heldStore(bed.store, ownerId);
  const here = bed.process({ store });
  const input = { ownerId, name: 'meanwhile', ...(asOfEpoch !== undefined && { asOfEpoch }) };
  let over = false;
  const created = here.handler.execute(commandsOf(here).createApiKey, input, bed.request()).finally(() => {
    over = true;
  });
  const endedAt = new Date(bed.clock.now()).toISOString();
  const acts: { readonly [S in Step]: () => Promise<unknown> } = {
    'read keyring': async () => gates['read keyring'].open(),
    'read owner': async () => gates['read owner'].open(),
    append: async () => gates.append.open(),
    deactivate: () => run(elsewhere.commands.deactivateUser, { userId: ownerId, reason: null }),
    close: () => run(keys.closeKeyring, { ownerId, ownerEpoch: 0, reason: 'owner-deactivated', endedAt }),
    reactivate: () => run(elsewhere.commands.reactivateUser, { userId: ownerId }),
  };
  for (const step of order) {
    // What is made stands before this step, and nowhere else, when the others go on.
    const nextOfMaking = making[making.indexOf(step as Making)];
    if (nextOfMaking !== undefined) await Promise.race([gates[nextOfMaking].reached, created]);
    await acts[step]();
    const following = making[making.indexOf(step as Making) + 1];
    if (nextOfMaking !== undefined) await (following ? Promise.race([gates[following].reached, created]) : created);
  }
  const outcome = await created;
  assert.ok(over);

  const index = createVerificationIndex();
  const { events } = await bed.store.readAll(null, 1_000);
  for (const event of events) index.apply(elsewhere.codec.view(event));
  const hashOf = (text: string) => nodeCryptography().sha256(text);
  const verify = (text: string) =>
    index.verify({ hash: hashOf(text), wellFormed: () => true, scopes: [], applications: null }, bed.clock.now()).code;
  assert.is(index.codeOf(before.keyId, bed.clock.now()), 'owner-inactive', 'the key of before is not revived');
  assert.is(index.owner(ownerId)!.status, 'active');
  if (isRejection(outcome)) return outcome.rejected;
  return verify(outcome.secret!.text!);
};

races('asked for in a session of before, it never verifies, in every order', async () => {
  const seen = new Map<string, number>();
  for (const order of others.flatMap((other) => merges(making, other))) {
    const code = await play(order, 0);
    assert.ok(code === 'owner-inactive' || code === 'forbidden', `${order.join(', ')}: ${code}`);
    seen.set(code, (seen.get(code) ?? 0) + 1);
  }
  assert.is(
    [...seen.values()].reduce((sum, count) => sum + count),
    50,
  );
  assert.ok(seen.get('owner-inactive')! > 0 && seen.get('forbidden')! > 0);
});

races('where nobody says since when they may, it verifies only if the owner was read after their return', async () => {
  let valid = 0;
  for (const order of others.flatMap((other) => merges(making, other))) {
    const code = await play(order, undefined);
    const back = order.indexOf('read owner') > order.indexOf('reactivate');
    if (code === 'valid') valid += 1;
    if (back) assert.is(code, 'valid', order.join(', '));
    else assert.ok(code === 'owner-inactive' || code === 'forbidden', `${order.join(', ')}: ${code}`);
  }
  assert.ok(valid > 0);
});

races.run();
