import * as assert from 'uvu/assert';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { createFeed } from '../../projections/feed/feed.ts';
import { freeze } from '../../projections/index/snapshot.ts';
import { emptyState } from '../../projections/index/state.ts';
import { createIndexSnapshots } from '../../workers/indexSnapshots.ts';
import { hashBytes, hashHex, keyId, positionAt, userId, uuid } from '../projections/logs.ts';
import { suite } from '../support/suite.ts';

const snapshots = suite('index snapshots');

const { sha256 } = nodeCryptography();
const newKey = (n: number) => ({
  keyId: keyId(n),
  ownerEpoch: 0,
  secretHash: hashHex(n),
  scopes: null,
  expiresAt: null,
});

const keysIn = (count: number) => {
  const state = emptyState();
  const owner = state.owners.named(userId(1));
  for (let n = 0; n < count; n++) state.keys.add(owner, newKey(n));
  state.foldedTo = { position: positionAt(count), eventId: uuid('d', count) };
  return state;
};

snapshots('gives back what takes several parts, and takes more after it', async () => {
  // The hashes take more than two parts of four million bytes.
  const count = 270_000;
  const blobs = createMemoryLists();
  const made = createIndexSnapshots({ blobs, sha256, pause: async () => {} });
  await made.write('one', [...freeze(keysIn(count), createFeed())]);
  for (let time = 0; time < 2; time++) {
    const { keys, owners } = (await made.load())!.state;
    assert.is(keys.size(), count);
    for (let n = 0; n < count; n += 1_000) {
      assert.is(keys.findByHash(hashBytes(n)), n);
      assert.is(keys.keyId(n), keyId(n));
    }
    assert.is(keys.findByHash(hashBytes(count - 1)), count - 1);
    keys.add(owners.find(userId(1)), newKey(count));
    assert.is(keys.findByHash(hashBytes(count)), count);
    assert.is(keys.findByHash(hashBytes(1)), 1);
  }
});

snapshots('is none where a part is missing, damaged, or of another size', async () => {
  const whole = createMemoryLists();
  const made = createIndexSnapshots({ blobs: whole, sha256, pause: async () => {} });
  await made.write('one', [...freeze(keysIn(140_000), createFeed())]);
  const decode = (bytes: Uint8Array | null) => JSON.parse(new TextDecoder().decode(bytes!));
  const head = decode(await whole.getBlob('index/head'));
  const section = head.sections.findIndex(({ hashes }: { hashes: string[] }) => hashes.length > 1);
  const first = `index/one/${section}/0`;
  const bytes = (await whole.getBlob(first))!;

  const loadWith = (parts: { readonly [name: string]: Uint8Array | null }) =>
    createIndexSnapshots({
      blobs: { ...whole, getBlob: async (name) => (name in parts ? parts[name]! : whole.getBlob(name)) },
      sha256,
      pause: async () => {},
    }).load();
  assert.ok(await loadWith({}));
  assert.is(await loadWith({ [first]: null }), null);
  assert.is(await loadWith({ [first]: bytes.slice(1) }), null);
  assert.is(await loadWith({ [first]: bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte)) }), null);
  // As it was written, in parts of half the size.
  const half = bytes.slice(0, bytes.length / 2);
  head.sections[section].hashes[0] = Buffer.from(sha256(half)).toString('hex');
  const other = new TextEncoder().encode(JSON.stringify(head));
  assert.is(await loadWith({ 'index/head': other, [first]: half }), null);
});

snapshots.run();
