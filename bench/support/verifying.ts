import { type Client, expectStatus, firstAdministrator, signIn } from '../../test/support/client.ts';
import type { Server } from '../../test/support/server.ts';
import type { Sample } from '../figure.ts';
import { cpuSecondsOf, startChild } from '../verify/child.ts';
import type { Loaded } from '../verify/load.ts';
import type { Call } from '../verify/requests.ts';

const password = 'a passphrase of some length';

/** What is asked, of whom. */
export type LoadOn = {
  readonly port: number;
  /** Whose processor time is counted. */
  readonly pid: number;
  readonly token: string;
  readonly keys: readonly string[];
};

export type Load = {
  readonly round: (connections: number, ms: number) => Promise<Sample>;
  readonly close: () => Promise<void>;
};

/** A process that asks for these keys, one after the other and from the first again, whenever a round is asked of it. */
export const startLoad = async (call: Call, { port, pid, token, keys }: LoadOn): Promise<Load> => {
  const child = startChild('./load.ts');
  const { status, holds } = call;
  await child.ask({ asked: { port, requests: keys.map((key) => call.request(key, token)), status, holds } });
  return {
    round: async (connections, ms) => {
      const before = cpuSecondsOf(pid);
      const loaded = await child.ask<Loaded>({ round: { connections, ms } });
      const after = cpuSecondsOf(pid);
      if ('failed' in loaded) throw new Error(loaded.failed);
      const { answers, ms: took, p99Ms } = loaded;
      const cpu =
        before === null || after === null
          ? {}
          : { 'server µs of processor per request': ((after - before) * 1e6) / answers };
      return { rate: (answers * 1000) / took, more: { 'p99 ms': p99Ms, ...cpu } };
    },
    close: child.close,
  };
};

export const portOf = ({ url }: { readonly url: string }): number => Number(new URL(url).port);

export type Prepared = { readonly admin: Client; readonly token: string; readonly keys: readonly string[] };

/** An administrator, keys on for members, and a token that may verify. */
export const prepareService = async (server: Server): Promise<Omit<Prepared, 'keys'>> => {
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true }), 200);
  const made = await admin.post('/v1/admin/service-tokens', { name: 'gateway', permissions: ['verify'] });
  return { admin, token: expectStatus(made, 201).body.token };
};

/** The same, and a member with keys, as people make them. */
export const prepareVerifying = async (server: Server, keyCount: number): Promise<Prepared> => {
  const { admin, token } = await prepareService(server);
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
  return { admin, token, keys };
};
