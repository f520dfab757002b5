// Runs in the writing thread: what an append means in SQL.
import type { DatabaseSync } from 'node:sqlite';
import type { Handler } from './groupCommitProtocol.ts';
import type { Schema } from './schema.ts';

// Stored shapes: add steps, never change one.
export const schema: Schema = {
  applicationId: 0x4b4c6576,
  steps: [
    `
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY,
      stream TEXT NOT NULL,
      revision INTEGER NOT NULL,
      id TEXT NOT NULL,
      type TEXT NOT NULL,
      data TEXT NOT NULL,
      sealed TEXT,
      metadata TEXT NOT NULL,
      UNIQUE (stream, revision)
    ) STRICT;
    CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
      BEGIN SELECT RAISE(ABORT, 'events are never rewritten'); END;
    CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
      BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
    -- REPLACE removes without a DELETE; a seq that is not given is -1 here.
    CREATE TRIGGER events_are_never_replaced BEFORE INSERT ON events
      WHEN NEW.seq <> -1 OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND revision >= NEW.revision)
      BEGIN SELECT RAISE(ABORT, 'events are added at the end'); END;
    `,
  ],
};

/** `expected` is -1 where the stream must have no events. `events`: id, type, data, sealed, metadata of each, one after another. */
export type AppendMessage = {
  readonly stream: string;
  readonly expected: number;
  readonly events: readonly (string | null)[];
};

const fieldsPerEvent = 5;

/** `actual` is the stream's last revision, -1 where it has no events. */
export type AppendAnswer = { readonly revision: number; readonly seq: number } | { readonly actual: number };

export const handlers = (db: DatabaseSync): Handler<AppendMessage, AppendAnswer> => {
  const last = db.prepare('SELECT revision FROM events WHERE stream = ? ORDER BY revision DESC LIMIT 1');
  const at = db.prepare('SELECT seq, id FROM events WHERE stream = ? AND revision = ?');
  const insert = db.prepare(
    'INSERT INTO events (stream, revision, id, type, data, sealed, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );

  const insertAll = ({ stream, expected, events }: AppendMessage): AppendAnswer => {
    let revision = expected;
    let seq = 0;
    for (let field = 0; field < events.length; field += fieldsPerEvent) {
      const [id, type, data, sealed, metadata] = events.slice(field, field + fieldsPerEvent);
      revision += 1;
      seq = Number(insert.run(stream, revision, id!, type!, data!, sealed!, metadata!).lastInsertRowid);
    }
    return { revision, seq };
  };

  /** The answer that this very append had before, if it had one. */
  const repeated = ({ stream, expected, events }: AppendMessage): AppendAnswer | null => {
    let revision = expected;
    let seq = 0;
    for (let field = 0; field < events.length; field += fieldsPerEvent) {
      revision += 1;
      const row = at.get(stream, revision);
      if (row?.id !== events[field]) return null;
      seq = row!.seq as number;
    }
    return { revision, seq };
  };

  return (message) => {
    const actual = (last.get(message.stream)?.revision as number | undefined) ?? -1;
    if (actual === message.expected) return insertAll(message);
    return (actual > message.expected ? repeated(message) : null) ?? { actual };
  };
};
