import { join } from 'node:path';
import { expectStatus } from '../../test/support/client.ts';
import { startServer } from '../../test/support/server.ts';
import type { Sample } from '../figure.ts';
import { alternate, spread } from '../rounds.ts';
import { closingAll } from '../support/closing.ts';
import { compared } from '../support/comparison.ts';
import { type Prepared, portOf, prepareVerifying, startLoad } from '../support/verifying.ts';
import type { Trial } from '../trial.ts';
import { startChild } from '../verify/child.ts';
import { verifyCall } from '../verify/requests.ts';
import type { Writers, Written } from '../verify/writers.ts';

const connections = 32;
const keyCount = 200;
const writerCount = 64;
const rounds = 7;
const pacedRounds = 5;
const roundMs = 2_000;

export const writingTrial: Trial = {
  name: 'writing',
  title: 'verification while others write',
  baseline: `POST /v1/verify as in \`verify\`, ${connections} keep-alive connections that ask again as soon as they are answered, nobody writes`,
  measured: `the same while ${writerCount} callers, each on a connection of its own, change a user of their own (\`PATCH /v1/admin/users/:id\`), one call after the other; then beside half as many changes, at a steady pace`,
  bound:
    'the one thread that answers both: a change of a user takes it as long as some thirty verifications, and whoever asks as fast as they are answered waits for those that came before',
  run: (folder, tell) =>
    closingAll(async (later) => {
      const server = await startServer({ KEYLEDGER_DATA: join(folder, 'data') });
      later(server.stop);
      const prepared = await prepareVerifying(server, keyCount);
      const { token, keys } = prepared;
      const port = portOf(server);
      const load = await startLoad(verifyCall, { port, pid: server.pid, token, keys });
      later(load.close);
      const writers = startChild('./writers.ts');
      later(writers.close);
      const writing = { port, token: await writingToken(prepared), users: await usersToChange(prepared) };
      const ask = <Answer>(what: Writers) => writers.ask<Answer>(what);
      const verifying = () => load.round(connections, roundMs);
      const whileWriting = (perSecond: number | null) => async (): Promise<Sample> => {
        await ask({ start: { ...writing, perSecond } });
        const sample = await verifying();
        const written = await ask<Written>('stop');
        if ('failed' in written) throw new Error(written.failed);
        return { ...sample, more: { ...sample.more, writes: (written.answers * 1000) / written.ms } };
      };
      const p99 = ({ more }: Sample) => more!['p99 ms']!;
      const pairs = await alternate({ baseline: verifying, product: whileWriting(null) }, rounds, tell);
      const writes = spread(pairs.map(({ product }) => product.more!.writes!)).median;
      tell('half as many changes');
      const paced = await alternate({ baseline: verifying, product: whileWriting(writes / 2) }, pacedRounds, tell);
      return [
        compared('p99 of a verification', 'ms', pairs, p99, { atMost: 3, ofBaseline: true }),
        compared('verifications', 'requests/s', pairs, ({ rate }) => rate, null),
        { what: 'changes meanwhile', unit: 'requests/s', value: writes, baseline: null, goal: null },
        compared('p99 of a verification, beside half as many changes', 'ms', paced, p99, null),
      ];
    }),
};

const writingToken = async ({ admin }: Prepared): Promise<string> => {
  const made = await admin.post('/v1/admin/service-tokens', { name: 'directory', permissions: ['users:write'] });
  return expectStatus(made, 201).body.token;
};

const usersToChange = ({ admin }: Prepared): Promise<readonly string[]> =>
  Promise.all(
    Array.from({ length: writerCount }, async (_, n) => {
      const made = await admin.post('/v1/admin/users', {
        email: `colleague${n}@example.com`,
        externalProvider: 'example',
        roles: ['member'],
      });
      return expectStatus(made, 201).body.id as string;
    }),
  );
