import * as assert from 'uvu/assert';
import { createAnswering } from '../../../sdk/src/core/answering.ts';
import type { Health } from '../../../sdk/src/core/calls.ts';
import { VerifierUnavailable } from '../../../sdk/src/errors.ts';
import { suite } from '../../support/suite.ts';
import { aKey } from './bed.ts';
import { entryOf } from './entry.ts';

const answering = suite('what a use of a key gets');

type World = {
  isKnown: boolean;
  counts: boolean;
  isFresh: boolean;
  mayRecall: boolean;
  state: 'live' | 'catching-up' | 'stale';
  health: Health;
  /** What the server says; otherwise why it says nothing. */
  says: 'yes' | VerifierUnavailable['code'];
  refreshAt: number;
};

const createRig = (more: Partial<World> = {}, importedKeys = false, monotonic = () => 500) => {
  const world: World = {
    ...{ isKnown: true, counts: true, isFresh: true, mayRecall: true, state: 'live', health: 'answered' },
    ...{ says: 'yes', refreshAt: 1_000 },
    ...more,
  };
  const entry = entryOf(`hash of ${aKey}`, 'remembered', 'owner-1', { refreshAt: world.refreshAt });
  const asked: object[] = [];
  const answer = createAnswering({
    importedKeys,
    known: {
      find: (hash: string) => (world.isKnown && hash === entry.hash ? entry : undefined),
      counts: () => world.counts,
      use: () => entry.answer,
    } as never,
    trust: { isFresh: () => world.isFresh, mayRecall: () => world.mayRecall, state: () => world.state } as never,
    asking: {
      ask: async (_hash: string, _key: string, question: object) => {
        asked.push(question);
        if (world.says !== 'yes') throw new VerifierUnavailable(world.says);
        return entryOf('', 'asked').key;
      },
    } as never,
    health: () => world.health,
    stale: () => new VerifierUnavailable('stale'),
    surroundings: { monotonic, hash: (text) => `hash of ${text}` },
  });
  const got = (key = aKey, question: object = {}) =>
    answer(key, question).then(
      (result) => (result.valid ? result.keyId : result.code),
      (error: VerifierUnavailable) => error.code,
    );
  return { answer, got, asked };
};

answering('memory while it is fresh, and nobody is asked', async () => {
  const { got, asked } = createRig();
  assert.equal([await got(), asked.length], ['remembered', 0]);
});

answering('the server, where nothing is remembered, or it does not count, or may be too old', async () => {
  for (const more of [{ isKnown: false }, { counts: false }, { isFresh: false, state: 'catching-up' as const }]) {
    const { got, asked } = createRig(more);
    assert.equal([await got(), asked.length], ['asked', 1], JSON.stringify(more));
  }
});

answering('where the server does not answer, memory as long as it may be recalled', async () => {
  const old = { isFresh: false, state: 'catching-up' } as const;
  for (const [more, what] of [
    [{ says: 'timeout' }, 'remembered'],
    [{ says: 'unreachable' }, 'remembered'],
    [{ says: 'unreachable', mayRecall: false }, 'unreachable'],
    [{ says: 'unreachable', counts: false }, 'unreachable'],
    [{ says: 'server-error' }, 'server-error'],
    [{ says: 'unauthenticated' }, 'unauthenticated'],
    [{ says: 'overtaken' }, 'overtaken'],
  ] as const)
    assert.is(await createRig({ ...old, ...more }).got(), what, JSON.stringify(more));
});

answering('of a server that is known to be silent nothing is waited for, where memory may be recalled', async () => {
  const silent = { isFresh: false, health: 'silent', state: 'stale', says: 'timeout' } as const;
  for (const [more, what] of [
    [{}, 'remembered'],
    [{ mayRecall: false }, 'stale'],
    [{ isKnown: false }, 'stale'],
  ] as const) {
    const { got, asked } = createRig({ ...silent, ...more });
    assert.equal([await got(), asked.length], [what, 0]);
  }
});

answering('a use of one that is nearly too old asks beside its answer, without its scopes', async () => {
  for (const says of ['yes', 'timeout'] as const) {
    const { got, asked } = createRig({ refreshAt: 500, says });
    assert.is(await got(aKey, { scopes: ['a:read'], ip: '::1', userAgent: 'x' }), 'remembered');
    assert.equal(asked, [{ ip: '::1' }]);
  }
});

answering(
  'of one that is nearly too old many uses ask no more than once a second, though nobody says anything',
  async () => {
    let now = 500;
    const { got, asked } = createRig({ refreshAt: 500, says: 'too-many-requests' }, false, () => now);
    for (const [at, times] of [
      [500, 1],
      [1_499, 1],
      [1_500, 2],
    ] as const) {
      now = at;
      for (let use = 0; use < 3; use++) assert.is(await got(), 'remembered');
      assert.is(asked.length, times);
    }
  },
);

answering('what can be no key is malformed, unless there may be imported ones', async () => {
  const wrong = aKey.replace('0', '1');
  for (const [importedKeys, what] of [
    [false, 'malformed'],
    [true, 'asked'],
  ] as const) {
    const { got, asked } = createRig({}, importedKeys);
    assert.equal([await got(wrong), asked.length], [what, importedKeys ? 1 : 0]);
  }
});

answering("what becomes of the asker's list is another question", async () => {
  const { answer, asked } = createRig({ isKnown: false });
  const scopes = ['a:read'];
  const got = answer(aKey, { scopes });
  scopes.pop();
  await got;
  assert.equal(asked, [{ scopes: ['a:read'] }]);
});

answering.run();
