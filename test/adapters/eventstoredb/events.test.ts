import type { RecordedEvent } from '@eventstore/db-client';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { toStored, toWire, wireSize } from '../../../adapters/eventstoredb/events.ts';
import { streamNames } from '../../../adapters/eventstoredb/names.ts';
import { encodeAppend } from '../../../adapters/node/storedEvents.ts';
import type { EventToAppend } from '../../../commands/ports/eventStore.ts';
import type { Json } from '../../../domain/json.ts';
import { suite } from '../../support/suite.ts';
import { event } from '../events.ts';

const test = suite('EventStoreDB: events');

const names = streamNames('tests');
const json = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>);
const anyEvent: fc.Arbitrary<EventToAppend> = fc
  .record({ data: json, box: fc.option(fc.base64String()), type: fc.stringMatching(/^[A-Z][A-Za-z]{0,40}$/) })
  .map(({ data, box, type }) => ({
    ...event(data, type),
    ...(box !== null && { sealed: { person: 'p1', box } }),
  }));

const sent = (given: EventToAppend) => toWire(encodeAppend('things', 'no-stream', [given])[0]!);

/** As the client reads it. */
const recorded = (given: EventToAppend, over: Partial<Record<keyof RecordedEvent, unknown>> = {}): RecordedEvent => {
  const { id, type, data, metadata } = sent(given);
  const parsed = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
  return {
    streamId: 'tests-things',
    id,
    type,
    revision: 4n,
    position: { commit: 733n, prepare: 733n },
    isJson: true,
    created: new Date(0),
    data: parsed(data),
    metadata: parsed(metadata),
    ...over,
  } as RecordedEvent;
};

test('come back as they were', async () => {
  await fc.assert(
    fc.property(anyEvent, (given) => {
      const stored = toStored(names, recorded(given));
      const position = '00000000000002dd00000000000002dd';
      // Through JSON, as every store: a field of its own named __proto__ stays one, -0 is 0.
      const same = JSON.parse(JSON.stringify({ ...given, stream: 'things', revision: 4, position }));
      assert.equal(JSON.parse(JSON.stringify(stored)), same);
    }),
  );
});

test('are weighed as the server weighs them, or a little heavier', async () => {
  await fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 1 }), (given) => {
      const wire = given.map(sent);
      const bytes = wire.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
      assert.ok(wireSize(wire) >= bytes);
      assert.ok(wireSize(wire) <= bytes + 100 * wire.length);
    }),
  );
});

test('of others are none', async () => {
  const ours = event();
  assert.ok(toStored(names, recorded(ours)));
  for (const over of [
    { streamId: 'strangers-1' },
    { streamId: '$$tests-things' },
    { metadata: undefined },
    { metadata: null },
    { metadata: {} },
    { metadata: { envelope: null } },
    { metadata: { envelope: 'text' } },
    { metadata: new Uint8Array(3) },
    { isJson: false },
    { position: undefined },
    { position: { commit: 2n ** 64n - 1n, prepare: 2n ** 64n - 1n } },
  ])
    assert.is(toStored(names, recorded(ours, over)), null);
});

test.run();
