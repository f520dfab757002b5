import { createHmac } from 'node:crypto';
import { compareSync, hashSync } from 'bcryptjs';
import * as assert from 'uvu/assert';
import { passwordHasher } from '../../../adapters/node/passwordHasher.ts';
import { failedWith } from '../../../commands/failure.ts';
import { suite } from '../../support/suite.ts';

const passwords = suite('password hasher');
const pepper = new Uint8Array(32).fill(3);
const hasher = passwordHasher({ pepper, cost: 4, threads: 1, queue: 2 });
const keyed = (password: string, under = pepper) =>
  createHmac('sha384', under).update(password.normalize('NFC')).digest('base64');

passwords('begins a thread with the first password, not before', async () => {
  let begun = 0;
  const count = () => {
    begun += 1;
  };
  process.on('worker', count);
  const own = passwordHasher({ pepper, cost: 4, threads: 2 });
  // Who listens is told in the tick after a thread was begun.
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(begun, 0);
  await own.hash('correct horse battery staple');
  assert.is(begun, 1);
  process.off('worker', count);
  await own.close();
});

passwords('is bcrypt over the keyed hash', async () => {
  const hash = await hasher.hash('correct horse battery staple');
  assert.match(hash, /^\$2b\$04\$/);
  assert.ok(compareSync(keyed('correct horse battery staple'), hash));
  assert.equal(await hasher.verify('correct horse battery staple', hash), { right: true, needsRehash: false });
  assert.equal(await hasher.verify('correct horse battery stable', hash), { right: false, needsRehash: false });
});

passwords('tells passwords apart beyond 72 bytes and after a zero byte', async () => {
  const hash = await hasher.hash(`${'x'.repeat(80)}a\0b`);
  assert.ok((await hasher.verify(`${'x'.repeat(80)}a\0b`, hash)).right);
  assert.not.ok((await hasher.verify(`${'x'.repeat(80)}b\0b`, hash)).right);
  assert.not.ok((await hasher.verify(`${'x'.repeat(80)}a\0c`, hash)).right);
});

passwords('takes both Unicode compositions of one text', async () => {
  const hash = await hasher.hash('Gr\u00fc\u00dfe aus Z\u00fcrich');
  assert.ok((await hasher.verify('Gru\u0308\u00dfe aus Zu\u0308rich', hash)).right);
});

passwords('is worthless without the pepper', async () => {
  const hash = await hasher.hash('correct horse battery staple');
  assert.not.ok(compareSync(keyed('correct horse battery staple', new Uint8Array(32).fill(4)), hash));
});

passwords('asks for a new hash where the cost was another', async () => {
  const older = hashSync(keyed('correct horse battery staple'), 5);
  assert.equal(await hasher.verify('correct horse battery staple', older), { right: true, needsRehash: true });
  assert.equal(await hasher.verify('another', older), { right: false, needsRehash: false });
});

passwords('compares also where there is no hash, and says no', async () => {
  assert.equal(await hasher.verify('correct horse battery staple', null), { right: false, needsRehash: false });
});

passwords('refuses who comes when one runs and two wait, and only them', async () => {
  const accepted = ['one', 'two', 'three'].map((password) => hasher.hash(password));
  let refusal: unknown;
  await hasher.verify('four', null).catch((error) => {
    refusal = error;
  });
  assert.ok(failedWith(refusal, 'too-busy'));
  const hashes = await Promise.all(accepted);
  assert.ok((await hasher.verify('three', hashes[2]!)).right);
});

passwords('ends what waits when it is closed, and takes nothing more', async () => {
  const closing = passwordHasher({ pepper, cost: 4, threads: 1, queue: 8 });
  const outcomes = Promise.allSettled([1, 2, 3, 4].map((n) => closing.hash(`password ${n}`)));
  await closing.close();
  for (const outcome of await outcomes) {
    assert.ok(outcome.status === 'fulfilled' || failedWith(outcome.reason, 'too-busy'));
  }
  const late = await closing.hash('late').catch((error) => error);
  assert.ok(failedWith(late, 'too-busy'));
});

passwords.after(() => hasher.close());
passwords.run();
