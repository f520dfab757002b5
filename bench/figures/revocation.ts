import { join } from 'node:path';
import { noNatsToStop, startNats } from '../../test/servers/nats.ts';
import { type Client, expectStatus, firstAdministrator, signIn } from '../../test/support/client.ts';
import { administrator, noServers, startDeployment } from '../../test/support/deployment.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import type { Delay, Delays, Setup } from '../delay.ts';
import type { Heard, Question } from '../revocation/listener.ts';
import { now } from '../revocation/now.ts';
import { type Child, startChild } from '../verify/child.ts';

const perRound = 100;

/** Where it is revoked, and where it is heard. */
type Ways = {
  readonly admin: Client;
  readonly sse: Server | null;
  readonly nats: string | null;
  readonly close: () => Promise<unknown>;
};

const startListener = () => startChild('../revocation/listener.ts');

const ask = <Answer>(listener: Child, question: Question) => listener.ask<Answer>(question);

/** Until every one was heard on every way. @returns how long after `from` */
const delaysOf = async (listener: Child, from: { readonly [keyId: string]: number }, ways: readonly string[]) => {
  const keys = Object.entries(from);
  for (const until = now() + 60_000; now() < until; ) {
    const heard = await ask<Heard>(listener, 'heard');
    if (ways.every((way) => keys.every(([keyId]) => heard[way]?.[keyId] !== undefined)))
      // Who hears of it before the answer is read has waited for nothing.
      return Object.fromEntries(
        ways.map((way) => [way, keys.map(([keyId, at]) => Math.max(0, heard[way]![keyId]! - at))]),
      ) as Delays;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('not every revocation was heard');
};

const opened = async (ways: Ways) => {
  const { admin, sse, nats } = ways;
  const listener = startListener();
  const close = async () => {
    await listener.close();
    await ways.close();
  };
  try {
    expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
    const made = await admin.post('/v1/admin/service-tokens', { name: 'ear', permissions: ['revocations:read'] });
    const { token } = expectStatus(made, 201).body;
    const stream = sse && { url: `${sse.url}/v1/revocations/stream`, token };
    await ask(listener, { listen: { nats, sse: stream } });
  } catch (error) {
    await close();
    throw error;
  }
  const heardOver = [...(sse ? ['SSE'] : []), ...(nats ? ['NATS'] : [])];
  return {
    close,
    round: async () => {
      const ids: string[] = [];
      for (let n = 0; n < perRound; n++)
        ids.push(expectStatus(await admin.post('/v1/api-keys', { name: 'nightly export' }), 201).body.id);
      const answered: { [keyId: string]: number } = {};
      for (const id of ids) {
        expectStatus(await admin.delete(`/v1/admin/api-keys/${id}`), 204);
        answered[id] = now();
        // At any moment of whatever goes round in there.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      }
      return delaysOf(listener, answered, heardOver);
    },
  };
};

const embedded = async (folder: string, nats: string | null, stopNats = async () => {}) => {
  const data = { KEYLEDGER_DATA: join(folder, 'data') };
  const server = await startServer(nats === null ? data : { ...data, KEYLEDGER_NATS: nats });
  const close = async () => {
    await server.stop();
    await stopNats();
  };
  return opened({ admin: await firstAdministrator(server), sse: server, nats, close });
};

const bare: Setup['open'] = async () => {
  const nats = await startNats();
  const listener = startListener();
  const publisher = startChild('../revocation/publisher.ts');
  await ask(listener, { listen: { nats: nats.url, sse: null } });
  return {
    round: async () => {
      const keyIds = Array.from({ length: perRound }, () => crypto.randomUUID());
      const from = await publisher.ask<{ [keyId: string]: number }>({ nats: nats.url, keyIds });
      return delaysOf(listener, from, ['NATS']);
    },
    close: async () => {
      await Promise.all([listener.close(), publisher.close()]);
      await nats.stop();
    },
  };
};

const setups: readonly Setup[] = [
  { name: 'a bare JetStream publisher', isBaseline: true, missing: noNatsToStop, open: bare },
  { name: 'embedded', missing: null, open: (folder) => embedded(folder, null) },
  {
    name: 'embedded with NATS',
    missing: noNatsToStop,
    open: async (folder) => {
      const nats = await startNats();
      return embedded(folder, nats.url, nats.stop);
    },
  },
  {
    name: 'three servers: one process answers, one gives SSE, one publishes',
    missing: noServers,
    open: async () => {
      const deployment = await startDeployment();
      const answering = await deployment.start({ KEYLEDGER_ROLE: 'api' });
      const streaming = await deployment.start({ KEYLEDGER_ROLE: 'api' });
      await deployment.start({ KEYLEDGER_ROLE: 'worker' });
      return opened({
        admin: await signIn(answering, administrator.email, administrator.password),
        sse: streaming,
        nats: deployment.nats.url,
        close: deployment.stop,
      });
    },
  },
];

export const revocationDelay: Delay = {
  name: 'revocation',
  title: 'from the answer to a revocation to its message in another process',
  goalMs: 20,
  rounds: 3,
  measured: `from the moment at which whoever called \`DELETE /v1/admin/api-keys/:id\` has the answer (0 where the message is faster) to the moment at which a process of its own has received the message; ${perRound} revocations in a round, at random moments, one after the other; the bare publisher's from its publishing`,
  bound:
    'with three servers the subscription that wakes the reader, its read of the log and the acknowledgement of NATS; the three servers are a double of EventStoreDB, FerretDB where there is no MongoDB, and nats-server, all on the machine that measures',
  setups,
};
