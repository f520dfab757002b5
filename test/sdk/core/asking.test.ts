import * as assert from 'uvu/assert';
import { createAsking, type Result } from '../../../sdk/src/core/asking.ts';
import type { Reply } from '../../../sdk/src/core/surroundings.ts';
import { VerifierUnavailable } from '../../../sdk/src/errors.ts';
import type { Question } from '../../../sdk/src/types.ts';
import { suite } from '../../support/suite.ts';
import { createTime } from '../simulation/time.ts';
import { message, refusal, valid } from './bed.ts';

const asking = suite('asking the server');

const createRig = (...answers: (Reply | Error | Promise<Reply>)[]) => {
  const time = createTime();
  const world = { epoch: 'e1', lastReceived: null as string | null, distrusted: 0, closed: false };
  const questions: { readonly minPosition?: string }[] = [];
  const memory: string[] = [];
  const made = createAsking({
    calls: {
      ask: async (body) => {
        questions.push(body as object);
        const answer = await answers[Math.min(questions.length, answers.length) - 1]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    place: { epoch: () => world.epoch, lastReceived: () => world.lastReceived },
    known: {
      keep: (hash, key, askedAt, epoch) => memory.push(`keeps ${hash} ${key.keyId} ${askedAt} ${epoch}`),
      drop: (hash) => memory.push(`drops ${hash}`),
    },
    distrust: () => {
      world.distrusted++;
    },
    isClosed: () => world.closed,
    surroundings: { monotonic: time.now, after: time.after, random: () => 1 },
  });
  const ask = (question: Question = {}): Promise<Result | string> =>
    made.ask('hash', 'key', question).catch((error: VerifierUnavailable) => `${error.code} ${error.status}`);
  const after = async (ms: number, asked: Promise<Result | string>) => {
    await time.runUntil(time.now() + ms);
    return Promise.race([asked, 'nothing yet']);
  };
  return { ...made, ask, after, time, world, questions, memory };
};

const unavailable = (code: 'timeout' | 'unreachable') => new VerifierUnavailable(code);

asking('says what is asked, and leaves out what there is not', async () => {
  const rig = createRig(valid('10'));
  await rig.ask();
  rig.world.lastReceived = '09';
  await rig.ask({ scopes: ['a:read'], ip: '::ffff:192.0.2.7', userAgent: 'x'.repeat(2_000) });
  await rig.ask({ scopes: [], ip: 'nowhere', userAgent: undefined });
  assert.equal(rig.questions, [
    { key: 'key' },
    { key: 'key', scopes: ['a:read'], minPosition: '09', ip: '192.0.2.7', userAgent: 'x'.repeat(1_024) },
    { key: 'key', minPosition: '09' },
  ]);
});

asking(
  'a yes is remembered as of when it was asked for, and can be changed by nobody; a no is not remembered',
  async () => {
    const rig = createRig(valid('10'), refusal('revoked'));
    await rig.time.runUntil(7);
    const yes = await rig.ask();
    assert.ok(Object.isFrozen(yes) && Object.isFrozen((yes as { scopes: object }).scopes));
    assert.equal(await rig.ask(), { valid: false, code: 'revoked' });
    assert.equal(rig.memory, ['keeps hash key-1 7 e1', 'drops hash']);
  },
);

asking('an answer that is older than what was heard is asked for again, and given up in the end', async () => {
  const rig = createRig(valid('10'), valid('11'));
  rig.world.lastReceived = '11';
  const asked = rig.ask();
  assert.is(await rig.after(249, asked), 'nothing yet');
  assert.is(((await rig.after(1, asked)) as { valid: boolean }).valid, true);
  const never = createRig(valid('10'));
  never.world.lastReceived = '11';
  assert.is(await never.after(10_000, never.ask()), 'overtaken undefined');
  assert.equal(never.memory, []);
});

asking('an answer that a message overtook on its way counts for nothing', async () => {
  for (const [told, counts] of [
    [message('11', '10'), false],
    [message('11', '10', { keyId: 'another' }), true],
    [message('11', '10', { kind: 'all', keyId: undefined }), false],
    [message('10', '09'), true],
  ] as const) {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const rig = createRig(promise, refusal('revoked', '11'));
    const asked = rig.ask();
    rig.heard(told);
    resolve(valid('10'));
    assert.is(((await rig.after(250, asked)) as { valid: boolean }).valid, counts);
  }
});

asking('an answer of another log is a reason for distrust; of no log it is taken as it is', async () => {
  const rig = createRig(valid('99', { epoch: 'e2' }), valid('10'));
  assert.is(((await rig.after(250, rig.ask())) as { position: string }).position, '10');
  assert.is(rig.world.distrusted, 1);
});

asking('what may pass is tried once more, the rest is told at once', async () => {
  for (const [answer, said, count] of [
    [unavailable('timeout'), 'timeout undefined', 2],
    [unavailable('unreachable'), 'unreachable undefined', 2],
    [{ status: 503, body: undefined }, 'server-error 503', 2],
    [{ status: 401, body: undefined }, 'unauthenticated 401', 1],
    [{ status: 429, body: undefined }, 'too-many-requests 429', 1],
    [{ status: 200, body: {} }, 'unusable-answer 200', 1],
  ] as const) {
    const rig = createRig(answer as Reply);
    assert.is(await rig.after(1_000, rig.ask()), said);
    assert.is(rig.questions.length, count, said);
  }
});

asking('nothing is tried again once it is closed', async () => {
  const rig = createRig(unavailable('timeout'));
  const asked = rig.ask();
  await rig.after(1, asked);
  rig.world.closed = true;
  assert.is(await rig.after(1_000, asked), 'closed undefined');
  assert.is(rig.questions.length, 1);
});

asking('equal questions at once are one, however their scopes are ordered; not after something was heard', async () => {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const rig = createRig(promise);
  const asked = [['a:x', 'b:x'], ['b:x', 'a:x'], ['a:x'], []].map((scopes) => rig.ask({ scopes }));
  assert.is(rig.questions.length, 3);
  rig.heard(message('11', '10', { keyId: 'another' }));
  void rig.ask();
  assert.is(rig.questions.length, 4);
  resolve(valid('12', { scopes: ['a:x'] }));
  assert.equal(
    (await Promise.all(asked)).map((result) => (result as { missing?: object }).missing),
    [['b:x'], ['b:x'], undefined, undefined],
  );
});

asking.run();
