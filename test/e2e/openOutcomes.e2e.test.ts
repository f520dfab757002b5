// time limit: 8 min
import * as assert from 'uvu/assert';
import type { AppendFault } from '../servers/eventStoreDouble/faults.ts';
import { type Client, clientOf, expectStatus, type Response, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import type { Server } from '../support/server.ts';
import { suite } from '../support/suite.ts';

/** One command with an Idempotency-Key of its own. */
type Asked = {
  readonly name: string;
  readonly status: number;
  readonly call: () => Promise<Response>;
  /** What the log holds of it once it was done, as `told` counts it. */
  readonly holds: (answer: Response) => readonly string[];
  /** Counted in the log, where nobody was ever told of what it made. */
  readonly kind: string;
  /** Answers that said nothing of whether it was done. */
  open: number;
  answer: Response | null;
};

type Writer = { readonly name: string; readonly owner: Client; readonly admin: Client };

type Context = { deployment: Deployment; server: Server; admin: Client; service: Client; writers: readonly Writer[] };

const outcomes = suite<Context>('the log goes away while it is written to');
outcomes.skipUnless(noServers);

const password = 'a passphrase of some length';
const asked: Asked[] = [];

outcomes.before(async (context) => {
  const deployment = await startDeployment();
  const server = await deployment.start();
  const admin = await signIn(server, administrator.email, administrator.password);
  const policy = { enabled: true, expiry: 'optional', rotation: true };
  expectStatus(await admin.put('/v1/admin/policy', policy), 200);
  const writers: Writer[] = [];
  for (const name of ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn']) {
    const email = `${name}@example.com`;
    expectStatus(await admin.post('/v1/admin/users', { email, password, roles: ['member'] }), 201);
    writers.push({ name, admin, owner: await signIn(server, email, password) });
  }
  const { token } = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: 'gate', permissions: ['verify'] }),
    201,
  ).body;
  const service = clientOf(server, { authorization: `Bearer ${token}` });
  Object.assign(context, { deployment, server, admin, service, writers });
});

outcomes.after(async ({ deployment }) => {
  await deployment.stop();
});

let limit = 1_000;
let count = 0;

const ask = (
  status: number,
  kind: string,
  holds: Asked['holds'],
  call: (once: { readonly 'idempotency-key': string }) => Promise<Response>,
): Asked => {
  count += 1;
  const once = { 'idempotency-key': `command-${count}` };
  const one = { name: `${kind} ${count}`, status, kind, holds, call: () => call(once), open: 0, answer: null };
  asked.push(one);
  return one;
};

const made = ({ body }: Response) => [`ApiKeyCreated ${body.id}`];
const creation = ({ owner, name }: Writer) => {
  const body = { name: `${name} ${count}` };
  return ask(201, 'ApiKeyCreated', made, (once) => owner.post('/v1/api-keys', body, once));
};
const edit = ({ owner }: Writer, id: string) =>
  ask(
    200,
    'ApiKeyRenamed',
    () => [`ApiKeyRenamed ${id}`],
    (once) => owner.patch(`/v1/api-keys/${id}`, { name: `another ${id}` }, once),
  );
const rotation = ({ owner }: Writer, id: string) =>
  ask(
    201,
    'ApiKeyCreated',
    (answer) => [`ApiKeyRotated ${id}`, ...made(answer)],
    (once) => owner.post(`/v1/api-keys/${id}/rotate`, {}, once),
  );
const revocation = ({ owner }: Writer, id: string) =>
  ask(
    204,
    'ApiKeyRevoked',
    () => [`ApiKeyRevoked ${id}`],
    (once) => owner.delete(`/v1/api-keys/${id}`, once),
  );
const setting = ({ admin }: Writer) => {
  limit -= 1;
  const maxKeysPerUser = limit;
  return ask(
    200,
    'KeyPolicyChanged',
    () => [`KeyPolicyChanged ${maxKeysPerUser}`],
    (once) => admin.put('/v1/admin/policy', { maxKeysPerUser }, once),
  );
};
const registration = ({ admin }: Writer) => {
  const body = { email: `someone${count}@example.com`, externalProvider: 'directory', roles: ['member'] };
  return ask(
    201,
    'UserRegistered',
    ({ body: { id } }) => [`EmailClaimed ${id}`, `UserRegistered ${id}`],
    (once) => admin.post('/v1/admin/users', body, once),
  );
};

const triedOnce = async (one: Asked): Promise<Response | null> => {
  const answer = await one.call();
  if (answer.status === one.status) {
    one.answer = answer;
    return answer;
  }
  assert.is(answer.status, 503, `${one.name}: ${JSON.stringify(answer.body)}`);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1, one.name);
  one.open += 1;
  return null;
};

const retried = async (one: Asked): Promise<Response> => {
  let answer: Response | null = null;
  await eventually(async () => {
    answer = await triedOnce(one);
    return answer !== null;
  }, one.name);
  return answer!;
};

/** Again and again until it is answered, and once more: as if nothing had happened. */
const done = async (one: Asked): Promise<Response> => {
  const answer = await retried(one);
  const again = await retried(one);
  assert.is(again.headers.get('idempotency-replayed'), 'true', one.name);
  assert.equal([again.body?.id, again.body?.key], [answer.body?.id, answer.body?.key], one.name);
  return answer;
};

/** @returns what a command can be done to later */
const round = async (writer: Writer): Promise<{ readonly id: string; readonly key: string }> => {
  const first = (await done(creation(writer))).body;
  await done(edit(writer, first.id));
  const second = (await done(rotation(writer, first.id))).body;
  await done(setting(writer));
  await done(revocation(writer, second.id));
  await done(registration(writer));
  return (await done(creation(writer))).body;
};

/** Rounds of all writers for as long as the store has something in store. */
const writeWhile = async ({ deployment, writers }: Context, next: () => AppendFault | null) => {
  let left = true;
  deployment.eventStore.faults.append = () => {
    const fault = next();
    if (fault === null) left = false;
    return fault ?? 'none';
  };
  await Promise.all(
    writers.map(async (writer) => {
      while (left) await round(writer);
    }),
  );
  deployment.eventStore.faults.append = () => 'none';
};

/** Every second append fares ill, so many times. */
const everySecond = (fault: AppendFault, times: number) => {
  let appends = 0;
  let met = 0;
  return () => {
    appends += 1;
    if (appends % 2 === 0) return 'none' as const;
    met += 1;
    return met <= times ? fault : null;
  };
};

outcomes('cut right after the append took effect, 200 times', (context) =>
  writeWhile(context, everySecond('cut-after', 200)),
);

outcomes('cut right before, 40 times', (context) => writeWhile(context, everySecond('cut-before', 40)));

outcomes('written and never answered, 6 times', (context) => writeWhile(context, everySecond('mute', 6)));

outcomes('gone for good after the append took effect: 503, and later as if nothing had happened', async (context) => {
  const { deployment, writers } = context;
  for (const fault of ['cut-after', 'cut-before'] as const) {
    const keys = [];
    for (const writer of writers) keys.push((await done(creation(writer))).body.id as string);
    const commands = [
      creation(writers[0]!),
      edit(writers[1]!, keys[1]!),
      rotation(writers[2]!, keys[2]!),
      revocation(writers[3]!, keys[3]!),
      setting(writers[4]!),
      registration(writers[5]!),
      // Nobody asks again for these.
      creation(writers[0]!),
      rotation(writers[4]!, keys[4]!),
      registration(writers[5]!),
    ];
    const met = new Set<string>();
    const { eventStore } = deployment;
    eventStore.faults.append = (stream) => {
      met.add(stream);
      if (met.size >= 4) void eventStore.stop();
      return met.size >= 4 ? fault : 'none';
    };
    const began = performance.now();
    const first = await Promise.all(commands.map(triedOnce));
    process.stdout.write(`${fault}: all answered in ${Math.round(performance.now() - began)} ms\n`);
    assert.ok(
      first.some((answer) => answer === null),
      'some cannot be answered',
    );
    eventStore.faults.append = () => 'none';
    await eventStore.start();
    await Promise.all(commands.slice(0, 6).map(done));
  }
});

/** What was told as an error, but that the log was away. */
const unexpectedIn = (log: string): readonly string[] =>
  log
    .split('\n')
    .filter((line) => line !== '' && JSON.parse(line).level >= 50 && JSON.parse(line).msg !== 'the log cannot be read');

type Told = { readonly id: string; readonly told: string | null; readonly stream: string; readonly revision: number };

const recordsOf = ({ deployment }: Context): readonly Told[] =>
  deployment.eventStore.log.records
    .filter(({ stream }) => !stream.startsWith('$'))
    .map(({ id, type, data, stream, revision }) => {
      const { keyId, userId, policy } = JSON.parse(Buffer.from(data).toString());
      const subject = keyId ?? userId ?? policy?.maxKeysPerUser;
      return { id, stream, revision, told: subject === undefined ? null : `${type} ${subject}` };
    });

outcomes(
  'in the end the log holds every answered command once, and every other once or not at all',
  async (context) => {
    const { service, server } = context;
    const records = recordsOf(context);
    assert.is(new Set(records.map(({ id }) => id)).size, records.length, 'no event twice');
    const revisions = new Map<string, number>();
    for (const { stream, revision } of records) {
      assert.is(revision, (revisions.get(stream) ?? -1) + 1, stream);
      revisions.set(stream, revision);
    }

    const times = new Map<string, number>();
    for (const { told } of records) if (told !== null) times.set(told, (times.get(told) ?? 0) + 1);
    const answered = asked.flatMap((one) => (one.answer === null ? [] : [{ ...one, answer: one.answer }]));
    for (const { name, holds, answer } of answered)
      for (const told of holds(answer)) assert.is(times.get(told), 1, `${name}: ${told}`);

    const abandoned = asked.filter(({ answer }) => answer === null);
    for (const kind of ['ApiKeyCreated', 'ApiKeyRenamed', 'ApiKeyRevoked', 'ApiKeyRotated']) {
      const inLog = [...times.keys()].filter((told) => told.startsWith(`${kind} `)).length;
      const certain = answered
        .flatMap(({ holds, answer }) => holds(answer))
        .filter((told) => told.startsWith(`${kind} `));
      const atMost = certain.length + abandoned.filter((one) => one.kind === kind || kind === 'ApiKeyRotated').length;
      assert.ok(certain.length <= inLog && inLog <= atMost, `${kind}: ${certain.length} <= ${inLog} <= ${atMost}`);
    }
    const open = asked.filter((one) => one.open > 0).length;
    process.stdout.write(
      `${asked.length} commands, ${open} of them once answered by 503, ${abandoned.length} given up\n`,
    );

    const ended = new Set(
      [...times.keys()].filter((told) => /^ApiKey(Revoked|Rotated) /.test(told)).map((told) => told.split(' ')[1]),
    );
    for (const { answer } of answered) {
      const { id, key } = answer.body ?? {};
      if (key === undefined) continue;
      const { code } = expectStatus(await service.post('/v1/verify', { key }), 200).body;
      assert.is(code, ended.has(id) ? 'revoked' : 'valid');
    }
    assert.equal(unexpectedIn(server.log()), []);
    assert.is((await server.stop()).code, 0);
  },
);

outcomes.run();
