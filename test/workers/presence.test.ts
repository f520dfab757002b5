import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../adapters/memory/vault.ts';
import { createPresence, type Present, staysMs } from '../../workers/presence.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';

const presence = suite('who works on the stores');

const bed = () => {
  const clock = createManualTime();
  const vault = createMemoryVault(clock);
  const process = (processId: string, role: string) =>
    createPresence({ vault, clock }, processId, { role, host: 'a', pid: 1 });
  return { clock, vault, process };
};

const anybody = () => true;
const nobody = () => false;
const restoring = ({ role }: Present) => role === 'restore';

presence('who works alone is told who is there, and was never there', async () => {
  const { process } = bed();
  assert.is(await process('1', 'api').enter(restoring), null);
  assert.is(await process('2', 'worker').enter(restoring), null);
  const alone = process('3', 'restore');
  assert.equal(await alone.enter(anybody), { role: 'api', host: 'a', pid: 1 });
  assert.is(await process('4', 'api').enter(restoring), null, 'nothing of it is left');
});

presence('while one works alone, nobody else comes; when it is over they do', async () => {
  const { process } = bed();
  const alone = process('1', 'restore');
  assert.is(await alone.enter(anybody), null);
  assert.equal(await process('2', 'api').enter(restoring), { role: 'restore', host: 'a', pid: 1 });
  await alone.leave();
  assert.is(await process('2', 'api').enter(restoring), null);
});

presence('who was killed is gone after a while, who renews stays', async () => {
  const { clock, process } = bed();
  const living = process('1', 'api');
  await living.enter(nobody);
  await clock.advance(staysMs - 1);
  await living.renew();
  await clock.advance(staysMs - 1);
  assert.ok(await process('2', 'restore').enter(anybody));
  await clock.advance(1);
  assert.is(await process('2', 'restore').enter(anybody), null);
});

presence('of two at the same moment never both are let in', async () => {
  for (let turns = 0; turns < 6; turns += 1) {
    const { vault, process, clock } = bed();
    const late = { ...vault };
    // The second one begins after so many of the first one's calls.
    let calls = 0;
    let second: Promise<Present | null> | null = null;
    const begin = () => {
      if (calls++ === turns) second = process('2', 'api').enter(restoring);
    };
    late.find = (...args) => {
      begin();
      return vault.find(...args);
    };
    late.put = (...args) => {
      begin();
      return vault.put(...args);
    };
    const self = { role: 'restore', host: 'a', pid: 1 };
    const first = await createPresence({ vault: late, clock }, '1', self).enter(anybody);
    const other = await (second ?? process('2', 'api').enter(restoring));
    assert.ok(first !== null || other !== null, `after ${turns} calls`);
  }
});

presence.run();
