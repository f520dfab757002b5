import * as assert from 'uvu/assert';
import { type Client, clientOf, expectStatus, signIn } from '../support/client.ts';
import { administrator, type Deployment, noServers, startDeployment } from '../support/deployment.ts';
import { eventually } from '../support/eventually.ts';
import { type Network, startNetwork } from '../support/network.ts';
import { suite } from '../support/suite.ts';

type Context = {
  deployment: Deployment;
  /** Of process B alone. */
  network: Network;
  owner: Client;
  /** The owner at B. */
  ownerAtB: Client;
  /** The same service, at A and at B. */
  atA: Client;
  atB: Client;
};

const everywhere = suite<Context>('revoked at one process, asked at another');
everywhere.skipUnless(noServers);

const password = 'a passphrase of some length';
const boundMs = 2_000;

everywhere.before(async (context) => {
  const deployment = await startDeployment();
  const a = await deployment.start({ KEYLEDGER_ROLE: 'api' });
  const network = await startNetwork(deployment);
  const b = await deployment.start({ KEYLEDGER_ROLE: 'api', ...network.settings });
  const admin = await signIn(a, administrator.email, administrator.password);
  expectStatus(await admin.put('/v1/admin/policy', { enabled: true, expiry: 'optional' }), 200);
  const person = { email: 'ada@example.com', password, roles: ['member'] };
  expectStatus(await admin.post('/v1/admin/users', person), 201);
  const owner = await signIn(a, person.email, password);
  const { token } = expectStatus(
    await admin.post('/v1/admin/service-tokens', { name: 'gate', permissions: ['verify'] }),
    201,
  ).body;
  const always = { authorization: `Bearer ${token}` };
  const ownerAtB = await signIn(b, person.email, password);
  const [atA, atB] = [clientOf(a, always), clientOf(b, always)];
  Object.assign(context, { deployment, network, owner, ownerAtB, atA, atB });
});

everywhere.after(async ({ network, deployment }) => {
  await deployment.stop();
  await network.close();
});

const madeBy = async (owner: Client, name: string): Promise<{ readonly id: string; readonly key: string }> =>
  expectStatus(await owner.post('/v1/api-keys', { name }), 201).body;

/** A code of the rule, or "503" where it is not known. */
const codeAt = async (service: Client, key: string): Promise<string> => {
  const answer = await service.post('/v1/verify', { key });
  return answer.status === 503 ? '503' : expectStatus(answer, 200).body.code;
};

const verifies = (service: Client, key: string) =>
  eventually(async () => (await codeAt(service, key)) === 'valid', 'the key verifies');

/**
 * Asks until the answer is that one.
 * @returns what was answered before, and milliseconds from the beginning to the first question that got it
 * @throws where "valid" was answered to a question that was asked later than it may be
 */
const refusedIn = async (service: Client, key: string, since: number, wanted: string) => {
  const before = new Set<string>();
  for (;;) {
    const asked = performance.now();
    const code = await codeAt(service, key);
    if (code === wanted) return { ms: Math.max(0, asked - since), before };
    if (code === 'valid' && asked - since > boundMs) throw new Error(`valid ${asked - since} ms after the answer`);
    before.add(code);
  }
};

const at = (sorted: readonly number[], part: number) => sorted[Math.ceil(sorted.length * part) - 1]!;

everywhere('200 times: refused everywhere within two seconds of the answer', async ({ owner, atB, atA }) => {
  const took: number[] = [];
  for (let number = 0; number < 200; number += 1) {
    const { id, key } = await madeBy(owner, `k${number}`);
    await verifies(atB, key);
    expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
    const answered = performance.now();
    assert.is(await codeAt(atA, key), 'revoked', 'where it was answered, at once');
    took.push((await refusedIn(atB, key, answered, 'revoked')).ms);
  }
  took.sort((one, other) => one - other);
  const [p50, p99, worst] = [at(took, 0.5), at(took, 0.99), took.at(-1)!].map((ms) => ms.toFixed(1));
  process.stdout.write(`revoked at A, refused at B, ms: p50 ${p50}, p99 ${p99}, worst ${worst}\n`);
});

type Asked = { readonly at: number; readonly code: string };

/** Asks again and again until it is told to stop, at the latest by the end of the test's block. */
const keepAsking = (service: Client, key: string) => {
  const answers: Asked[] = [];
  let stopped = false;
  const asking = (async () => {
    while (!stopped) {
      const at = performance.now();
      answers.push({ at, code: await codeAt(service, key) });
    }
  })();
  const stop = async () => {
    stopped = true;
    await asking;
  };
  return { answers, stop, [Symbol.asyncDispose]: stop };
};

const beyond = (since: number) => eventually(() => performance.now() > since + boundMs, 'two seconds pass');

/** What may not be said later than two seconds after the answer. */
const neverValidAfter = (answers: readonly Asked[], answered: number) => {
  const wrong = answers.filter(({ at, code }) => code === 'valid' && at - answered > boundMs);
  assert.equal(wrong, [], `asked ${answers.length} times`);
};

for (const [how, takeAway] of [
  ['cut', ({ eventStore }: Network) => eventStore.cut()],
  ['held silently', ({ eventStore }: Network) => eventStore.hold()],
] as const) {
  everywhere(`B's connection to the log ${how}: nothing is answered there from two seconds on`, async (context) => {
    const { network, owner, ownerAtB, atA, atB } = context;
    const [gone, stays] = [await madeBy(owner, `${how} gone`), await madeBy(owner, `${how} stays`)];
    await verifies(atB, gone.key);
    await verifies(atB, stays.key);
    await using askingGone = keepAsking(atB, gone.key);
    await using askingStays = keepAsking(atB, stays.key);
    const asking = [askingGone, askingStays] as const;
    takeAway(network);
    const away = performance.now();
    expectStatus(await owner.delete(`/v1/api-keys/${gone.id}`), 204);
    const answered = performance.now();
    await beyond(answered);
    const seen = asking[1].answers.length;
    await eventually(() => asking[1].answers.length > seen + 20, 'twenty answers more');
    for (const { answers } of asking) {
      const late = answers.filter(({ at }) => at > away + boundMs);
      assert.ok(late.length > 0);
      assert.equal([...new Set(late.map(({ code }) => code))], ['503']);
    }
    const { status, headers } = await ownerAtB.get('/v1/me');
    assert.is(status, 503, 'sessions are no better known than keys');
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.is((await ownerAtB.get('/readyz')).status, 503);
    assert.is((await ownerAtB.get('/livez')).status, 200);
    assert.is(await codeAt(atA, stays.key), 'valid', 'A goes on');

    network.restore();
    await verifies(atB, stays.key);
    for (const { stop } of asking) await stop();
    neverValidAfter(asking[0].answers, answered);
    assert.is(await codeAt(atB, gone.key), 'revoked');
    expectStatus(await ownerAtB.get('/v1/me'), 200);
  });
}

for (const [how, make] of [
  ['stranded, so that only new ones work', ({ eventStore }: Network) => eventStore.strand()],
  ['slow, so that a proof is old when it comes', ({ eventStore }: Network) => eventStore.slow(600)],
] as const) {
  everywhere(`B's connections to the log ${how}: never "valid" too late`, async ({ network, owner, atB }) => {
    const [gone, stays] = [await madeBy(owner, `${how} gone`), await madeBy(owner, `${how} stays`)];
    await verifies(atB, gone.key);
    await using asking = keepAsking(atB, gone.key);
    make(network);
    expectStatus(await owner.delete(`/v1/api-keys/${gone.id}`), 204);
    const answered = performance.now();
    await beyond(answered);
    await eventually(async () => (await codeAt(atB, gone.key)) === 'revoked', 'the log is read to its end again');
    await verifies(atB, stays.key);
    await asking.stop();
    neverValidAfter(asking.answers, answered);
    network.restore();
    await verifies(atB, stays.key);
  });
}

everywhere.run();
