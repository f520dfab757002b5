// time limit: 8 min
import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type MsgHdrs, type NatsConnection } from 'nats';
import * as assert from 'uvu/assert';
import { type NatsServer, noNatsToStop, startNats } from '../servers/nats.ts';
import { deployedUsers } from '../servers/natsUsers.ts';
import { type Client, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { freePort } from '../support/freePort.ts';
import { full } from '../support/full.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const example = new URL('../../examples/nats-subscriber/', import.meta.url);

/** How many are followed; the whole with KEYLEDGER_TEST_FULL=1. */
const revocations = full ? 10_000 : 1_000;
const passwords = { publisher: 'says', subscriber: 'hears', administrator: 'does' };

type Message = { readonly position: string; readonly previous: string | null; readonly kind: string };
type Subscriber = {
  /** Each line that it wrote. */
  readonly heard: readonly Message[];
  readonly said: () => string;
  readonly end: () => Promise<void>;
};
type Context = {
  nats: NatsServer;
  server: Server;
  environment: { readonly [name: string]: string };
  token: string;
  owners: readonly Client[];
};

const following = suite<Context>('a plain subscriber over NATS');
following.skipUnless(noNatsToStop);

const waitFor = async (holds: () => boolean | Promise<boolean>, what: () => string, longestMs = 60_000) => {
  for (const until = performance.now() + longestMs; !(await holds()); await setTimeout(5))
    if (performance.now() > until) throw new Error(`never came true: ${what()}`);
};

following.before(async (context) => {
  const nats = await startNats(deployedUsers(passwords));
  const environment = {
    KEYLEDGER_NATS: nats.url.replace('//', `//publisher:${passwords.publisher}@`),
    // It comes back where everybody knows it.
    KEYLEDGER_PORT: await freePort(),
  };
  const server = await startServer(environment);
  const admin = await firstAdministrator(server);
  expectStatus(await admin.put('/v1/admin/policy', { preset: 'aip' }), 200);
  const made = { name: 'follower', permissions: ['revocations:read'] };
  const { token } = expectStatus(await admin.post('/v1/admin/service-tokens', made), 201).body;
  const password = 'a passphrase of some length';
  const owner = async (email: string) => {
    expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201);
    return signIn(server, email, password);
  };
  const owners = await Promise.all(Array.from({ length: 8 }, (_, nth) => owner(`owner.${nth}@example.com`)));
  for (const client of owners) expectStatus(await client.post('/v1/api-keys'), 201);
  Object.assign(context, { nats, environment: { ...environment, KEYLEDGER_DATA: server.data }, server, token, owners });
});

following.after(async ({ nats, server }) => {
  await server.stop('SIGKILL');
  await nats.stop();
});

/** With the user that deploy/ ships for services: it hears, and cannot say anything. */
const subscribe = ({ server, token }: Context, nats: NatsServer): Subscriber => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('subscriber.js', example))], {
    env: {
      KEYLEDGER_URL: server.url,
      KEYLEDGER_TOKEN: token,
      NATS_URL: nats.url,
      NATS_USER: 'subscriber',
      NATS_PASSWORD: passwords.subscriber,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const heard: Message[] = [];
  let said = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    heard.push(...lines.map((line) => JSON.parse(line)));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    heard,
    said: () => said,
    end: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
};

/** One user has one key at a time: a new one ends the one before. @returns how many were answered before the server went */
const revoke = async ({ owners }: Context, count: number): Promise<number> => {
  let begun = 0;
  let answered = 0;
  const by = async (client: Client) => {
    while (begun < count) {
      begun += 1;
      const response = await client.post('/v1/api-keys').catch(() => null);
      if (response === null) return;
      expectStatus(response, 201);
      answered += 1;
    }
  };
  await Promise.all(owners.map(by));
  return answered;
};

const feedOf = async ({ server, token }: Context): Promise<readonly Message[]> => {
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  const messages: Message[] = [];
  for (let after = ''; ; after = `&after=${messages.at(-1)?.position}`) {
    const { items } = expectStatus(await service.get(`/v1/revocations?limit=1000${after}`), 200).body;
    messages.push(...items);
    if (items.length < 1000) return messages;
  }
};

/** Waits until it has come to the feed's end: it heard all of it since it began, each once and in order. */
const heardAll = async (context: Context, { heard, said }: Subscriber): Promise<number> => {
  const feed = await feedOf(context);
  const end = feed.at(-1)?.position;
  await waitFor(
    () => heard.at(-1)?.position === end,
    () => `${heard.length} heard of ${feed.length}, it said:\n${said()}`,
  );
  const [first, ...messages] = heard;
  assert.is(first?.kind, 'all');
  const before = feed.findIndex(({ position }) => position === first?.position);
  assert.ok(before >= 0);
  assert.equal(messages, feed.slice(before + 1));
  return messages.length;
};

const asAdministrator = async <T>(nats: NatsServer, look: (client: NatsConnection) => Promise<T>) => {
  const client = await connect({ servers: nats.url, user: 'administrator', pass: passwords.administrator });
  try {
    return await look(client);
  } finally {
    await client.close();
  }
};

type Published = {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly header: MsgHdrs;
  readonly seq: number;
};

const stream = 'KEYLEDGER_REVOCATIONS';
const last = { last_by_subj: 'keyledger.revocations.>' };
const positionOf = ({ data }: Published): string => JSON.parse(Buffer.from(data).toString()).data.position;

/** The newest messages of the feed as they were published, the oldest first. */
const published = async (context: Context, count: number): Promise<readonly Published[]> => {
  const end = (await feedOf(context)).at(-1)?.position;
  return asAdministrator(context.nats, async (client) => {
    const { streams } = await client.jetstreamManager();
    let newest: Published | null = null;
    await waitFor(
      async () => {
        newest = await streams.getMessage(stream, last).catch(() => null);
        return newest !== null && positionOf(newest) === end;
      },
      () => 'all is published',
    );
    const { seq } = newest!;
    return Promise.all(
      Array.from({ length: count }, (_, nth) => streams.getMessage(stream, { seq: seq - count + 1 + nth })),
    );
  });
};

following(`${revocations} revocations, through restarts of NATS and of the publisher`, async (context) => {
  const { nats, environment } = context;
  const subscriber = subscribe(context, nats);
  try {
    const part = revocations / 4;
    const half = (count: number) => () => subscriber.heard.length >= count;
    const waited = (count: number) => waitFor(half(count), () => `${count} are heard:\n${subscriber.said()}`);
    await waited(1);
    await revoke(context, part);
    await heardAll(context, subscriber);

    let from = subscriber.heard.length;
    let all = revoke(context, part);
    await waited(from + part / 2);
    await nats.kill();
    await all;
    await nats.start();
    await heardAll(context, subscriber);

    from = subscriber.heard.length;
    all = revoke(context, part);
    await waited(from + part / 2);
    await context.server.stop('SIGKILL');
    const answered = await all;
    assert.ok(answered < part);
    context.server = await startServer(environment);
    await revoke(context, part - answered);
    await heardAll(context, subscriber);

    from = subscriber.heard.length;
    all = revoke(context, part);
    await waited(from + part / 2);
    await nats.kill();
    await all;
    await nats.start(true);
    assert.ok((await heardAll(context, subscriber)) >= revocations);
  } finally {
    await subscriber.end();
  }
});

following('what NATS has lost it notices by `previous` alone, and asks for', async (context) => {
  // Nobody sends heartbeats there.
  const quiet = await startNats(deployedUsers(passwords));
  const subscriber = subscribe(context, quiet);
  const gaps = () => subscriber.said().split('gap').length - 1;
  try {
    await revoke(context, 30);
    const [first, ...others] = await published(context, 30);
    await asAdministrator(quiet, async (client) => {
      const say = ({ subject, data, header }: Published) => client.publish(subject, data, { headers: header });
      await waitFor(
        () => {
          say(first!);
          return subscriber.heard.length > 1;
        },
        () => `the first one is heard:\n${subscriber.said()}`,
      );
      for (const [nth, message] of others.entries()) if (![3, 4, 5, 12, 20].includes(nth)) say(message);
      await heardAll(context, subscriber);
      assert.is(gaps(), 1, 'Keyledger has told all the rest');

      await revoke(context, 10);
      for (const message of await published(context, 10)) say(message);
      await heardAll(context, subscriber);
      assert.is(gaps(), 1, 'it asks for nothing that it was told');
    });
  } finally {
    await subscriber.end();
    await quiet.stop();
  }
});

following('what is not signed counts for nothing', async (context) => {
  const subscriber = subscribe(context, context.nats);
  try {
    await heardAll(context, subscriber);
    const heard = subscriber.heard.at(-1)!;
    const forged = { ...heard, kind: 'all', position: '9'.repeat(heard.position.length), previous: heard.position };
    await asAdministrator(context.nats, (client) =>
      client.jetstream().publish('keyledger.revocations.all', JSON.stringify({ data: forged })),
    );
    await revoke(context, 10);
    await heardAll(context, subscriber);
  } finally {
    await subscriber.end();
  }
});

following.run();
