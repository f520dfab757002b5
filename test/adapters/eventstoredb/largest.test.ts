import * as assert from 'uvu/assert';
import { maxAppendBytes } from '../../../adapters/eventstoredb/appends.ts';
import { toWire, wireSize } from '../../../adapters/eventstoredb/events.ts';
import { encodeAppend } from '../../../adapters/node/storedEvents.ts';
import { scopeRoutes } from '../../../api/resources/admin/scopes.ts';
import { suite } from '../../support/suite.ts';
import { event } from '../events.ts';

const test = suite('EventStoreDB: the largest append');

/** Ip, agent and reason of a request, sealed, at their longest, and the ids of an envelope, with room to spare. */
const envelope = 24 * 1024;

test('is a catalog of scopes, and it fits', () => {
  const change = scopeRoutes({} as never).find(({ method }) => method === 'PUT')!;
  const text = 'é'.repeat((change.bodyLimit! - '{"items":[]}'.length) / 2);
  const largest = {
    ...event({ items: text }, 'ScopeCatalogChanged'),
    sealed: { person: 'p', box: 'A'.repeat(envelope) },
  };
  assert.ok(wireSize(encodeAppend('policy', 'no-stream', [largest]).map(toWire)) < maxAppendBytes);
});

test('of keys that are brought over is of 10 with all their scopes', () => {
  const scopes = Array.from({ length: 500 }, (_, n) => `${n}`.padEnd(129, 's'));
  // A name of 200 characters, four bytes each, sealed, and ids and hashes.
  const key = {
    ...event({ scopes, hash: 'h'.repeat(1_000) }, 'ApiKeyImported'),
    sealed: { person: 'p', box: 'A'.repeat(2_000) },
  };
  const ten = Array.from({ length: 10 }, () => ({ ...key, id: crypto.randomUUID() }));
  assert.ok(wireSize(encodeAppend('keyring', 'no-stream', ten).map(toWire)) < maxAppendBytes);
});

test.run();
