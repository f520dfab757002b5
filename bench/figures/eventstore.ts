import { randomUUID } from 'node:crypto';
import {
  type AppendExpectedRevision,
  type AppendResult,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
} from '@eventstore/db-client';
import { createEventStoreDb } from '../../adapters/eventstoredb/eventStore.ts';
import type { StoredEvent } from '../../commands/ports/eventStore.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { eventStoreInUse } from '../../test/servers/eventStore.ts';
import type { Bench, Figure, Sample } from '../figure.ts';
import { creatingRound } from '../support/creating.ts';
import { eventStoreServer } from '../support/eventStoreServer.ts';
import { clock, openInstallation, scheduler } from '../support/installation.ts';
import { createKeys, registerMembers } from '../support/people.ts';

const owners = 64;
const roundMs = 1_500;

const onDouble = eventStoreInUse === 'the double';
const server = onDouble
  ? "the tests' stand-in for EventStoreDB, in a process of its own: no disk, and slower than the real one at everything else"
  : 'EventStoreDB';

export const eventStoreFigure: Figure = {
  name: 'eventstore',
  title: `API keys made and acknowledged over ${onDouble ? 'a stand-in for EventStoreDB' : 'EventStoreDB'}`,
  unit: onDouble ? 'commands/s (stand-in)' : 'commands/s',
  goal: 0.8,
  rounds: 9,
  baseline: `appendToStream of @eventstore/db-client, events of that size, ${owners} in flight over ${owners} streams, to ${server}`,
  product: `CreateApiKey through the command handler, ${owners} in flight over ${owners} owners, to one of the same, each in the verification index before it is answered; vault and lists in SQLite`,
  bound:
    'the one thread that decides, encrypts, appends, reads back into the index and folds, where the server is faster than that',
  open: async (folder) => {
    const { connectionString, stop } = await eventStoreServer();
    // One of its own, so that the index does not read what the baseline writes; a given one is the same.
    const bare = await eventStoreServer();
    const prefix = `bench${Date.now().toString(36)}`;
    const store = createEventStoreDb({ connectionString, prefix, clock, scheduler });
    const installation = await openInstallation(folder, store);
    const create = createKeys(installation);
    const [first] = await registerMembers(installation, 1);
    await create(first!);
    const { events } = await store.readStream(keyringStream(first!), 0, 1);
    const client = EventStoreDBClient.connectionString(bare.connectionString);
    return {
      baseline: () => bareRound(client, prefix, events[0]!),
      product: () => creatingRound(installation, create, owners, roundMs),
      close: async () => {
        await client.dispose();
        await installation.close();
        await stop();
        await bare.stop();
      },
    } satisfies Bench;
  },
};

/** Streams of their own for each round, as the product's. */
const bareRound = async (client: EventStoreDBClient, prefix: string, like: StoredEvent): Promise<Sample> => {
  const { type, data, sealed, metadata: envelope } = like;
  const metadata = { envelope, sealed };
  const took: number[] = [];
  const began = performance.now();
  const until = began + roundMs;
  await Promise.all(
    Array.from({ length: owners }, async () => {
      const stream = `bare-${prefix}-${randomUUID()}`;
      let expectedRevision: AppendExpectedRevision = NO_STREAM;
      for (let at = performance.now(); at < until; ) {
        const event = jsonEvent({ id: randomUUID(), type, data, metadata });
        const written: AppendResult = await client.appendToStream(stream, event as never, { expectedRevision });
        expectedRevision = written.nextExpectedRevision;
        const now: number = performance.now();
        took.push(now - at);
        at = now;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor(took.length * share)]!;
  return { rate: took.length / seconds, more: { 'p50 ms': at(0.5), 'p99 ms': at(0.99) } };
};
