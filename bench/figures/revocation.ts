import { join } from 'node:path';
import { noNatsToStop, startNats } from '../../test/servers/nats.ts';
import { type Client, expectStatus, firstAdministrator, signIn } from '../../test/support/client.ts';
import { administrator, noServers, startDeployment } from '../../test/support/deployment.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import type { Delay, Delays, Setup } from '../delay.ts';
import type { Heard, Question } from '../revocation/listener.ts';
import { now } from '../revocation/now.ts';
import type { Refused, Question as ServiceQuestion } from '../revocation/service.ts';
import { type Child, startChild } from '../verify/child.ts';

const perRound = 100;

/** Where it is revoked, and where it is heard. */
type Ways = {
  readonly admin: Client;
  /** Who answers the service and gives it the stream. */
  readonly verifying: Server;
  readonly nats: string | null;
  readonly close: () => Promise<unknown>;
};

const startListener = () => startChild('../revocation/listener.ts');

const ask = <Answer>(listener: Child, question: Question) => listener.ask<Answer>(question);
const askService = <Answer>(service: Child, question: ServiceQuestion) => service.ask<Answer>(question);

/** Until every one was noted on every way. @returns how long after `from` */
const delaysOf = async (
  noted: () => Promise<Heard | Refused>,
  from: { readonly [keyId: string]: number },
  ways: readonly string[],
) => {
  const keys = Object.entries(from);
  for (const until = now() + 60_000; now() < until; ) {
    const heard = await noted();
    if (ways.every((way) => keys.every(([keyId]) => heard[way]?.[keyId] !== undefined)))
      // Who hears of it before the answer is read has waited for nothing.
      return Object.fromEntries(
        ways.map((way) => [way, keys.map(([keyId, at]) => Math.max(0, heard[way]![keyId]! - at))]),
      ) as Delays;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('not every revocation was heard');
};

/** @returns when it was answered */
const revoke = async (admin: Client, keyId: string): Promise<number> => {
  for (;;) {
    const response = await admin.delete(`/v1/admin/api-keys/${keyId}`);
    const at = now();
    // A machine that stands still for two seconds makes a server doubt what it knows: it is asked again.
    if (response.status === 503) continue;
    expectStatus(response, 204);
    return at;
  }
};

const opened = async (ways: Ways) => {
  const { admin, verifying, nats } = ways;
  const listener = startListener();
  const service = startChild('../revocation/service.ts');
  const close = async () => {
    await Promise.all([listener.close(), service.close()]);
    await ways.close();
  };
  try {
    expectStatus(await admin.put('/v1/admin/policy', { preset: 'helmut', scoped: false }), 200);
    const permissions = ['revocations:read', 'verify'];
    const { token } = expectStatus(
      await admin.post('/v1/admin/service-tokens', { name: 'ear', permissions }),
      201,
    ).body;
    await ask(listener, { listen: { nats, sse: { url: `${verifying.url}/v1/revocations/stream`, token } } });
    await askService(service, { embed: { url: verifying.url, token, nats } });
  } catch (error) {
    await close();
    throw error;
  }
  const over = ['SSE', ...(nats ? ['NATS'] : [])];
  return {
    close,
    round: async () => {
      const keys: { readonly id: string; readonly key: string }[] = [];
      for (let n = 0; n < perRound; n++)
        keys.push(expectStatus(await admin.post('/v1/api-keys', { name: 'nightly export' }), 201).body);
      await askService(service, { watch: keys.map(({ id, key }) => ({ id, key })) });
      const answered: { [keyId: string]: number } = {};
      for (const { id } of keys) {
        answered[id] = await revoke(admin, id);
        // At any moment of whatever goes round in there.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
      }
      return {
        ...(await delaysOf(() => ask<Heard>(listener, 'heard'), answered, over)),
        ...(await delaysOf(
          () => askService<Refused>(service, 'refused'),
          answered,
          over.map((way) => `SDK, ${way}`),
        )),
      };
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
  return opened({ admin: await firstAdministrator(server), verifying: server, nats, close });
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
      return delaysOf(() => ask<Heard>(listener, 'heard'), from, ['NATS']);
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
        verifying: streaming,
        nats: deployment.nats.url,
        close: deployment.stop,
      });
    },
  },
];

export const revocationDelay: Delay = {
  name: 'revocation',
  title: 'from the answer to a revocation to its message, and to the refusal, in another process',
  goalMs: 20,
  rounds: 3,
  measured: `from the moment at which whoever called \`DELETE /v1/admin/api-keys/:id\` has the answer (0 where the other is faster) to the moment at which a process of its own has received the message (SSE, NATS), and at which the verifier of sdk/ in a process of its own, which has the key in its memory and is asked about it every millisecond, has refused it for the first time (SDK); ${perRound} revocations in a round, at random moments, one after the other; the bare publisher's from its publishing`,
  bound:
    'with three servers the subscription that wakes the reader, its read of the log and the acknowledgement of NATS; the three servers are a double of EventStoreDB, FerretDB where there is no MongoDB, and nats-server, all on the machine that measures',
  setups,
};
