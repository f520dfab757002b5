import { setImmediate } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { createTurns } from '../../../adapters/node/turns.ts';
import { suite } from '../../support/suite.ts';

const turns = suite('turns on the thread');

/** A thread on which every piece of work takes `each` milliseconds. */
const arrange = (each: number) => {
  let now = 0;
  const told: string[] = [];
  const { take, visited } = createTurns({ sliceMs: 10, quietMs: 100_000, now: () => now });
  visited();
  const piece = (name: string, work?: () => void) => () => {
    now += each;
    told.push(name);
    work?.();
  };
  /** Ends once nothing has happened for two rounds of the thread. */
  const over = async () => {
    for (let quiet = 0; quiet < 2; ) {
      const before = told.length;
      await setImmediate();
      if (told.length > before) told.push('|');
      quiet = told.length > before ? 0 : quiet + 1;
    }
    if (told.at(-1) === '|') told.pop();
    return told.join(' ');
  };
  return { take, piece, over, spend: (ms: number) => (now += ms), told };
};

turns('one after the other, so long together, then others', async () => {
  const { take, piece, over } = arrange(4);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) take(piece(name));
  assert.is(await over(), 'a b c | d e f | g');
});

turns('what takes long goes alone; what takes nothing goes with all others', async () => {
  const long = arrange(50);
  for (const name of ['a', 'b', 'c']) long.take(long.piece(name));
  assert.is(await long.over(), 'a | b | c');
  const short = arrange(0);
  for (let n = 0; n < 1_000; n++) short.take(short.piece('a'));
  assert.is(await short.over(), Array.from({ length: 1_000 }, () => 'a').join(' '));
});

turns('a piece counts with what follows from its promises, and is over before the next begins', async () => {
  const { take, piece, over, spend, told } = arrange(1);
  const follows = async (name: string) => {
    for (let n = 0; n < 5; n++) await null;
    spend(9);
    told.push(name);
  };
  for (const name of ['a', 'b']) take(piece(name, () => void follows(`after-${name}`)));
  assert.is(await over(), 'a after-a | b after-b');
});

turns('what comes while others wait comes after them, and is never forgotten', async () => {
  const { take, piece, over } = arrange(6);
  take(piece('a', () => take(piece('c', () => take(piece('d'))))));
  take(piece('b'));
  assert.is(await over(), 'a b | c d');
  take(piece('e'));
  assert.is(await over(), 'a b | c d e');
});

turns('where nobody is let through by it, nothing waits', async () => {
  let now = 0;
  const { take, visited, isHurried } = createTurns({ sliceMs: 10, quietMs: 100, now: () => now });
  const told: string[] = [];
  const begin = () => {
    for (const name of ['a', 'b']) take(() => told.push(name));
  };
  begin();
  assert.equal(told.splice(0), ['a', 'b']);
  visited();
  assert.ok(isHurried());
  now += 99;
  begin();
  assert.equal(told, []);
  await setImmediate();
  await setImmediate();
  assert.equal(told.splice(0), ['a', 'b']);
  now += 1;
  assert.not.ok(isHurried());
  begin();
  assert.equal(told.splice(0), ['a', 'b']);
});

turns('a piece that throws is no end to the others', async () => {
  const { take, piece, over } = arrange(1);
  const thrown: unknown[] = [];
  const catching = (error: unknown) => thrown.push(error);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', catching);
  try {
    take(() => {
      throw new Error('a fault');
    });
    take(piece('a'));
    assert.is(await over(), 'a');
    assert.is(thrown.length, 1);
  } finally {
    process.off('uncaughtException', catching);
    for (const listener of others) process.on('uncaughtException', listener);
  }
});

turns.run();
