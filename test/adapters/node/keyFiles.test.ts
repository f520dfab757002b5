import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { findKey, UnusableKey } from '../../../adapters/node/keyFiles.ts';
import { suite } from '../../support/suite.ts';

const keys = suite('key files');
const folder = mkdtempSync(join(tmpdir(), 'keyledger-keys-'));
const key = Buffer.from(Array.from({ length: 32 }, (_, n) => 255 - n));
const variable = 'KEYLEDGER_MASTER_KEY';
const write = (name: string, text: string, mode = 0o600) => {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
};
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    assert.instance(error, UnusableKey);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
};

for (const [form, text] of [
  ['hex', key.toString('hex')],
  ['upper-case hex', key.toString('hex').toUpperCase()],
  ['base64', key.toString('base64')],
  ['base64 without padding', key.toString('base64').replace('=', '')],
  ['base64url', key.toString('base64url')],
  ['a line', `${key.toString('base64')}\n`],
] as const) {
  keys(`reads ${form} from the variable`, () => {
    const found = findKey({ [variable]: text }, variable, null, false);
    assert.equal(found, { key, source: 'environment', path: null });
  });
}

keys('reads the file that the variable names', () => {
  const path = write('named', key.toString('hex'), 0o644);
  assert.equal(findKey({ [`${variable}_FILE`]: path }, variable, null, false), { key, source: 'file', path });
});

for (const [why, text] of [
  ['too short', key.subarray(1).toString('base64')],
  ['too long', Buffer.concat([key, key]).toString('base64')],
  ['no base64', 'a key that is 32 bytes of text .'],
  ['empty', ''],
  ['with a stray character', `${key.toString('base64').slice(0, 20)}*${key.toString('base64').slice(20)}`],
] as const) {
  keys(`refuses what is ${why}, naming the variable and not the value`, () => {
    const message = refusal(() => findKey({ [variable]: text }, variable, null, false));
    assert.match(message, variable);
    assert.ok(text === '' || !message.includes(text));
  });
}

keys('refuses both ways at once, and a file that is not there', () => {
  assert.match(
    refusal(() => findKey({ [variable]: 'a', [`${variable}_FILE`]: 'b' }, variable, null, false)),
    'both',
  );
  const nowhere = join(folder, 'nowhere');
  assert.match(
    refusal(() => findKey({ [`${variable}_FILE`]: nowhere }, variable, null, false)),
    `${variable}_FILE names a file that does not exist`,
  );
  assert.match(
    refusal(() => findKey({ [`${variable}_FILE`]: folder }, variable, null, false)),
    'cannot be read',
  );
});

keys('makes a key for its owner alone, once', () => {
  const path = join(folder, 'master-key');
  const made = findKey({}, variable, path, true)!;
  assert.is(made.source, 'made');
  assert.is(made.key.length, 32);
  assert.is(statSync(path).mode & 0o777, 0o600);
  assert.equal(findKey({}, variable, path, true), { key: made.key, source: 'file', path });
  assert.is(readFileSync(path, 'utf8').length, 45);
  assert.equal(
    readdirSync(folder).filter((name) => name.startsWith('master-key')),
    ['master-key'],
  );
});

keys('makes none where none may be made', () => {
  assert.is(findKey({}, variable, join(folder, 'absent'), false), null);
  assert.is(findKey({}, variable, null, true), null);
});

keys('refuses a key that others can read, and a folder that is not there', () => {
  const path = write('open', key.toString('hex'), 0o640);
  assert.match(
    refusal(() => findKey({}, variable, path, true)),
    'chmod 600',
  );
  assert.match(
    refusal(() => findKey({}, variable, join(folder, 'no', 'key'), true)),
    'cannot be written',
  );
});

keys.after(() => rmSync(folder, { recursive: true }));
keys.run();
