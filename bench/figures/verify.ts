import { join } from 'node:path';
import { clientOf, expectStatus, firstAdministrator, signIn } from '../../test/support/client.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import type { Figure, Sample } from '../figure.ts';
import { type Child, cpuSecondsOf, startChild } from '../verify/child.ts';
import type { Load, Loaded } from '../verify/load.ts';

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
      const { token, keys } = await prepare(server);
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

const loadRound = async (load: Child, what: Load, server: number): Promise<Sample> => {
  const before = cpuSecondsOf(server);
  const loaded = await load.ask<Loaded>(what);
  const after = cpuSecondsOf(server);
  if ('failed' in loaded) throw new Error(loaded.failed);
  const { answers, ms, p99Ms } = loaded;
  const cpu =
    before === null || after === null
      ? {}
      : { 'server µs of processor per request': ((after - before) * 1e6) / answers };
  return { rate: (answers * 1000) / ms, more: { 'p99 ms': p99Ms, ...cpu } };
};

const password = 'a passphrase of some length';

/** A member with keys, and a token that may verify, as people make them. */
const prepare = async (server: Server): Promise<{ readonly token: string; readonly keys: readonly string[] }> => {
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true }), 200);
  const tokenAnswer = await admin.post('/v1/admin/service-tokens', { name: 'gateway', permissions: ['verify'] });
  const { token } = expectStatus(tokenAnswer, 201).body as { token: string };
  const email = 'member@example.com';
  expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'], groups: ['ops'] }), 201);
  const member = await signIn(server, email, password);
  const expiresAt = new Date(Date.now() + 90 * 86_400_000).toISOString();
  const keys = await Promise.all(
    Array.from({ length: keyCount }, async (_, i) => {
      const made = await member.post('/v1/api-keys', { name: `Key ${i}`, expiresAt });
      return (expectStatus(made, 201).body as { key: string }).key;
    }),
  );
  return { token, keys };
};

const answerTo = async (server: Server, token: string, key: string): Promise<object> => {
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  const { body } = expectStatus(await service.post('/v1/verify', { key }), 200);
  if (body.valid !== true) throw new Error(`a key is ${body.code}`);
  return body;
};
