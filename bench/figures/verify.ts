import { join } from 'node:path';
import { clientOf, expectStatus } from '../../test/support/client.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import type { Figure } from '../figure.ts';
import { loadRound, prepareVerifying } from '../support/verifying.ts';
import { startChild } from '../verify/child.ts';

const connections = 32;
const keyCount = 200;
const roundMs = 1_500;

export const verifyFigure: Figure = {
  name: 'verify',
  title: 'keys verified over HTTP',
  unit: 'requests/s',
  goal: 0.7,
  rounds: 9,
  baseline: 'a bare node:http server that parses the question and answers the same JSON',
  product: `POST /v1/verify of \`keyledger serve\`, ${connections} keep-alive connections, a service token and ${keyCount} keys`,
  bound: 'Node taking a request in and writing an answer out, most of it in both; then hashing the token and the key',
  open: async (folder) => {
    const server = await startServer({ KEYLEDGER_DATA: join(folder, 'data') });
    const bare = startChild('./bareServer.ts');
    const load = startChild('./load.ts');
    const close = async () => {
      await Promise.all([load.close(), bare.close(), server.stop()]);
    };
    try {
      const { token, keys } = await prepareVerifying(server, keyCount);
      const answers = await Promise.all(keys.map(async (key) => [key, await answerTo(server, token, key)] as const));
      const barePort = await bare.ask<number>(answers);
      const productPort = Number(new URL(server.url).port);
      const round = (port: number, pid: number) =>
        loadRound(load, { port, token, keys, connections, ms: roundMs }, pid);
      return {
        baseline: () => round(barePort, bare.pid),
        product: () => round(productPort, server.pid),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

const answerTo = async (server: Server, token: string, key: string): Promise<object> => {
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  const { body } = expectStatus(await service.post('/v1/verify', { key }), 200);
  if (body.valid !== true) throw new Error(`a key is ${body.code}`);
  return body;
};
