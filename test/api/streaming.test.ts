import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import * as assert from 'uvu/assert';
import { streamText } from '../../api/streaming.ts';
import { suite } from '../support/suite.ts';

const s = suite('streaming');

const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A receiver who takes one part each time it is told to. */
const receiver = () => {
  const got: string[] = [];
  let take: (() => void) | null = null;
  const stream = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      got.push(chunk.toString());
      take = () => {
        take = null;
        done();
      };
    },
  });
  return {
    got,
    response: stream as unknown as ServerResponse,
    stream,
    take: () => take?.(),
    waits: () => take !== null,
  };
};

const counted = (count: number) => {
  const made = { parts: 0, ended: false };
  async function* parts() {
    try {
      for (; made.parts < count; ) {
        made.parts += 1;
        yield `part ${made.parts};`;
      }
    } finally {
      made.ended = true;
    }
  }
  return { made, parts: parts() };
};

s('makes no part before there is room for it', async () => {
  const { made, parts } = counted(1000);
  const to = receiver();
  const done = streamText(to.response, parts);
  await turns();
  assert.ok(to.waits());
  const ahead = made.parts;
  assert.ok(ahead <= 4, `${ahead} parts were made for a receiver that took none`);
  for (let i = 1; i < 1000; i++) {
    to.take();
    await turns(3);
    assert.ok(made.parts - to.got.length <= 4, `${made.parts} made, ${to.got.length} taken`);
  }
  to.take();
  await done;
  assert.is(to.got.length, 1000);
  assert.is(to.got.at(-1), 'part 1000;');
});

s('stops making when the receiver leaves, and calls that no error', async () => {
  const { made, parts } = counted(1000);
  const to = receiver();
  const done = streamText(to.response, parts);
  await turns();
  to.stream.destroy();
  await done;
  await turns();
  assert.ok(made.ended);
  assert.ok(made.parts < 10);
});

s('ends the connection where a part cannot be made', async () => {
  async function* parts() {
    yield 'one;';
    throw new Error('the store is gone');
  }
  const to = receiver();
  const done = streamText(to.response, parts()).then(
    () => 'passed',
    (error: Error) => error.message,
  );
  await turns();
  to.take();
  assert.is(await done, 'the store is gone');
  assert.ok(to.stream.destroyed);
  assert.not.ok(to.stream.writableFinished);
});

s.run();
