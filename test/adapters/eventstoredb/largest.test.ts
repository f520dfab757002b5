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

test.run();
