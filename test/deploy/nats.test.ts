import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection, StringCodec } from 'nats';
import * as assert from 'uvu/assert';
import { streamName } from '../../adapters/nats/stream.ts';
import { heartbeat, message } from '../adapters/busSuite.ts';
import { openBus } from '../adapters/nats/parts.ts';
import { type NatsServer, type NatsSettings, noNatsToStop, startNats } from '../servers/nats.ts';
import { deployedUsers } from '../servers/natsUsers.ts';
import { suite } from '../support/suite.ts';
import { makeSecrets, noOpenssl } from './secrets.ts';

const passwords = { publisher: 'p', subscriber: 's', administrator: 'a' };
type User = keyof typeof passwords;

/** The whole of deploy/nats/nats.conf but for where it listens and keeps its files, which is the test's. */
const deployed = (users: NatsSettings): NatsSettings => ({
  more: readFileSync('deploy/nats/nats.conf', 'utf8')
    .replace(/^listen:.*$/m, '')
    .replace(/^http:.*$/m, '')
    .replace('store_dir: "/data"', 'store_dir: "FILES/store"'),
  files: users.files!,
  jetStream: false,
});

const rights = suite('deploy/nats');
rights.skipUnless(noNatsToStop);

let server: NatsServer;
rights.before(async () => {
  server = await startNats(deployed(deployedUsers(passwords)));
});
rights.after(() => server.stop());

const login = (user: User, to = server) => to.url.replace('//', `//${user}:${passwords[user]}@`);
const as = (user: User) => connect({ servers: server.url, user, pass: passwords[user], reconnect: false });

/** What the server says to whoever does this; null: it lets them. */
const refusalOf = async (user: User, act: (nc: NatsConnection) => unknown): Promise<string | null> => {
  const nc = await as(user);
  const told: string[] = [];
  const listen = async () => {
    for await (const { type, data } of nc.status()) if (type === 'error') told.push(String(data));
  };
  // It does not end with the connection.
  listen().catch(() => {});
  try {
    await act(nc);
  } catch (error) {
    told.push((error as Error).message);
  }
  // What was refused is told before this is answered; the second is for whoever listens.
  await nc.flush();
  await nc.flush();
  await nc.close();
  return told[0] ?? null;
};
const publishing = (subject: string) => (nc: NatsConnection) => nc.publish(subject, StringCodec().encode('{}'));
const subscribing = (subject: string) => async (nc: NatsConnection) => {
  const subscription = nc.subscribe(subject, { callback: () => {} });
  await nc.flush();
  subscription.unsubscribe();
};

const streamCalls = ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'INFO', 'MSG.GET', 'MSG.DELETE'].map(
  (verb) => `$JS.API.STREAM.${verb}.${streamName}`,
);

rights('a publisher keeps the stream and sends', async () => {
  const bus = await openBus(login('publisher'));
  await bus.publish([message(1), message(2)], null);
  await bus.heartbeat(heartbeat(2));
  assert.equal(await bus.last(), { epoch: 'e1', position: message(2).position });
  await bus.close();
});

rights('a publisher needs each of the rights to publish', async () => {
  const users = deployedUsers(passwords);
  const text = users.files!['users.conf']!;
  const lines = text.split('\n').filter((line) => /^\s+"(keyledger|\$JS)\..*"$/.test(line));
  assert.is(lines.length, 4);
  for (const line of lines) {
    const less = await startNats(
      deployed({ ...users, files: { ...users.files, 'users.conf': text.replace(`${line}\n`, '') } }),
    );
    const outcome = await (async () => {
      const bus = await openBus(login('publisher', less));
      try {
        await bus.publish([message(1)], null);
        return await bus.last();
      } finally {
        await bus.close();
      }
    })().then(
      () => 'did it all',
      () => 'could not',
    );
    assert.is(outcome, 'could not', `without ${line}`);
    await less.stop();
  }
});

rights('a publisher can take nothing away, and has no business elsewhere', async () => {
  for (const subject of ['other', '$JS.API.STREAM.CREATE.OTHER', '$SYS.REQ.SERVER.PING', ...streamCalls])
    if (!/STREAM\.(CREATE|INFO|MSG\.GET)\.KEYLEDGER/.test(subject))
      assert.match((await refusalOf('publisher', publishing(subject))) ?? 'nothing', /permissions.violation/i, subject);
  for (const subject of ['>', '$JS.>', 'other'])
    assert.match((await refusalOf('publisher', subscribing(subject))) ?? 'nothing', /permissions.violation/i, subject);
});

rights('a subscriber hears and cannot say anything', async () => {
  for (const subject of ['keyledger.revocations.>', 'keyledger.revocations.key.k1', 'keyledger.heartbeat'])
    assert.is(await refusalOf('subscriber', subscribing(subject)), null, subject);
  for (const subject of ['>', 'keyledger.>', '_INBOX.>', '$JS.>', '$SYS.>', 'other'])
    assert.match((await refusalOf('subscriber', subscribing(subject))) ?? 'nothing', /permissions.violation/i, subject);
  const subjects = ['keyledger.revocations.key.k1', 'keyledger.revocations.all', 'keyledger.heartbeat', 'other'];
  for (const subject of [...subjects, ...streamCalls])
    assert.match((await refusalOf('subscriber', publishing(subject))) ?? 'nothing', /permissions.violation/i, subject);
});

rights('an administrator does everything', async () => {
  const nc = await as('administrator');
  const { streams } = await nc.jetstreamManager();
  assert.is((await streams.info(streamName)).state.messages, 2);
  await streams.purge(streamName);
  await streams.delete(streamName);
  await nc.close();
  for (const subject of ['>', 'other'])
    assert.is(await refusalOf('administrator', subscribing(subject)), null, subject);
});

rights('nobody else is let in', async () => {
  for (const who of [{}, { user: 'publisher', pass: '' }, { user: 'administrator', pass: 'p' }])
    await connect({ servers: server.url, reconnect: false, ...who }).then(
      () => assert.unreachable(JSON.stringify(who)),
      (error: Error) => assert.match(error.message, /authorization violation/i),
    );
});

rights('a message is larger than any of ours may be', async () => {
  const nc = await as('administrator');
  assert.is(nc.info!.max_payload, 64 * 1024);
  assert.ok(JSON.stringify(message(1)).length * 20 < nc.info!.max_payload);
  await nc.close();
});

rights.run();

const administratorIn = (file: string): string => /^ADMINISTRATOR_PASSWORD: "(.*)"$/m.exec(file)![1]!;

const secrets = suite('deploy/nats, with the secrets of deploy/make-secrets.sh');
secrets.skipUnless(noNatsToStop ?? noOpenssl);

secrets('lets in whoever has the password that Keyledger is given', async () => {
  const folder = makeSecrets();
  const users = deployedUsers(passwords);
  const files = { ...users.files, 'passwords.conf': readFileSync(join(folder, 'nats-passwords.conf'), 'utf8') };
  const own = await startNats(deployed({ ...users, files }));
  const url = readFileSync(join(folder, 'nats-url'), 'utf8').trim();
  const bus = await openBus(url.replace('nats:4222', `127.0.0.1:${own.port}`));
  await bus.publish([message(1)], null);
  await bus.close();
  const nc = await connect({ servers: own.url, user: 'administrator', pass: administratorIn(files['passwords.conf']) });
  const { streams } = await nc.jetstreamManager();
  // It was made, so it fits into what nats.conf leaves it; its oldest messages make room before that is full.
  const { max_bytes, discard } = (await streams.info(streamName)).config;
  assert.equal([max_bytes, discard], [1_000_000_000, 'old']);
  assert.match(readFileSync('deploy/nats/nats.conf', 'utf8'), /max_file_store: 1GB\n/);
  await nc.close();
  await own.stop();
});

secrets.run();
