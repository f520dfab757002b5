import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Change } from '../../commands/ports/lists.ts';
import type { Json } from '../../domain/json.ts';
import { compareTexts } from '../node/textOrder.ts';
import { columnSql, encode, indexBy, type ListTable, type Rest } from './listTable.ts';

type Fields = { readonly [field: string]: Json | undefined };

export type ListWriter = {
  readonly change: (change: Change) => void;
  /** Writes what `change` holds back. To be called before the transaction ends. */
  readonly flush: () => void;
  /** Forgets what it holds back. To be called before a transaction's first change: what an undone one left is not written. */
  readonly begin: () => void;
};

/** A document as it is going to be written. */
type Draft = {
  readonly id: string;
  /** In the table; `null` while it is only here. */
  before: readonly SQLInputValue[] | null;
  /** `null`: removed. */
  values: SQLInputValue[] | null;
  rest: Rest;
  restChanged: boolean;
};

/**
 * Changes of one list's documents. Those of one document between two flushes become one write of the columns that are
 * really other than before, so that no index is touched without need.
 */
export const listWriter = (db: DatabaseSync, table: ListTable): ListWriter => {
  const { name, texts, schema, columns, indexed } = table;
  const placeOf = new Map(columns.map((column, at) => [column.name, at]));
  const textsColumns = columns.flatMap(({ type }, at) => (type === 'texts' && texts !== null ? [at] : []));
  const all = ['id', ...columns.map(({ sql }) => sql), 'rest'];

  const select = db.prepare(`SELECT ${all.join(', ')} FROM ${name} WHERE id = ?`);
  select.setReturnArrays(true);
  const insert = db.prepare(`INSERT INTO ${name} (${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')})`);
  const remove = db.prepare(`DELETE FROM ${name} WHERE id = ?`);
  const ofTexts = (sql: (texts: string) => string) => (texts === null ? null : db.prepare(sql(texts)));
  const insertText = ofTexts((into) => `INSERT OR IGNORE INTO ${into} (col, value, id) VALUES (?, ?, ?)`);
  const removeText = ofTexts((from) => `DELETE FROM ${from} WHERE col = ? AND value = ? AND id = ?`);
  const updates = new Map<string, StatementSync>();
  const idsBy = new Map<string, StatementSync>();

  let drafts = new Map<string, Draft>();

  // New documents mostly come in the order of their ids: what lies beyond all of them need not be looked for.
  const selectLast = db.prepare(`SELECT max(id) AS id FROM ${name}`);
  let last: string | null = null;
  const isBeyond = (id: string): boolean => last === null || compareTexts(id, last) > 0;

  const load = (id: string): Draft => {
    const held = drafts.get(id);
    if (held !== undefined) return held;
    const row = isBeyond(id) ? undefined : (select.get(id) as unknown as SQLOutputValue[] | undefined);
    const before = row === undefined ? null : row.slice(1, -1);
    const rest: Rest = row === undefined ? {} : JSON.parse(row.at(-1) as string);
    const draft = { id, before, values: before === null ? null : [...before], rest, restChanged: false };
    drafts.set(id, draft);
    return draft;
  };

  const merge = (draft: Draft, fields: Fields) => {
    draft.values ??= columns.map(() => null);
    for (const field in fields) {
      const value = fields[field];
      if (value === undefined) continue;
      const place = placeOf.get(field);
      if (place !== undefined) draft.values[place] = value === null ? null : encode(columns[place]!.type, value);
      if (place === undefined || value === null) {
        draft.rest[field] = value;
        draft.restChanged = true;
      } else if (Object.hasOwn(draft.rest, field)) {
        delete draft.rest[field];
        draft.restChanged = true;
      }
    }
  };

  const change = (what: Change) => {
    if (what.op === 'updateWhere') {
      flush();
      for (const id of idsWhere(what.column, what.equals)) merge(load(id), what.fields);
      return;
    }
    const draft = load(what.id);
    if (what.op === 'remove') Object.assign(draft, { values: null, rest: {}, restChanged: true });
    else if (what.op === 'set' || draft.values !== null) merge(draft, what.fields);
  };

  const idsWhere = (column: string, equals: string): readonly string[] => {
    let statement = idsBy.get(column);
    if (statement === undefined) {
      // A rebuild may ask this once per event, so it cannot wait for the table's indexes.
      const has = column === 'id' || (indexed && schema.indexes.some(([first]) => first === column));
      if (!has) db.exec(`CREATE INDEX IF NOT EXISTS ${indexBy(name, column)} ON ${name} (${columnSql(column)})`);
      statement = db.prepare(`SELECT id FROM ${name} WHERE ${columnSql(column)} = ?`);
      idsBy.set(column, statement);
    }
    return statement.all(equals).map(({ id }) => id as string);
  };

  const update = ({ id, before, values, rest, restChanged }: Draft) => {
    const changed = columns.flatMap((_, at) => (before![at] === values![at] ? [] : [at]));
    if (changed.length === 0 && !restChanged) return;
    const key = `${changed.join()}${restChanged ? '+' : ''}`;
    let statement = updates.get(key);
    if (statement === undefined) {
      const set = [...changed.map((at) => columns[at]!.sql), ...(restChanged ? ['rest'] : [])];
      statement = db.prepare(`UPDATE ${name} SET ${set.map((column) => `${column} = ?`).join(', ')} WHERE id = ?`);
      updates.set(key, statement);
    }
    statement.run(...changed.map((at) => values![at]!), ...(restChanged ? [JSON.stringify(rest)] : []), id);
  };

  const writeTexts = ({ id, before, values }: Draft) => {
    for (const at of textsColumns) {
      const old = before?.[at] ?? null;
      const now = values?.[at] ?? null;
      if (old === now) continue;
      const held = textsOf(old);
      const holds = textsOf(now);
      const column = columns[at]!.name;
      for (const value of held.difference(holds)) removeText!.run(column, value, id);
      for (const value of holds.difference(held)) insertText!.run(column, value, id);
    }
  };

  const flush = () => {
    for (const draft of drafts.values()) {
      if (draft.values === null && draft.before === null) continue;
      if (draft.values === null) remove.run(draft.id);
      else if (draft.before !== null) update(draft);
      else {
        insert.run(draft.id, ...draft.values, JSON.stringify(draft.rest));
        if (isBeyond(draft.id)) last = draft.id;
      }
      writeTexts(draft);
    }
    drafts = new Map();
  };

  const begin = () => {
    drafts = new Map();
    last = selectLast.get()!.id as string | null;
  };

  return { change, flush, begin };
};

const textsOf = (json: SQLInputValue): Set<string> => new Set(json === null ? [] : JSON.parse(json as string));
