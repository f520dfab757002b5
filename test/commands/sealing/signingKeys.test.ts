import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { nodeSignatures } from '../../../adapters/node/ed25519.ts';
import { Failure, failedWith } from '../../../commands/failure.ts';
import { createBoxes } from '../../../commands/sealing/boxes.ts';
import { personKeys } from '../../../commands/sealing/personKeys.ts';
import { purposeKeys } from '../../../commands/sealing/purposeKeys.ts';
import { createSigningKeys, signedOutMs, signingKeyKind } from '../../../commands/sealing/signingKeys.ts';
import { seededRandomness } from '../../support/commandBed.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const test = suite('signing keys');

const crypto = nodeCryptography();
const signatures = nodeSignatures();
const words = Buffer.from('what is signed');

const setUp = () => {
  const clock = createManualClock();
  const plain = createMemoryVault(clock);
  let away = false;
  const answering = () => {
    if (away) throw new Failure('store-unavailable', 'away');
  };
  const vault: typeof plain = {
    ...plain,
    get: async (...args) => {
      answering();
      return plain.get(...args);
    },
  };
  const derived = purposeKeys(crypto, new Uint8Array(32).fill(1));
  const boxes = createBoxes({
    crypto,
    keys: personKeys({ vault, crypto, randomness: seededRandomness(), purposeKeys: derived }),
    purposeKeys: derived,
  });
  const process = (name: string) =>
    createSigningKeys({ vault, boxes, crypto, signatures, clock, randomness: seededRandomness(name) });
  return {
    clock,
    vault: plain,
    process,
    goAway: () => {
      away = true;
    },
  };
};

const checks = async (keys: ReturnType<ReturnType<typeof setUp>['process']>, by: typeof keys) =>
  by.verify(words, (await keys.signer())(words));

test('two processes that start at once make one key, and each checks what the other signed', async () => {
  const { process } = setUp();
  const [one, other] = [process('one'), process('other')];
  const [first, second] = await Promise.all([one.publicKeys(), other.publicKeys()]);
  assert.equal(first, second);
  assert.is(first.length, 1);
  assert.ok(await checks(one, other));
  assert.ok(await checks(other, one));
  const signed = (await one.signer())(words);
  assert.is(signed.keyId, first[0]!.id);
  assert.ok(signatures.verify(Buffer.from(first[0]!.publicKey, 'base64'), words, signed.signature));
});

test('refuses other bytes, another signature, an unknown key', async () => {
  const keys = setUp().process('one');
  const signed = (await keys.signer())(words);
  assert.ok(await keys.verify(words, signed));
  assert.not.ok(await keys.verify(Buffer.from('something else'), signed));
  assert.not.ok(await keys.verify(words, { ...signed, signature: signed.signature.map((byte) => byte ^ 1) }));
  assert.not.ok(await keys.verify(words, { ...signed, signature: signed.signature.subarray(1) }));
  assert.not.ok(await keys.verify(words, { ...signed, keyId: 'f'.repeat(16) }));
});

test('after a rotation the key before counts until its end, and can no longer be read from the vault', async () => {
  const { clock, vault, process } = setUp();
  const [one, other] = [process('one'), process('other')];
  const before = (await one.signer())(words);
  await other.publicKeys();
  const next = await one.rotate(60_000);
  assert.is((await one.signer())(words).keyId, next.id);
  assert.is.not(next.id, before.keyId);
  // The other has not heard of it yet, signs with the old one, and checks both.
  assert.is((await other.signer())(words).keyId, before.keyId);
  assert.ok(await other.verify(words, (await one.signer())(words)));
  clock.advance(signedOutMs);
  assert.is((await other.signer())(words).keyId, next.id);
  assert.ok(await one.verify(words, before));
  clock.advance(60_000 - signedOutMs);
  assert.not.ok(await one.verify(words, before));
  assert.equal(
    (await other.publicKeys()).map(({ id }) => id),
    [next.id],
  );
  assert.is((await vault.find(signingKeyKind, {}, { after: null, limit: 10 })).length, 1);
});

test('two rotations at once are two rotations; what is past its end is dropped', async () => {
  const { clock, process } = setUp();
  const [one, other] = [process('one'), process('other')];
  const [first] = await one.publicKeys();
  const made = await Promise.all([one.rotate(1_000), other.rotate(1_000)]);
  const now = (await one.publicKeys()).map(({ id }) => id);
  assert.equal(now.toSorted(), [first!.id, ...made.map(({ id }) => id)].toSorted());
  clock.advance(1_000);
  await one.rotate(1_000);
  assert.is((await other.publicKeys()).length, 2);
});

test('goes on signing while the vault is away, but does not begin', async () => {
  const { clock, process, goAway } = setUp();
  const [one, other] = [process('one'), process('other')];
  const { keyId } = (await one.signer())(words);
  goAway();
  clock.advance(10 * signedOutMs);
  assert.is((await one.signer())(words).keyId, keyId);
  const failed = (call: Promise<unknown>) =>
    call.then(
      () => false,
      (error) => failedWith(error, 'store-unavailable'),
    );
  assert.ok(await failed(other.signer()));
  assert.ok(await failed(one.publicKeys()), 'what is shown is as it stands');
});

test('keeps neither half in the clear', async () => {
  const { vault, process } = setUp();
  const keys = process('one');
  const [{ publicKey } = { publicKey: '' }] = await keys.publicKeys();
  const [row] = await vault.find(signingKeyKind, {}, { after: null, limit: 10 });
  assert.not.ok(row!.value.includes(publicKey));
  assert.not.ok(row!.value.includes('seed'));
  assert.equal([row!.person, row!.expiresAt], [null, null]);
});

test.run();
