import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { createVerificationIndex } from '../../projections/verificationIndex.ts';
import { suite } from '../support/suite.ts';
import { logOf, type Told } from './logs.ts';

const halts = suite('what the index cannot take in');

type Golden = { readonly stream: string; readonly type: string; readonly data: { readonly [field: string]: unknown } };

// Every event there ever was, about users, keys and tokens that an empty log never made.
const folder = new URL('../domain/golden/', import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden);

const event = (told: Golden) => logOf([told as unknown as Told])[0]!;

const refusal = (before: readonly Golden[], last: Golden): string | null => {
  const index = createVerificationIndex();
  for (const one of before) index.apply(event(one));
  try {
    index.apply(event(last));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
};

const golden = (type: string) => goldens.find((one) => one.type === type)!;

halts('a change or an end of a key or token that was never made: then it has missed what made it, and more', () => {
  const refused = goldens.filter((one) => refusal([], one) !== null).map(({ type }) => type);
  assert.equal(refused.sort(), [
    'ApiKeyExpired',
    'ApiKeyExpiryChanged',
    'ApiKeyRevoked',
    'ApiKeyRotated',
    'ApiKeyScopesChanged',
    'ServiceTokenRevoked',
    'ServiceTokenRotated',
  ]);
  for (const type of refused) assert.match(refusal([], golden(type))!, /was never created$/);
});

halts('names of keys, and keyrings that are closed, decide nothing: of whichever key they speak, it goes on', () => {
  for (const type of ['ApiKeyRenamed', 'KeyringClosed', 'ApiKeyRevealed', 'ApiKeyExpiryNoticed'])
    assert.is(refusal([], golden(type)), null, type);
});

halts('a key that is made twice, and ids and hashes that are none', () => {
  const made = golden('ApiKeyCreated');
  const with_ = (data: object): Golden => ({ ...made, data: { ...made.data, ...data } });
  assert.is(refusal([made], made), 'the key was created before');
  assert.is(refusal([], with_({ secretHash: 'abc' })), 'the hash of a key is no SHA-256');
  assert.is(refusal([], with_({ keyId: 'k1' })), 'the id of a key is no UUID');
  assert.is(refusal([], { ...made, stream: 'keyring-u1' }), 'the id of a user is no UUID');
});

halts('what a newer release wrote', () => {
  assert.is(
    refusal([], { stream: 'policy', type: 'KeyPolicyRepealed', data: {} }),
    'unknown event type KeyPolicyRepealed',
  );
});

halts.run();
