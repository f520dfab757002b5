import { type Client, expectStatus, firstAdministrator, signIn } from '../../test/support/client.ts';
import type { Server } from '../../test/support/server.ts';
import type { Sample } from '../figure.ts';
import { type Child, cpuSecondsOf } from '../verify/child.ts';
import type { Load, Loaded } from '../verify/load.ts';

/** One round of load on a server. */
export const loadRound = async (load: Child, what: Load, server: number): Promise<Sample> => {
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

export type Prepared = { readonly admin: Client; readonly token: string; readonly keys: readonly string[] };

/** A member with keys, and a token that may verify, as people make them. */
export const prepareVerifying = async (server: Server, keyCount: number): Promise<Prepared> => {
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
  return { admin, token, keys };
};
