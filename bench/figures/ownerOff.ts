import { join } from 'node:path';
import { clientOf, expectStatus } from '../../test/support/client.ts';
import { eventsIn } from '../../test/support/logFile.ts';
import { startServer } from '../../test/support/server.ts';
import { prepareVerifying } from '../support/verifying.ts';
import type { Trial } from '../trial.ts';

const keyCount = 1_000;
/** Longer than the worker that closes keyrings takes. */
const patienceMs = 30_000;

export const ownerOffTrial: Trial = {
  name: 'owner-off',
  title: 'an owner with many keys is turned off',
  baseline: 'an owner with one key',
  measured: `\`POST /v1/admin/users/:id/deactivate\` of an owner of ${keyCount.toLocaleString('en')} keys, all of which are asked for as soon as it is answered; then what stands in the log until the keyring is closed`,
  bound: 'one append: keys are ended by what their owner is, not one by one',
  run: async (folder, tell) => {
    tell('one key');
    const one = await turnOff(join(folder, 'one'), 1);
    tell(`${keyCount} keys`);
    const all = await turnOff(join(folder, 'many'), keyCount);
    return [
      { what: 'events appended', unit: 'events', value: all.appended, baseline: one.appended, goal: { atMost: 2 } },
      {
        what: 'keys accepted after the answer',
        unit: 'keys',
        value: all.accepted,
        baseline: one.accepted,
        goal: { atMost: 0 },
      },
      { what: 'time to the answer', unit: 'ms', value: all.ms, baseline: one.ms, goal: null },
    ];
  },
};

const turnOff = async (data: string, count: number) => {
  const server = await startServer({ KEYLEDGER_DATA: data });
  try {
    const { admin, token, keys } = await prepareVerifying(server, count);
    const service = clientOf(server, { authorization: `Bearer ${token}` });
    const verify = async (key: string) => expectStatus(await service.post('/v1/verify', { key }), 200).body;
    const ownerId: string = (await verify(keys[0]!)).ownerId;
    const log = join(data, 'log.sqlite');
    const before = eventsIn(log).at(-1)!.seq;

    const began = performance.now();
    expectStatus(await admin.post(`/v1/admin/users/${ownerId}/deactivate`), 200);
    const ms = performance.now() - began;
    const answers = await Promise.all(keys.map(verify));
    const since = () => eventsIn(log).filter(({ seq, stream }) => seq > before && stream.endsWith(ownerId));
    for (const until = performance.now() + patienceMs; !since().some(({ type }) => type === 'KeyringClosed'); ) {
      if (performance.now() > until) throw new Error('the keyring was not closed');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return { ms, appended: since().length, accepted: answers.filter(({ valid }) => valid).length };
  } finally {
    await server.stop();
  }
};
