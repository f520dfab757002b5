import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { isStreamName } from '../../domain/streams.ts';
import { suite } from '../support/suite.ts';

const test = suite('names of streams');

test('every stream that an aggregate declares is known, with an id where it takes one', async () => {
  let declared = 0;
  for (const file of readdirSync('domain').filter((name) => name.endsWith('.ts'))) {
    const exported: object = await import(`../../domain/${file}`);
    for (const [name, value] of Object.entries(exported)) {
      if (!/^(?!idIn)\w+Stream$/.test(name)) continue;
      declared += 1;
      const stream: unknown = typeof value === 'function' ? value('01') : value;
      assert.type(stream, 'string', `${file} ${name}`);
      assert.ok(isStreamName(stream as string), `${file} ${name}`);
    }
  }
  assert.ok(declared >= 10);
});

test('nothing else is, nor one that lacks its id', () => {
  for (const name of ['', 'user', 'user-', 'users-1', 'policy-1', 'b-policy', 'b-user-1', '$policy'])
    assert.not(isStreamName(name), name);
});

test.run();
