// time limit: 8 min
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from 'nats';
import * as assert from 'uvu/assert';
import { type NatsServer, noNatsToStop, startNats } from '../servers/nats.ts';
import { deployedUsers } from '../servers/natsUsers.ts';
import { type Client, clientOf, expectStatus, firstAdministrator, signIn } from '../support/client.ts';
import { freePort } from '../support/freePort.ts';
import { full } from '../support/full.ts';
import { type Server, startServer } from '../support/server.ts';
import { suite } from '../support/suite.ts';

const example = new URL('../../examples/nats-subscriber/', import.meta.url);
const readme = readFileSync(new URL('README.md', example), 'utf8');

/** How many are followed; the whole with KEYLEDGER_TEST_FULL=1. */
const revocations = full ? 10_000 : 1_000;
const passwords = { publisher: 'says', subscriber: 'hears', administrator: 'does' };
const follower = { user: 'follower', password: 'follows' };

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

/** The users that deploy/ ships, and the one that the example's README adds to them. */
const users = () => {
  const added = /^\{\n {2}user: follower[\s\S]*?^\}$/m.exec(readme)?.[0];
  assert.ok(added, 'the README has a user for NATS');
  const { more = '', files = {} } = deployedUsers(passwords);
  return {
    more,
    files: {
      ...files,
      'users.conf': files['users.conf']!.replace('users: [', `users: [\n${added}`),
      'passwords.conf': `${files['passwords.conf']}FOLLOWER_PASSWORD: "${follower.password}"\n`,
    },
  };
};

const waitFor = async (holds: () => boolean | Promise<boolean>, what: () => string, longestMs = 60_000) => {
  for (const until = performance.now() + longestMs; !(await holds()); await setTimeout(5))
    if (performance.now() > until) throw new Error(`never came true: ${what()}`);
};

following.before(async (context) => {
  const nats = await startNats(users());
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

const subscribe = ({ server, nats, token }: Context): Subscriber => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('subscriber.js', example))], {
    env: {
      KEYLEDGER_URL: server.url,
      KEYLEDGER_TOKEN: token,
      NATS_URL: nats.url,
      NATS_USER: follower.user,
      NATS_PASSWORD: follower.password,
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
  const since = feed.findIndex(({ previous }) => previous === first?.position);
  assert.equal(messages, feed.slice(since));
  return messages.length;
};

const lookAt = async <T>({ nats }: Context, look: (client: Awaited<ReturnType<typeof connect>>) => Promise<T>) => {
  const client = await connect({ servers: nats.url, user: 'administrator', pass: passwords.administrator });
  try {
    return await look(client);
  } finally {
    await client.close();
  }
};

const stream = 'KEYLEDGER_REVOCATIONS';
const last = ({ nats }: Context) =>
  lookAt({ nats } as Context, async (client) => {
    const streams = (await client.jetstreamManager()).streams;
    const { data } = await streams.getMessage(stream, { last_by_subj: 'keyledger.revocations.>' });
    return JSON.parse(Buffer.from(data).toString()).data.position as string;
  });

const published = async (context: Context) => {
  const end = (await feedOf(context)).at(-1)?.position;
  await waitFor(
    async () => (await last(context).catch(() => null)) === end,
    () => 'all is published',
  );
};

following(`${revocations} revocations, through restarts of NATS and of the publisher`, async (context) => {
  const { nats, environment } = context;
  const subscriber = subscribe(context);
  try {
    const part = revocations / 4;
    const half = (count: number) => () => subscriber.heard.length >= count;
    const waited = (count: number) => waitFor(half(count), () => `${count} are heard:\n${subscriber.said()}`);
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
  await revoke(context, 30);
  await published(context);
  await lookAt(context, async (client) => {
    const { streams } = await client.jetstreamManager();
    const { state } = await streams.info(stream);
    for (const back of [3, 4, 5, 12, 20]) await streams.deleteMessage(stream, state.last_seq - back);
  });
  const subscriber = subscribe(context);
  try {
    await heardAll(context, subscriber);
    assert.match(subscriber.said(), /gap/);
    const gaps = () => subscriber.said().split('gap').length;
    const before = gaps();
    await revoke(context, 10);
    await heardAll(context, subscriber);
    assert.is(gaps(), before, 'it asks for nothing that it was told');
  } finally {
    await subscriber.end();
  }
});

following('what is not signed counts for nothing', async (context) => {
  const subscriber = subscribe(context);
  try {
    await heardAll(context, subscriber);
    const heard = subscriber.heard.at(-1)!;
    const forged = { ...heard, kind: 'all', position: '9'.repeat(heard.position.length), previous: heard.position };
    await lookAt(context, async (client) => {
      const stored = client.jetstream().publish('keyledger.revocations.all', JSON.stringify({ data: forged }));
      await stored;
    });
    await revoke(context, 10);
    await heardAll(context, subscriber);
  } finally {
    await subscriber.end();
  }
});

following.run();
