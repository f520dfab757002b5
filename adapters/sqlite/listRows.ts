import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { RowWrite } from './listChanges.ts';
import { columnSql, indexBy, type ListTable } from './listTable.ts';

/** Makes `merged(json, json)` known to the connection: the fields of both, the second's where both have them. */
export const knowMerged = (db: DatabaseSync): void =>
  db.function('merged', { deterministic: true }, (before, given) =>
    JSON.stringify({ ...JSON.parse(before as string), ...JSON.parse(given as string) }),
  );

/** Statements kept at most: several times as many as there are kinds of changes. */
const maxKept = 300;

/**
 * Writes rows of one list. While its table is filled nothing is read: what a change says is written over what is there.
 * Once texts are found by value, a column's value is looked at first, so that its texts go with it and no index is
 * touched without need.
 */
export const listRows = (
  db: DatabaseSync,
  { name, texts, indexes, columns }: ListTable,
): ((write: RowWrite) => void) => {
  const sqlAt = (place: number): string => columns[place]!.sql;
  const textsPlaces = columns.flatMap(({ type }, at) => (type === 'texts' ? [at] : []));
  const ofTexts = (sql: (texts: string) => string) => (texts === null ? null : db.prepare(sql(texts)));
  const insertText = ofTexts((into) => `INSERT OR IGNORE INTO ${into} (col, value, id) VALUES (?, ?, ?)`);
  const removeText = ofTexts((from) => `DELETE FROM ${from} WHERE col = ? AND value = ? AND id = ?`);

  const kept = new Map<string, StatementSync>();
  const prepared = (key: string, sql: () => string): StatementSync => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    if (kept.size >= maxKept) kept.clear();
    const statement = db.prepare(sql());
    statement.setReturnArrays(true);
    kept.set(key, statement);
    return statement;
  };

  const setSql = (places: readonly number[], rest: string | null, given: (column: string) => string): string =>
    [
      ...places.map((place) => `${sqlAt(place)} = ${given(sqlAt(place))}`),
      ...(rest === null ? [] : [`rest = merged(rest, ${given('rest')})`]),
    ].join(', ');

  const upsert = (id: string, places: string, rest: string | null, values: readonly SQLInputValue[]) =>
    prepared(`set ${places}${rest === null ? '' : '+'}`, () => {
      const given = placesIn(places);
      const names = ['id', 'rest', ...given.map(sqlAt)];
      const set = setSql(given, rest, (column) => `excluded.${column}`);
      return `INSERT INTO ${name} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
              ON CONFLICT (id) DO ${set === '' ? 'NOTHING' : `UPDATE SET ${set}`}`;
    }).run(id, rest ?? '{}', ...values);

  const update = (
    column: string,
    equals: string,
    places: string,
    rest: string | null,
    values: readonly SQLInputValue[],
  ) => {
    if (places === '' && rest === null) return;
    const statement = prepared(
      `update ${column} ${places}${rest === null ? '' : '+'}`,
      () => `UPDATE ${name} SET ${setSql(placesIn(places), rest, () => '?')} WHERE ${columnSql(column)} = ?`,
    );
    if (rest === null) statement.run(...values, equals);
    else statement.run(...values, rest, equals);
  };

  /** @returns undefined where there is no such row */
  const valuesOf = (id: string, places: readonly number[]): readonly SQLOutputValue[] | undefined =>
    (
      prepared(
        `values ${places}`,
        () => `SELECT ${['id', ...places.map(sqlAt)].join(', ')} FROM ${name} WHERE id = ?`,
      ).get(id) as unknown as readonly SQLOutputValue[] | undefined
    )?.slice(1);

  const moveTexts = (id: string, place: number, before: SQLInputValue, now: SQLInputValue) => {
    if (before === now) return;
    const held = textsOf(before);
    const holds = textsOf(now);
    const column = columns[place]!.name;
    for (const value of held.difference(holds)) removeText!.run(column, value, id);
    for (const value of holds.difference(held)) insertText!.run(column, value, id);
  };

  const writeIndexed = (creates: boolean, id: string, given: string, rest: string | null, values: SQLInputValue[]) => {
    const places = placesIn(given);
    const before = valuesOf(id, places);
    if (before === undefined && !creates) return;
    const isOther = (_: unknown, at: number) => before === undefined || before[at] !== values[at];
    const others = places.filter(isOther).join();
    const otherValues = values.filter(isOther);
    if (before === undefined) upsert(id, others, rest, otherValues);
    else update('id', id, others, rest, otherValues);
    places.forEach((place, at) => {
      if (columns[place]!.type === 'texts') moveTexts(id, place, before?.[at] ?? null, values[at]!);
    });
  };

  const remove = (id: string) => {
    if (texts !== null)
      valuesOf(id, textsPlaces)?.forEach((before, at) => {
        moveTexts(id, textsPlaces[at]!, before, null);
      });
    prepared('remove', () => `DELETE FROM ${name} WHERE id = ?`).run(id);
  };

  const findable = new Set(['id', ...indexes.map(([first]) => first!)]);
  /** A rebuild may look for a column's value once per event, so it cannot wait for the table's indexes. */
  const makeFindable = (column: string) => {
    if (findable.has(column)) return;
    db.exec(`CREATE INDEX IF NOT EXISTS ${indexBy(name, column)} ON ${name} (${columnSql(column)})`);
    findable.add(column);
  };
  const idsWhere = (column: string, equals: string): readonly string[] =>
    prepared(`where ${column}`, () => `SELECT id FROM ${name} WHERE ${columnSql(column)} = ?`)
      .all(equals)
      .map((row) => (row as unknown as [string])[0]);

  return ([op, column, equals, places, rest, ...values]) => {
    if (op === 'remove') return remove(equals);
    makeFindable(column);
    if (texts === null) {
      if (op === 'set') upsert(equals, places, rest, values);
      else update(column, equals, places, rest, values);
      return;
    }
    const ids = op === 'updateWhere' ? idsWhere(column, equals) : [equals];
    for (const id of ids) writeIndexed(op === 'set', id, places, rest, values);
  };
};

const placesIn = (places: string): readonly number[] => (places === '' ? [] : places.split(',').map(Number));

const textsOf = (json: SQLInputValue): Set<string> => new Set(json === null ? [] : JSON.parse(json as string));
