import type { StoredEvent } from '../commands/ports/eventStore.ts';
import { eventShape } from '../projections/eventShape.ts';
import type { OpenedEvent } from './readKeys.ts';

/** Opens events and names who acted. */
export type Labelled = (stored: readonly StoredEvent[]) => Promise<readonly OpenedEvent[]>;

const together = 200;

async function* batches(events: AsyncIterable<StoredEvent>): AsyncGenerator<readonly StoredEvent[]> {
  let batch: StoredEvent[] = [];
  for await (const event of events) {
    batch.push(event);
    if (batch.length < together) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const shown = ({ event, label }: OpenedEvent) => JSON.stringify(eventShape(event, label));

/** One event a line, as NDJSON. */
export async function* eventLines(
  pages: AsyncIterable<readonly StoredEvent[]>,
  labelled: Labelled,
): AsyncGenerator<string> {
  for await (const page of pages) yield (await labelled(page)).map((event) => `${shown(event)}\n`).join('');
}

/** One JSON object with all events and then the rest of its fields, a few events in memory at a time. */
export async function* historyText(
  events: AsyncIterable<StoredEvent>,
  labelled: Labelled,
  rest: { readonly [field: string]: unknown },
): AsyncGenerator<string> {
  let before = '{"events":[';
  for await (const batch of batches(events)) {
    yield before + (await labelled(batch)).map(shown).join(',');
    before = ',';
  }
  yield `${before === ',' ? '' : before}],${JSON.stringify(rest).slice(1)}`;
}
