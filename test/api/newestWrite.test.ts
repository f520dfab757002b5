import * as assert from 'uvu/assert';
import { rememberNewest } from '../../api/newestWrite.ts';
import type { Command, Execute, Outcome, Request } from '../../commands/command.ts';
import { reject } from '../../domain/decider.ts';
import { suite } from '../support/suite.ts';

const s = suite('the newest write that somebody was answered');

const request = {} as Request;
const command = {} as Command<Outcome<null>, null>;
const at = (position: string | null): Outcome<null> => ({ result: null, position, replayed: false });
/** A handler whose commands come to what they are given. */
const execute = (async (_command: unknown, input: unknown) => input) as Execute;

s('is the furthest, whichever was answered last', async () => {
  const own = rememberNewest(execute);
  assert.is(own.newestWrite(), null);
  const seen = [];
  for (const outcome of [at(null), at('05'), at('03'), reject('not-found'), at('07')]) {
    assert.is(await own.execute(command, outcome, request), outcome);
    seen.push(own.newestWrite());
  }
  assert.equal(seen, [null, '05', '05', '05', '07']);
});

s('is none of what was run past it', async () => {
  const own = rememberNewest(execute);
  await execute(command, at('09'), request);
  assert.is(own.newestWrite(), null);
});

s.run();
