import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { statusOfCode } from '../../api/statusOfCode.ts';
import { isEventName } from '../../domain/events.ts';
import { revocationOf } from '../../domain/revocation.ts';
import { callsTable, everyCall } from '../../scripts/callsTable.ts';
import { suite } from '../support/suite.ts';

const s = suite('the table of calls');

const calls = everyCall();
const named = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

s('is the one that the declarations give: run `npm run docs`', () => {
  assert.is(readFileSync(new URL('../../docs/calls.md', import.meta.url), 'utf8'), callsTable(calls));
});

s('has every call once', () => {
  const names = calls.map(named);
  assert.equal([...new Set(names)], names);
});

s('has a full row for whatever changes something, or says why nothing of it is in the log', () => {
  for (const call of calls) {
    if (call.method !== 'GET')
      assert.ok(
        (call.command === undefined) !== (call.unlogged === undefined),
        `${named(call)}: a command, or why none`,
      );
    if (call.command === undefined) continue;
    const { command, stream, events } = call.command;
    assert.match(command, /^[A-Z][A-Za-z]+$/, named(call));
    assert.ok(stream.length > 0 && events.length > 0, named(call));
  }
});

s('names events that there are, and the message that they make', () => {
  const metadata = { at: '2027-01-01T00:00:00.000Z' };
  for (const call of calls) {
    if (call.command === undefined) continue;
    const { events, message } = call.command;
    const kinds = new Set(
      events.map((type) => {
        assert.ok(isEventName(type), `${named(call)}: ${type}`);
        return revocationOf({ type, stream: 'user-u1', data: {}, metadata })?.kind ?? 'none';
      }),
    );
    kinds.delete('none');
    assert.equal([...kinds], message === 'none' ? [] : [message], `${named(call)}: ${events.join(', ')}`);
  }
});

s('rejects only with codes that have a status', () => {
  for (const call of calls)
    for (const code of [...(call.command?.rejections ?? []), ...(call.refuses ?? [])])
      assert.type((statusOfCode as { [code: string]: number })[code], 'number', `${named(call)}: ${code}`);
});

s.run();
