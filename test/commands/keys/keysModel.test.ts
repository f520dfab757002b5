// time limit: 30 min
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { readRing, shownKey } from '../../../api/readKeys.ts';
import type { Command, Outcome } from '../../../commands/command.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import { apiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import { importClaims } from '../../../commands/keys/importClaims.ts';
import { keySecretKind, keySecrets } from '../../../commands/keys/keySecrets.ts';
import { isRejection } from '../../../domain/decider.ts';
import { instant, millis } from '../../../domain/instant.ts';
import type { Json } from '../../../domain/json.ts';
import type { KeyPolicy } from '../../../domain/keyPolicy.ts';
import { keyringFold, keyringStream } from '../../../domain/keyring.ts';
import type { KeyringCommand } from '../../../domain/keyringDecisions.ts';
import { createVerificationIndex } from '../../../projections/verificationIndex.ts';
import { createAccounts } from '../../support/accounts.ts';
import { createBed } from '../../support/commandBed.ts';
import { full } from '../../support/full.ts';
import { keyPolicy } from '../../support/keyPolicies.ts';
import { attempt, emptyModel, type Model, type ModelKey } from '../../support/keyringModel.ts';
import { commandOf, type KeyringStep, keyringStep, seenAsModel } from '../../support/keyringSteps.ts';
import { catalog as fullCatalog } from '../../support/keyrings.ts';
import { codeOf, formOf, maskedAs, paramsOf, shownOf } from '../../support/keyShapeModel.ts';
import { suite } from '../../support/suite.ts';

// The whole way of a command, over stores in memory, against the plain model: whatever the policies, the keyring is what
// the model says, verification answers what the contract's order of codes says, a text is copied again only while it may
// be, and each command sent twice is done once.
const test = suite('commands on keys, against a model');

const role = 'role';
const permissionsOf = (mayUseApi: boolean) => (mayUseApi ? ['api-keys:use'] : []);

const startWorld = async () => {
  const bed = createBed();
  const accounts = createAccounts(bed);
  const commands = apiKeyCommands({
    crypto: nodeCryptography(),
    secrets: keySecrets(bed.vault, accounts.boxes),
    claims: importClaims(bed.vault),
  });
  const index = createVerificationIndex();
  let readTo: string | null = null;
  let requests = 0;

  /** Sent twice under one key: the same answer, and nothing done twice. */
  const run = async <I, R extends Json>(command: Command<I, R>, input: I): Promise<Outcome<R>> => {
    requests += 1;
    const request = bed.request({ key: `request ${requests}` });
    const outcome = await accounts.execute(command, input, request);
    const again = await accounts.execute(command, input, request);
    if (isRejection(outcome)) assert.equal(again, outcome);
    else assert.equal(again, { ...outcome, replayed: true });
    return outcome;
  };
  const does = async <I, R extends Json>(command: Command<I, R>, input: I): Promise<R> => {
    const outcome = await run(command, input);
    if (isRejection(outcome)) throw new Error(`${command.name}: ${outcome.rejected}`);
    return outcome.result;
  };
  const read = async () => {
    for (;;) {
      const page = await bed.store.readAll(readTo, 500);
      readTo = page.position;
      for (const event of page.events) index.apply(accounts.codec.view(event));
      if (page.end) return;
    }
  };
  await does(settingsCommands.changeScopeCatalog, { items: fullCatalog });
  await does(settingsCommands.defineRole, { name: role, permissions: permissionsOf(true), scopes: ['*:*'] });
  const ownerId = await accounts.register({ email: 'ada@example.com', roles: [role] });
  return { bed, accounts, commands, index, run, does, read, ownerId };
};
type World = Awaited<ReturnType<typeof startWorld>>;

/** What a step says of the policy, the role and the catalog comes to be. A role names only scopes of the full catalog. */
const prepare = async (
  { does }: World,
  { mayUseApi, ownerScopes, catalog }: KeyringStep,
  policy: KeyPolicy,
  before: Prepared,
): Promise<Prepared> => {
  if (policy !== before.policy) await does(settingsCommands.changeKeyPolicy, { change: policy });
  const rights = JSON.stringify([mayUseApi, ownerScopes, catalog]);
  if (rights === before.rights) return { policy, rights };
  await does(settingsCommands.changeScopeCatalog, { items: fullCatalog });
  await does(settingsCommands.defineRole, { name: role, permissions: permissionsOf(mayUseApi), scopes: ownerScopes });
  await does(settingsCommands.changeScopeCatalog, { items: catalog });
  return { policy, rights };
};
type Prepared = { readonly policy: KeyPolicy | null; readonly rights: string | null };

type Done = {
  readonly refused: string | null;
  readonly params?: object | undefined;
  readonly keyId: string | null;
  readonly text: string | null;
};
const doneOf = (outcome: Outcome<{ readonly keyId: string; readonly ownerId: string }>): Done =>
  isRejection(outcome)
    ? { refused: outcome.rejected, ...(outcome.params && { params: outcome.params }), keyId: null, text: null }
    : { refused: null, keyId: outcome.result.keyId, text: outcome.secret?.text ?? null };

const nothing: Done = { refused: null, keyId: null, text: null };

/** The same wish, as it comes in from outside: the facts are looked up on the way. */
const send = async ({ run, commands, ownerId }: World, command: KeyringCommand, i: number): Promise<Done> => {
  switch (command.type) {
    case 'CreateApiKey': {
      const { name, description, expiresAt, scopes } = command;
      return doneOf(await run(commands.createApiKey, { ownerId, name, description, expiresAt, scopes }));
    }
    case 'EditKey': {
      const { keyId, name, description, expiresAt, scopes } = command;
      return doneOf(await run(commands.editKey, { ownerId, keyId, name, description, expiresAt, scopes }));
    }
    case 'RotateKey': {
      const { keyId, graceSeconds, expiresAt } = command;
      return doneOf(await run(commands.rotateKey, { ownerId, keyId, graceSeconds, expiresAt }));
    }
    case 'RevokeKey': {
      const { keyId, reason, note } = command;
      return doneOf(await run(commands.revokeKey, { ownerId, keyId, reason, note }));
    }
    case 'ImportKey': {
      const { name, createdAt, expiresAt, scopes } = command;
      const text = `made elsewhere ${i}`;
      const sha256 = Buffer.from(nodeCryptography().sha256(text)).toString('hex');
      const item = { ownerId, sha256, mask: 'm', name, createdAt, expiresAt, scopes };
      const outcome = await run(commands.importKeys, { items: [item] });
      if (isRejection(outcome)) throw new Error(outcome.rejected);
      const { id, code } = outcome.result.results[0]!;
      return { refused: code, keyId: id, text };
    }
    case 'ExpireKeys':
      await run(commands.expireKeys, { ownerId });
      return nothing;
    case 'CloseKeyring': {
      const { ownerEpoch, reason, endedAt } = command;
      await run(commands.closeKeyring, { ownerId, ownerEpoch, reason, endedAt });
      return nothing;
    }
  }
};

/** The command with the id that its key was given. */
const named = (command: KeyringCommand, keyId: string | null): KeyringCommand => {
  if (keyId === null) return command;
  if (command.type === 'RotateKey') return { ...command, newKeyId: keyId };
  return command.type === 'CreateApiKey' || command.type === 'ImportKey' ? { ...command, keyId } : command;
};

const holdsAll = (patterns: readonly string[]) => patterns.includes('*:*');

const mayHave = (own: readonly string[] | null, { ownerScopes, catalog }: KeyringStep): readonly string[] | null => {
  if (own === null && holdsAll(ownerScopes)) return null;
  const all = catalog.flatMap(({ application, actions }) => actions.map((action) => `${application}:${action}`));
  // A role that was given a scope when it was defined has the lower ones, too: `prepare` defines it by the full catalog.
  const held = (scope: string) =>
    ownerScopes.some((has) => has === '*:*' || has === scope || (has === 'streams:*' && scope.startsWith('streams:')));
  return all.filter((scope) => held(scope) && (own === null || own.includes(scope))).sort();
};

/** Why a copy would be refused; null: it is shown. */
const copyRefused = (
  key: ModelKey | undefined,
  texts: ReadonlyMap<string, string>,
  now: number,
  epoch: number,
  policy: KeyPolicy,
): string | null => {
  if (!policy.enabled) return 'api-keys-disabled';
  if (key === undefined) return 'not-found';
  const over = key.epoch !== epoch || key.revoked !== null || key.graceEnd !== null || key.endRecorded;
  if (over || (key.end !== null && key.end <= now)) return 'already-ended';
  return texts.has(key.id) ? null : 'not-recoverable';
};

/** When the life of the key begins, or began, that a command is about. */
const lifeOf = (command: KeyringCommand, model: Model, now: number): number => {
  if (command.type === 'EditKey') return model.keys.find(({ id }) => id === command.keyId)?.made ?? now;
  return command.type === 'ImportKey' && command.createdAt ? Math.min(now, millis(command.createdAt)) : now;
};

const missingOf = (asked: readonly string[], may: readonly string[] | null) =>
  may === null ? [] : asked.filter((scope) => !may.includes(scope));

const play = async (policies: readonly KeyPolicy[], steps: readonly KeyringStep[]) => {
  const world = await startWorld();
  const { bed, accounts, commands, index, run, ownerId } = world;
  const model: Model = emptyModel();
  /** Of every key ever, and those that may be copied again. */
  const texts = new Map<string, string>();
  let kept = new Map<string, string>();
  const recoverable = new Set<string>();
  const revocations = new Map<string, { readonly at: number; readonly note: string | null }>();
  const offAt: number[] = [];
  let prepared: Prepared = { policy: null, rights: null };
  for (const [i, s] of steps.entries()) {
    bed.clock.set(bed.clock.now() + s.passes);
    const now = bed.clock.now();
    const policy = policies[s.policy % policies.length]!;
    prepared = await prepare(world, s, policy, prepared);
    if (policy.secret === 'once') kept = new Map();
    if (s.does === 'off and on') {
      await world.does(accounts.commands.deactivateUser, { userId: ownerId, reason: null });
      assert.is(doneOf(await run(commands.createApiKey, { ownerId, name: 'while off' })).refused, 'forbidden');
      await world.does(accounts.commands.reactivateUser, { userId: ownerId });
      offAt.push(now);
    } else if (s.does !== 'close' || offAt.length > 0) {
      const command = commandOf({ ...s, stale: false }, i, now, offAt.length, policy, model);
      const done = await send(world, command, i);
      const life = lifeOf(command, model, now);
      const against = attempt(model, named(command, done.keyId));
      if (done.refused === null) assert.equal([...against], [], `${command.type}: the model refuses`);
      else {
        assert.ok(against.has(done.refused), `${command.type}: ${done.refused}, but the model says ${[...against]}`);
        const params = paramsOf(done.refused, policy, life);
        if (params !== undefined && command.type !== 'ImportKey') assert.equal(done.params, params, done.refused);
      }
      for (const { id, revoked } of model.keys)
        if (revoked !== null && !revocations.has(id))
          revocations.set(id, { at: now, note: command.type === 'RevokeKey' ? (command.note?.trim() ?? null) : null });
      if (done.keyId !== null && done.text !== null) {
        texts.set(done.keyId, done.text);
        if (command.type !== 'ImportKey') assert.match(done.text, formOf(policy));
        if (policy.secret === 'recoverable' && command.type !== 'ImportKey') {
          kept.set(done.keyId, done.text);
          recoverable.add(done.keyId);
        }
      }
    }

    const epoch = offAt.length;
    const ring = await accounts.folds.read(keyringFold, keyringStream(ownerId), ({ state }) => seenAsModel(state));
    assert.equal(ring.keys, model.keys);
    await world.read();
    const context = { folds: accounts.folds, now: () => instant(now), lastUse: async () => null };
    const readNow = await readRing(context, ownerId);
    for (const key of model.keys) {
      const text = texts.get(key.id)!;
      const { at = null, note = null } = revocations.get(key.id) ?? {};
      const standing = { now, epoch, offAt, policy, mayUseApi: s.mayUseApi, revokedAt: at, revokedNote: note };
      const {
        ownerId: _,
        mask,
        createdBy: __,
        createdIp: ___,
        lastUsedAt: ____,
        lastUsedIp: _____,
        ...shown
      } = await shownKey(context, readNow!, readNow!.keys.get(key.id)!);
      assert.equal(shown, shownOf(key, { ...standing, kept: kept.has(key.id) }), `what is shown of ${key.id}`);
      assert.is(mask, text.startsWith('made elsewhere') ? 'm' : maskedAs(text));
      const hash = nodeCryptography().sha256(text);
      const ask = (scopes: readonly string[]) =>
        index.verify({ hash, wellFormed: () => false, scopes, applications: null }, now);
      const answer = ask([]);
      const code = codeOf(key, standing);
      assert.is(answer.code, code, `verification of ${key.id}`);
      const may = mayHave(key.scopes, s);
      if (answer.valid) {
        assert.equal(answer.scopes, may);
        const end = Math.min(key.end ?? Number.POSITIVE_INFINITY, key.graceEnd ?? Number.POSITIVE_INFINITY);
        assert.is(answer.expiresAt, end === Number.POSITIVE_INFINITY ? null : instant(end));
      }
      const asked = ['reports:read', 'streams:write'];
      const missing = missingOf(asked, may);
      const scoped = ask(asked);
      const expected = code === 'valid' && missing.length > 0 ? 'insufficient-scope' : code;
      assert.is(scoped.code, expected, `verification of ${key.id} for scopes`);
      if (!scoped.valid && scoped.code === 'insufficient-scope') assert.equal(scoped.missing, missing);
    }
    const copied = model.keys[i % Math.max(1, model.keys.length)];
    const keyId = copied?.id ?? '00000000-0000-7000-8000-000000000000';
    const { params: _, ...shown } = doneOf(await run(commands.revealKey, { ownerId, keyId }));
    const refusedCopy = copyRefused(copied, kept, now, epoch, policy);
    assert.equal(shown, {
      refused: refusedCopy,
      keyId: refusedCopy === null ? keyId : null,
      text: refusedCopy === null ? kept.get(keyId) : null,
    });
  }
  const texted = await bed.vault.find(keySecretKind, {}, { after: null, limit: 1000 });
  for (const { id } of texted) assert.ok(recoverable.has(id), 'the text of a key that is shown once is kept');
};

const policies = fc.array(keyPolicy, { minLength: 1, maxLength: 3 });
const enabledMostly = policies.map((list) =>
  list.map((policy, i) => (i === 0 ? { ...policy, enabled: true } : policy)),
);

// More of them with KEYLEDGER_TEST_SEEDS=5000; what failed is played again with the seed that it prints.
const numRuns = Number(process.env.KEYLEDGER_TEST_SEEDS ?? (full ? 5_000 : 300));

test('up to 30 steps under any consistent policies', () =>
  fc.assert(fc.asyncProperty(enabledMostly, fc.array(keyringStep, { maxLength: 30, size: 'max' }), play), {
    numRuns,
  }));

test.run();
