import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { DataRefused } from '../../../adapters/sqlite/errors.ts';
import { openEventStore } from '../../../adapters/sqlite/eventStore.ts';
import { schema } from '../../../adapters/sqlite/eventStoreFile.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';
import { event, events } from '../events.ts';

const log = suite('the file of the log');

let folder: string;
let file: string;
let store: EventStore;

log.before.each(async () => {
  folder = temporaryFolder();
  file = join(folder, 'events.sqlite');
  store = await openEventStore({ file });
});
log.after.each(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** What somebody with the file and SQLite's own tools can do to it. */
const byHand = (sql: string) => {
  const db = new DatabaseSync(file);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
};

log('refuses to rewrite, remove or replace an event', async () => {
  await store.append('a', 'no-stream', events(3));
  const before = await store.readAll(null, 10);
  const columns = "stream, revision, id, type, data, metadata) VALUES ('a'";
  const refused: [string, RegExp][] = [
    [`UPDATE events SET data = '{}'`, /never rewritten/],
    ['UPDATE events SET seq = seq + 10', /never rewritten/],
    ['DELETE FROM events', /never removed/],
    ['DELETE FROM events WHERE seq = 3', /never removed/],
    [`INSERT OR REPLACE INTO events (${columns}, 1, 'x', 'X', '{}', '{}')`, /added at the end/],
    [
      `REPLACE INTO events (seq, ${columns.replace('VALUES (', 'VALUES (2, ')}, 3, 'x', 'X', '{}', '{}')`,
      /added at the end/,
    ],
    [
      `INSERT INTO events (seq, ${columns.replace('VALUES (', 'VALUES (9, ')}, 3, 'x', 'X', '{}', '{}')`,
      /added at the end/,
    ],
  ];
  for (const [sql, message] of refused) assert.throws(() => byHand(sql), message, sql);
  assert.equal(await store.readAll(null, 10), before);
});

log('numbers events without gaps, also past appends that were refused', async () => {
  for (let n = 0; n < 5; n += 1) {
    await store.append('a', n === 0 ? 'no-stream' : n - 1, [event()]);
    await store.append('a', 99, [event()]);
    await store.append('a', 'no-stream', [event({ text: 'x'.repeat(20_000_000) })]).catch(() => {});
  }
  const { events: all } = await store.readAll(null, 100);
  assert.equal(
    all.map(({ position }) => position),
    [1, 2, 3, 4, 5].map((n) => `000000000000000${n}`),
  );
});

log('gives positions of 16 digits past 0xf and 0xff', async () => {
  await store.append('a', 'no-stream', events(300));
  const { events: all } = await store.readAll(null, 1_000);
  assert.equal(
    [all[15], all[16], all[255], all[299]].map((one) => one!.position),
    ['0000000000000010', '0000000000000011', '0000000000000100', '000000000000012c'],
  );
  assert.is((await store.readAll('00000000000000ff', 1)).events[0]!.revision, 255);
});

log('gives fewer large events at once than were asked for', async () => {
  for (let n = 0; n < 8; n += 1)
    await store.append('a', n === 0 ? 'no-stream' : n - 1, [event({ text: 'x'.repeat(1_000_000) })]);
  const { events: some, end } = await store.readAll(null, 1_000);
  assert.ok(some.length >= 1 && some.length < 8, `${some.length} events of a megabyte`);
  assert.is(end, false);
});

log('refuses a position that is not of this kind of log', async () => {
  await store.append('a', 'no-stream', events(1));
  for (const position of ['', '1', '000000000000000G', '0'.repeat(32), 'f'.repeat(16), '0000000000000001 '])
    assert.is(await store.readAt(position), null);
});

log('refuses the file of another store, of a later release, and one that is damaged', async () => {
  await store.append('a', 'no-stream', events(1));
  await store.close();
  const refusal = async (sql: string) => {
    byHand(sql);
    const before = readFileSync(file);
    try {
      store = await openEventStore({ file });
    } catch (error) {
      assert.instance(error, DataRefused);
      assert.equal(readFileSync(file), before);
      return (error as DataRefused).code;
    }
    return 'opened';
  };
  assert.is(await refusal('PRAGMA user_version = 99'), 'newer-file');
  assert.is(await refusal('PRAGMA user_version = 1; PRAGMA application_id = 7'), 'foreign-file');
  assert.is(await refusal(`PRAGMA application_id = ${schema.applicationId}`), 'opened');
  assert.is((await store.readAll(null, 10)).events.length, 1);
});

log.run();
