import * as assert from 'uvu/assert';
import { createJoined } from '../../../sdk/src/core/joined.ts';
import { suite } from '../../support/suite.ts';

const joined = suite('equal questions at once');

const createRig = () => {
  const { ask, close } = createJoined<string>();
  const asked: { readonly name: string; readonly answer: PromiseWithResolvers<string> }[] = [];
  return {
    ask: (name: string) =>
      ask(name, () => {
        const answer = Promise.withResolvers<string>();
        asked.push({ name, answer });
        return answer.promise;
      }),
    close,
    asked,
    names: () => asked.map(({ name }) => name),
  };
};

joined('are one, others are not', async () => {
  const rig = createRig();
  const [one, same, other] = ['a', 'a', 'b'].map(rig.ask);
  assert.equal(rig.names(), ['a', 'b']);
  rig.asked[0]!.answer.resolve('yes');
  rig.asked[1]!.answer.resolve('no');
  assert.equal(await Promise.all([one, same, other]), ['yes', 'yes', 'no']);
});

joined('after the answer it is asked again, also where there was none', async () => {
  const rig = createRig();
  const first = rig.ask('a');
  rig.asked[0]!.answer.reject(new Error('nobody answers'));
  await assertRejects(first);
  const second = rig.ask('a');
  rig.asked[1]!.answer.resolve('yes');
  assert.is(await second, 'yes');
  void rig.ask('a');
  assert.is(rig.asked.length, 3);
});

joined('closed: who comes now asks anew, and is not affected by the end of the one before', async () => {
  const rig = createRig();
  const before = rig.ask('a');
  rig.close();
  const after = rig.ask('a');
  assert.is(rig.asked.length, 2);
  rig.asked[0]!.answer.resolve('old');
  assert.is(await before, 'old');
  const together = rig.ask('a');
  assert.is(rig.asked.length, 2);
  rig.asked[1]!.answer.resolve('new');
  assert.equal(await Promise.all([after, together]), ['new', 'new']);
});

const assertRejects = (promise: Promise<unknown>) =>
  promise.then(
    () => assert.unreachable('it resolved'),
    () => {},
  );

joined.run();
