import { randomUUID } from 'node:crypto';
import {
  type AppendExpectedRevision,
  BACKWARDS,
  END,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  START,
} from '@eventstore/db-client';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { noRealEventStore, sharedEventStore } from './eventStore.ts';
import { startEventStoreDouble } from './eventStoreDouble/double.ts';

/**
 * What was seen at EventStoreDB through its own client, and what the adapter is built on. The double must do the same;
 * where there is a real server, it is asked, too.
 */
const facts = (
  name: string,
  missing: string | null,
  open: () => Promise<{ connectionString: string; stop: () => Promise<void> }>,
): void => {
  const test = suite(`EventStoreDB as it was seen: ${name}`);
  test.skipUnless(missing);
  let client: EventStoreDBClient;
  let stop: () => Promise<void>;
  test.before(async () => {
    const server = await open();
    stop = server.stop;
    client = EventStoreDBClient.connectionString(server.connectionString);
  });
  test.after(async () => {
    await client.dispose();
    await stop();
  });

  const newStream = () => `facts-${randomUUID()}`;
  const event = (data = {}) => jsonEvent({ id: randomUUID(), type: 'Seen', data });
  const append = (stream: string, expectedRevision: AppendExpectedRevision, events: ReturnType<typeof event>[]) =>
    client.appendToStream(stream, events, { expectedRevision });
  const refusal = async (call: () => Promise<unknown>) => {
    try {
      await call();
    } catch (error) {
      return error as { readonly type?: string; readonly code?: number; readonly [field: string]: unknown };
    }
    throw new Error('it was not refused');
  };
  const read = async (reading: AsyncIterable<{ event?: { id: string; revision: bigint } | undefined }>) => {
    const found: { id: string; revision: bigint }[] = [];
    for await (const { event: one } of reading) found.push(one!);
    return found;
  };

  test('an append answers with the revision and the position of its last event', async () => {
    const stream = newStream();
    const answer = await append(stream, NO_STREAM, [event(), event()]);
    assert.is(answer.success, true);
    assert.is(answer.nextExpectedRevision, 1n);
    assert.is(answer.position!.commit, answer.position!.prepare);
    const [, last] = await Array.fromAsync(client.readStream(stream));
    assert.equal(last!.event!.position, answer.position);
  });

  test('a wrong revision is an error with both revisions', async () => {
    const stream = newStream();
    const none = await refusal(() => append(stream, 5n, [event()]));
    assert.equal([none.type, none.expectedVersion, none.actualVersion], ['wrong-expected-version', 5n, 'no_stream']);
    await append(stream, NO_STREAM, [event()]);
    const one = await refusal(() => append(stream, NO_STREAM, [event()]));
    assert.equal([one.type, one.expectedVersion, one.actualVersion], ['wrong-expected-version', 'no_stream', 0n]);
  });

  test('the same ids at the same revision again are the first answer, whatever stands behind them', async () => {
    const stream = newStream();
    const events = [event(), event(), event()];
    const first = await append(stream, NO_STREAM, events);
    assert.equal(await append(stream, NO_STREAM, events), first);
    await append(stream, 2n, [event()]);
    assert.equal(await append(stream, NO_STREAM, events), first);
    assert.is((await read(client.readStream(stream))).length, 4);
  });

  test('the same id at the revision after it is another event', async () => {
    const stream = newStream();
    const twice = event();
    await append(stream, NO_STREAM, [twice]);
    assert.is((await append(stream, 0n, [twice])).nextExpectedRevision, 1n);
  });

  test('the last of a batch with a new one behind it is no repeat', async () => {
    const stream = newStream();
    const events = [event(), event(), event()];
    await append(stream, NO_STREAM, events);
    const error = await refusal(() => append(stream, 1n, [events[2]!, event()]));
    assert.is(error.type, 'wrong-expected-version');
  });

  test('an append has at most a mebibyte, and nothing of a larger one is written', async () => {
    const stream = newStream();
    const error = await refusal(() => append(stream, NO_STREAM, [event({ text: 'x'.repeat(1024 * 1024) })]));
    assert.equal([error.type, error.maxAppendSize], ['maximum-append-size-exceeded', 1024 * 1024]);
    assert.is((await refusal(() => read(client.readStream(stream)))).type, 'stream-not-found');
  });

  test('reads begin with what stands where they begin, and end in silence', async () => {
    const stream = newStream();
    const events = [event(), event(), event()];
    const { position } = await append(stream, NO_STREAM, events);
    const from = await read(client.readStream(stream, { fromRevision: 1n }));
    assert.equal(
      from.map(({ id }) => id),
      [events[1]!.id, events[2]!.id],
    );
    assert.equal(await read(client.readStream(stream, { fromRevision: 9n })), []);
    const [last] = await read(client.readStream(stream, { fromRevision: END, direction: BACKWARDS, maxCount: 1 }));
    assert.is(last!.id, events[2]!.id);
    const [all] = await read(client.readAll({ fromPosition: position!, maxCount: 1 }));
    assert.is(all!.id, events[2]!.id);
  });

  test('no stream, no count and no such position are errors', async () => {
    assert.is((await refusal(() => read(client.readStream(newStream())))).type, 'stream-not-found');
    const { position } = await append(newStream(), NO_STREAM, [event()]);
    const between = { commit: position!.commit + 1n, prepare: position!.prepare + 1n };
    for (const call of [{ maxCount: 0 }, { fromPosition: between, maxCount: 1 }]) {
      const error = await refusal(() => read(client.readAll(call)));
      assert.equal([error.type, error.code], ['unknown', 2]);
    }
  });

  test('a stream that was deleted reads as not found and goes on behind its old end', async () => {
    const stream = newStream();
    await append(stream, NO_STREAM, [event(), event()]);
    await client.deleteStream(stream);
    assert.is((await refusal(() => read(client.readStream(stream)))).type, 'stream-not-found');
    assert.is((await append(stream, NO_STREAM, [event()])).nextExpectedRevision, 2n);
    assert.equal(
      (await read(client.readStream(stream))).map(({ revision }) => revision),
      [2n],
    );
  });

  test('a stream with a tombstone takes nothing and gives nothing', async () => {
    const stream = newStream();
    await append(stream, NO_STREAM, [event()]);
    await client.tombstoneStream(stream);
    assert.is((await refusal(() => append(stream, 0n, [event()]))).type, 'stream-deleted');
    assert.is((await refusal(() => read(client.readStream(stream)))).type, 'stream-deleted');
  });

  test('a subscription begins behind the event that it is given', async () => {
    const stream = newStream();
    const events = [event(), event()];
    await append(stream, NO_STREAM, events);
    const subscription = client.subscribeToStream(stream, { fromRevision: 0n });
    for await (const { event: one } of subscription) {
      assert.is(one!.id, events[1]!.id);
      break;
    }
    await subscription.unsubscribe();
    const live = client.subscribeToStream(stream, { fromRevision: START });
    const seen: (string | undefined)[] = [];
    const third = event();
    for await (const { event: one } of live) {
      seen.push(one?.id);
      if (seen.length === 2) await append(stream, 1n, [third]);
      if (seen.length === 3) break;
    }
    assert.equal(
      seen,
      [...events, third].map(({ id }) => id),
    );
    await live.unsubscribe();
  });

  test.run();
};

facts('the double', null, async () => {
  const { connectionString, close } = await startEventStoreDouble();
  return { connectionString, stop: close };
});
facts('EventStoreDB itself', noRealEventStore, async () => {
  const server = sharedEventStore();
  return { connectionString: await server.connectionString(), stop: server.stop };
});
