import { join } from 'node:path';
import { type Server, startServer } from '../../test/support/server.ts';
import type { Figure } from '../figure.ts';
import { portOf, prepareVerifying, startLoad } from '../support/verifying.ts';
import type { Bare } from '../verify/bareServer.ts';
import { startChild } from '../verify/child.ts';
import { type Call, forwardAuthCall, introspectCall, verifyCall } from '../verify/requests.ts';

const connections = 32;
const keyCount = 200;
const roundMs = 1_500;

type Question = { readonly server: Server; readonly token: string; readonly key: string };

type DataPlane = Pick<Figure, 'name' | 'title' | 'goal' | 'rounds' | 'baseline' | 'product' | 'bound'> & {
  readonly call: Call;
  readonly bare: Bare['kind'];
  /** What the product answers, for the baseline to answer the same. */
  readonly answer: (question: Question) => Promise<{ readonly [name: string]: unknown }>;
};

const dataPlaneFigure = ({ call, bare: kind, answer, ...figure }: DataPlane): Figure => ({
  ...figure,
  unit: 'requests/s',
  open: async (folder) => {
    const server = await startServer({ KEYLEDGER_DATA: join(folder, 'data') });
    const bare = startChild('./bareServer.ts');
    const closing: (() => Promise<unknown>)[] = [bare.close, server.stop];
    const close = async () => {
      await Promise.all(closing.map((end) => end()));
    };
    try {
      const { token, keys } = await prepareVerifying(server, keyCount);
      const answers = await Promise.all(keys.map(async (key) => [key, await answer({ server, token, key })] as const));
      const barePort = await bare.ask<number>({ kind, answers });
      const onBare = await startLoad(call, { port: barePort, pid: bare.pid, token, keys });
      closing.unshift(onBare.close);
      const onProduct = await startLoad(call, { port: portOf(server), pid: server.pid, token, keys });
      closing.unshift(onProduct.close);
      return {
        baseline: () => onBare.round(connections, roundMs),
        product: () => onProduct.round(connections, roundMs),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
});

const jsonTo =
  (path: string, type: string, body: (key: string) => string): DataPlane['answer'] =>
  async ({ server, token, key }) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: body(key) });
    const found = (await response.json()) as { readonly valid?: boolean; readonly active?: boolean };
    if (found.valid !== true && found.active !== true) throw new Error(`a key is not accepted by ${path}`);
    return found;
  };

const asked = `${connections} keep-alive connections, ${keyCount} keys`;

export const verifyFigure = dataPlaneFigure({
  name: 'verify',
  title: 'keys verified over HTTP',
  goal: 0.7,
  rounds: 9,
  baseline: 'a bare node:http server that parses the question and answers the same JSON',
  product: `POST /v1/verify of \`keyledger serve\` with a service token, ${asked}`,
  bound: 'Node taking a request in and writing an answer out, most of it in both; then hashing the token and the key',
  call: verifyCall,
  bare: 'json',
  answer: jsonTo('/v1/verify', 'application/json', (key) => JSON.stringify({ key })),
});

export const introspectFigure = dataPlaneFigure({
  name: 'introspect',
  title: 'keys verified over HTTP, as RFC 7662 has it',
  goal: null,
  rounds: 5,
  baseline: 'a bare node:http server that parses the form and answers the same JSON',
  product: `POST /v1/introspect with a service token, ${asked}`,
  bound: 'as verify',
  call: introspectCall,
  bare: 'form',
  answer: jsonTo('/v1/introspect', 'application/x-www-form-urlencoded', (key) =>
    new URLSearchParams({ token: key }).toString(),
  ),
});

/** As a proxy would see them. */
const headersTo: DataPlane['answer'] = async ({ server, key }) => {
  const { status, headers } = await fetch(`${server.url}/v1/forward-auth`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (status !== 204) throw new Error('a key is not accepted by forward-auth');
  const own = [...headers].filter(([name]) => name.startsWith('keyledger-') || name === 'cache-control');
  return Object.fromEntries(own);
};

export const forwardAuthFigure = dataPlaneFigure({
  name: 'forward-auth',
  title: 'keys verified for a proxy',
  goal: null,
  rounds: 5,
  baseline: 'a bare node:http server that takes the key from the header and answers 204 with the same headers',
  product: `GET /v1/forward-auth, ${asked}`,
  bound: 'Node taking a request in and writing an answer out',
  call: forwardAuthCall,
  bare: 'headers',
  answer: headersTo,
});
