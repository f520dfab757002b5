import * as assert from 'uvu/assert';
import { createListeners } from '../../../sdk/src/core/listeners.ts';
import { suite } from '../../support/suite.ts';

const listeners = suite('who listens to the verifier');

listeners('each call is told of each event until it is ended', () => {
  const { on, emit } = createListeners();
  const told: string[] = [];
  const listener = (state: string) => told.push(state);
  const [first, second] = [on('state', listener), on('state', listener)];
  emit('state', 'live');
  first();
  emit('state', 'stale');
  second();
  emit('state', 'live');
  assert.equal(told, ['live', 'live', 'stale']);
});

listeners('one that ends another, or begins, while an event is told', () => {
  const { on, emit } = createListeners();
  const told: string[] = [];
  on('state', () => {
    end();
    on('state', () => told.push('late'));
  });
  const end = on('state', () => told.push('ended'));
  emit('state', 'live');
  assert.equal(told, ['ended'], 'who was there is told');
  emit('state', 'stale');
  assert.equal(told, ['ended', 'late']);
});

listeners('what one throws is an uncaught exception of the process, and costs no other', async () => {
  const { on, emit } = createListeners();
  const told: string[] = [];
  on('state', () => {
    throw new Error('of a listener');
  });
  on('state', (state) => told.push(state));
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const uncaught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
  try {
    emit('state', 'live');
    assert.equal(told, ['live']);
    assert.is((await uncaught).message, 'of a listener');
  } finally {
    for (const listener of before) process.on('uncaughtException', listener);
  }
});

listeners('what is no event, and what is no listener', () => {
  const { on } = createListeners();
  for (const name of ['nonsense', 'toString', '__proto__'])
    assert.throws(
      () => on(name as never, () => {}),
      (error: Error) => error instanceof TypeError && /'revoked' and 'state'/.test(error.message),
    );
  assert.throws(() => on('state', undefined as never), TypeError);
});

listeners.run();
