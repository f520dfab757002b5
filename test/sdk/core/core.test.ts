import * as assert from 'uvu/assert';
import type { Reply } from '../../../sdk/src/core/surroundings.ts';
import { suite } from '../../support/suite.ts';
import { aKey, anotherKey, createBed, message, refusal, startedAt, valid } from './bed.ts';

const core = suite('the verifier without a socket or a clock');

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const never = () => new Promise<Reply>(() => {});
const refused = () => Promise.reject(new Error('refused'));

core('what can be no key is malformed, and nobody is asked', async () => {
  const bed = createBed();
  await bed.live();
  const long = `${aKey}${'x'.repeat(100_000)}`;
  for (const text of ['', 'x', aKey.slice(1), `${aKey} `, aKey.replace('0', '1'), long])
    assert.is(await bed.codeOf(text), 'malformed');
  assert.is(await bed.codeOf(undefined as never), 'malformed');
  assert.equal(bed.questions(), []);
});

core('with imported keys whatever could be one is asked about', async () => {
  const bed = createBed({ importedKeys: true });
  await bed.live();
  bed.answers.verify = () => refusal('not-found');
  assert.is(await bed.codeOf('anything'), 'not-found');
  for (const text of ['', 'x'.repeat(5_000)]) assert.is(await bed.codeOf(text), 'malformed');
  assert.is(bed.questions().length, 1);
});

core('a yes is remembered, a no never', async () => {
  const bed = createBed();
  await bed.live();
  for (let i = 0; i < 3; i++) assert.is(await bed.codeOf(aKey), 'valid');
  assert.is(bed.questions().length, 1);
  bed.answers.verify = () => refusal('not-found');
  for (let i = 0; i < 3; i++) assert.is(await bed.codeOf(anotherKey), 'not-found');
  assert.is(bed.questions().length, 4);
});

core('scopes are looked at in memory, and what it lacks is asked for', async () => {
  const bed = createBed();
  await bed.live();
  assert.is(await bed.codeOf(aKey, ['reports:read']), 'valid');
  assert.is(await bed.codeOf(aKey, ['reports:read']), 'valid');
  assert.is(bed.questions().length, 1);
  bed.answers.verify = () => refusal('insufficient-scope', '10', { missing: ['reports:write'] });
  const result = await bed.soon(bed.core.verify(aKey, { scopes: ['reports:write'] }));
  assert.equal(result, { valid: false, code: 'insufficient-scope', missing: ['reports:write'] });
  assert.is(bed.questions().length, 2);
});

core('a server that answers fewer scopes than were asked for has not said yes', async () => {
  const bed = createBed();
  await bed.live();
  assert.is(await bed.codeOf(aKey, ['reports:write']), 'insufficient-scope');
});

core('any scope where the answer names none', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = () => valid('10', { scopes: null });
  assert.is(await bed.codeOf(aKey, ['what:ever']), 'valid');
});

core('a message drops what it is about, and only that', async () => {
  for (const [told, isDropped] of [
    [message('11', '10'), true],
    [message('11', '10', { keyId: 'another' }), false],
    [message('11', '10', { kind: 'owner', ownerId: 'owner-1', keyId: undefined }), true],
    [message('11', '10', { kind: 'owner', ownerId: 'another', keyId: undefined }), false],
    [message('11', '10', { kind: 'all', effect: 'recheck', keyId: undefined }), true],
  ] as const) {
    const bed = createBed();
    await bed.live();
    await bed.codeOf(aKey);
    bed.tell(told);
    assert.is(bed.core.status().cached, isDropped ? 0 : 1);
    await bed.codeOf(aKey);
    assert.equal(
      bed.questions().map(({ minPosition }) => minPosition),
      isDropped ? [undefined, '11'] : [undefined],
    );
  }
});

core('an answer that a message overtook is neither used nor kept, unless it is of its position', async () => {
  for (const [position, used] of [
    ['10', false],
    ['11', true],
    ['12', true],
  ] as const) {
    const bed = createBed();
    await bed.live();
    let answer: (reply: Reply) => void = () => {};
    bed.answers.verify = () => new Promise((resolve) => (answer = resolve));
    const asked = bed.core.verify(aKey);
    await bed.pass(10);
    bed.tell(message('11', '10'));
    bed.answers.verify = () => refusal('revoked', '11');
    answer(valid(position));
    assert.is(((await bed.soon(asked, 500)) as { valid: boolean }).valid, used);
    assert.is(bed.core.status().cached, used ? 1 : 0);
  }
});

core('a message closes open questions to newcomers', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = never;
  for (let i = 0; i < 5; i++) bed.core.verify(aKey).catch(() => {});
  await bed.pass(1);
  assert.is(bed.questions().length, 1, 'equal ones are one');
  bed.tell(message('11', '10', { keyId: 'another' }));
  for (let i = 0; i < 5; i++) bed.core.verify(aKey).catch(() => {});
  await bed.pass(1);
  assert.equal(
    bed.questions().map(({ minPosition }) => minPosition),
    [undefined, '11'],
  );
  await bed.core.close();
});

core('an answer from before the position that was asked for is not used', async () => {
  const bed = createBed();
  await bed.live();
  bed.tell(message('11', '10', { keyId: 'another' }));
  bed.answers.verify = () => valid('10');
  assert.is(await bed.codeOf(aKey, [], 10_000), 'VerifierUnavailable overtaken');
});

core('a gap, shown by a message: the feed is read, and memory is not used meanwhile', async () => {
  const bed = createBed();
  await bed.live();
  await bed.codeOf(aKey);
  bed.answers.page = never;
  bed.tell(message('13', '12', { keyId: 'another' }));
  assert.is(bed.core.status().state, 'catching-up');
  await bed.codeOf(aKey);
  assert.is(bed.questions().length, 2);
  bed.answers.verify = refused;
  assert.is(await bed.codeOf(aKey, [], 1_000), 'VerifierUnavailable unreachable', 'though it is remembered');
  const missed = [message('12', '10'), message('13', '12', { keyId: 'another' })];
  bed.answers.page = ({ path }) => ({
    status: 200,
    body: { items: path.includes('after=10&') ? missed : [], head: '13', epoch: 'e1' },
  });
  await bed.pass(10_000);
  assert.is(bed.core.status().state, 'live');
  assert.is(bed.core.status().cached, 0, 'what was missed was about it');
});

core('a gap, shown by a heartbeat: after a quarter of a second', async () => {
  const bed = createBed();
  await bed.live();
  bed.silence(true);
  bed.heartbeat({ head: '12', lastMessage: '12' });
  await bed.pass(249);
  assert.is(bed.core.status().state, 'live');
  bed.answers.page = never;
  await bed.pass(1);
  assert.is(bed.core.status().state, 'catching-up');
});

core('a heartbeat that comes a little before its message is none', async () => {
  const bed = createBed();
  await bed.live();
  bed.silence(true);
  bed.heartbeat({ head: '12', lastMessage: '11' });
  await bed.pass(100);
  bed.hearing().message(message('11', '10', { keyId: 'another' }));
  await bed.pass(1_000);
  assert.is(bed.core.status().state, 'live');
  assert.is(bed.core.status().position, '12');
  assert.is(bed.sent('/v1/revocations?after').length, 0);
});

core('each message is told once, however often it comes', async () => {
  const bed = createBed();
  await bed.live();
  const heard: string[] = [];
  const end = bed.core.on('revoked', ({ position }) => heard.push(position));
  const [first, second] = [message('11', '10'), message('12', '11')];
  for (const told of [first, first, second, first, second]) bed.tell(told);
  assert.equal(heard, ['11', '12']);
  end();
  bed.tell(message('13', '12'));
  assert.is(heard.length, 2);
});

core('410: everything is forgotten, and it goes on from the head', async () => {
  const bed = createBed();
  await bed.live();
  await bed.codeOf(aKey);
  bed.answers.page = ({ path }) =>
    path.endsWith('?limit=1') || path.includes('epoch=e2')
      ? { status: 200, body: { items: [], head: '05', epoch: 'e2' } }
      : { status: 410, body: undefined };
  bed.answers.verify = () => valid('05', { epoch: 'e2' });
  bed.heartbeat({ epoch: 'e2', head: '05', lastMessage: null });
  assert.is(bed.core.status().state, 'catching-up');
  await bed.pass(100);
  assert.is(bed.core.status().cached, 0);
  assert.equal(bed.places.at(-1), { epoch: 'e2', position: '05' });
  await bed.codeOf(aKey);
  assert.is(bed.questions().at(-1)!.minPosition, undefined, 'positions of another log mean nothing in this one');
});

core('an answer of another log is not used before the feed was looked at', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = () => valid('99', { epoch: 'e2' });
  assert.is(await bed.codeOf(aKey, [], 10_000), 'VerifierUnavailable overtaken');
  assert.ok(bed.sent('/v1/revocations?after').length > 0);
});

core('silence: after 3 s every use asks; memory answers where nobody else does, until maxSilenceMs', async () => {
  const bed = createBed();
  await bed.live();
  await bed.codeOf(aKey);
  bed.silence(true);
  await bed.pass(3_500);
  assert.is(bed.core.status().state, 'catching-up');
  await bed.codeOf(aKey);
  assert.is(bed.questions().length, 2);
  bed.answers.verify = refused;
  bed.answers.page = refused;
  assert.is(await bed.codeOf(aKey, [], 1_000), 'valid');
  await bed.pass(20_000);
  assert.is(bed.core.status().state, 'stale');
  assert.is(await bed.codeOf(aKey, [], 1_000), 'VerifierUnavailable stale');
});

core('what the server refuses is not known, and memory does not stand in for it', async () => {
  for (const [status, code] of [
    [401, 'unauthenticated'],
    [403, 'forbidden'],
    [429, 'too-many-requests'],
    [500, 'server-error'],
    [503, 'server-error'],
    [400, 'unusable-answer'],
  ] as const) {
    const bed = createBed();
    await bed.live();
    await bed.codeOf(aKey);
    bed.silence(true);
    await bed.pass(3_500);
    bed.answers.verify = () => ({ status, body: { valid: true } });
    assert.is(await bed.codeOf(aKey, [], 1_000), `VerifierUnavailable ${code}`);
    assert.is(bed.questions().length, status >= 500 ? 3 : 2, 'only what may pass is tried again, once');
  }
});

core('an answer that is none is not used', async () => {
  const bed = createBed();
  await bed.live();
  for (const body of [
    undefined,
    {},
    { valid: true },
    { valid: 'true' },
    { ...(valid('10').body as object), scopes: {} },
  ]) {
    bed.answers.verify = () => ({ status: 200, body });
    assert.is(await bed.codeOf(aKey), 'VerifierUnavailable unusable-answer');
  }
});

core('no answer for 2 s: asked once more, then nobody can tell', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = never;
  assert.is(await bed.codeOf(aKey, [], 3_900), 'nothing yet');
  assert.is(bed.questions().length, 2);
  assert.is(await bed.codeOf(aKey, [], 5_000), 'VerifierUnavailable timeout');
});

core('a remembered key is asked for again within 15 minutes, before its time while it is used', async () => {
  const unused = createBed();
  await unused.live();
  await unused.codeOf(aKey);
  await unused.pass(15 * minuteMs);
  await unused.codeOf(aKey);
  assert.is(unused.questions().length, 2);

  const used = createBed();
  await used.live();
  for (let i = 0; i < 100; i++) {
    assert.is(await used.codeOf(aKey), 'valid');
    await used.pass(minuteMs / 4);
  }
  const asked = used.questions().length;
  assert.ok(asked >= 2 && asked <= 4, `${asked} times in 25 minutes`);
});

core('a key is past its end when either clock says so', async () => {
  const expiresAt = new Date(startedAt + 30 * minuteMs).toISOString();
  const own = createBed();
  own.answers.verify = () => valid('10', { expiresAt });
  await own.live();
  await own.codeOf(aKey);
  await own.codeOf(aKey);
  assert.is(own.questions().length, 1);
  own.setClock(hourMs);
  await own.pass(1_000);
  assert.is(await own.codeOf(aKey), 'valid', 'the server says so');
  assert.is(own.questions().length, 2);

  const theirs = createBed();
  theirs.answers.verify = () => valid('10', { expiresAt });
  await theirs.live();
  await theirs.codeOf(aKey);
  theirs.setClock(-hourMs);
  theirs.setServerClock(hourMs);
  theirs.answers.verify = () => refusal('expired');
  await theirs.pass(3_000);
  assert.is(await theirs.codeOf(aKey), 'expired');
});

core('clocks that are an hour off, or are set, change nothing for long', async () => {
  for (const [own, server] of [
    [hourMs, 0],
    [-hourMs, 0],
    [0, hourMs],
    [0, -hourMs],
  ] as const) {
    const bed = createBed();
    await bed.live();
    bed.setClock(own);
    bed.setServerClock(server);
    await bed.pass(8_000);
    assert.is(bed.core.status().state, 'live');
  }
});

core('heartbeats that prove nothing new keep nobody calm', async () => {
  const bed = createBed();
  await bed.live();
  const provenAt = new Date(startedAt).toISOString();
  bed.silence(true);
  for (let i = 0; i < 5; i++) {
    await bed.pass(1_000);
    bed.heartbeat({ provenAt });
  }
  assert.is.not(bed.core.status().state, 'live');
});

core('over NATS nothing is proven before the server itself has answered, nor by what was said before', async () => {
  const bed = createBed({}, { resumed: false });
  const { page } = bed.answers;
  bed.answers.page = never;
  await bed.pass(2_500);
  assert.is(bed.core.status().state, 'catching-up');
  bed.answers.page = page;
  await bed.pass(8_000);
  assert.is(bed.core.status().state, 'live');
  bed.silence(true);
  for (let i = 0; i < 8; i++) {
    await bed.pass(1_000);
    bed.heartbeat({ provenAt: new Date(startedAt + i).toISOString() });
  }
  assert.is(bed.core.status().state, 'catching-up');
});

core('it confirms its position at once, then at most once a second, and again where that failed', async () => {
  const bed = createBed();
  await bed.live();
  await bed.pass(1_000);
  const confirmed = () => bed.sent('/v1/revocations/ack').map(({ position }) => position);
  const before = confirmed().length;
  for (const [position, previous] of [
    ['11', '10'],
    ['12', '11'],
    ['13', '12'],
  ] as const)
    bed.tell(message(position, previous));
  assert.equal(confirmed().slice(before), ['11']);
  await bed.pass(999);
  assert.is(confirmed().length, before + 1);
  await bed.pass(1);
  assert.equal(confirmed().slice(before), ['11', '13']);
  bed.answers.other = refused;
  await bed.pass(1_000);
  bed.tell(message('14', '13'));
  bed.answers.other = () => ({ status: 204, body: undefined });
  await bed.pass(5_000);
  assert.equal(confirmed().slice(before + 2), ['14', '14']);
});

core('in quiet times it says once a minute that it is there, and at the end that it leaves', async () => {
  const bed = createBed();
  await bed.live();
  await bed.pass(1_000);
  const acks = () => bed.sent('/v1/revocations/ack') as unknown as { position: string; leaving?: true }[];
  const first = acks().length;
  // The log goes on, though nobody is told anything.
  bed.setHead('19');
  await bed.pass(3 * minuteMs);
  assert.equal(
    acks().slice(first),
    Array(3).fill({ instance: 'one', epoch: 'e1', position: acks()[first - 1]!.position }),
    'the same again',
  );
  bed.tell(message('20', '10'));
  await bed.pass(minuteMs - 1);
  assert.is(acks().length, first + 4, 'a minute from the last one on');
  await bed.pass(1_000);
  assert.equal(
    acks()
      .slice(first + 3)
      .map(({ position }) => position),
    ['20', '20'],
  );
  await bed.core.close();
  assert.equal(acks().at(-1), { instance: 'one', epoch: 'e1', position: '20', leaving: true });
  assert.is(acks().filter(({ leaving }) => leaving).length, 1);
});

core('it leaves after what it is just confirming, with what came meanwhile, and waits 2 s at most', async () => {
  const bed = createBed();
  await bed.live();
  await bed.pass(1_000);
  let answer: (reply: Reply) => void = () => {};
  bed.answers.other = () => new Promise((resolve) => (answer = resolve));
  bed.tell(message('11', '10'));
  bed.tell(message('12', '11'));
  const sent = () => bed.sent('/v1/revocations/ack').map(({ position, leaving = false }) => [position, leaving]);
  const before = sent().length;
  const closed = bed.core.close();
  await bed.pass(100);
  assert.is(sent().length, before);
  answer({ status: 204, body: undefined });
  await bed.pass(100);
  assert.equal(sent().slice(before), [['12', true]]);
  assert.is(await bed.soon(closed, 1_799), 'nothing yet');
  assert.is(await bed.soon(closed, 1), undefined);
});

core('who never stood anywhere does not say that it leaves', async () => {
  const bed = createBed({}, { page: never });
  await bed.pass(100);
  await bed.core.close();
  assert.equal(bed.sent('/v1/revocations/ack'), []);
});

core('uses that the server does not know of are reported, each once, also where that fails at first', async () => {
  const bed = createBed();
  await bed.live();
  await bed.codeOf(aKey);
  bed.answers.other = () => ({ status: 503, body: undefined });
  for (let i = 0; i < 7; i++) void bed.core.verify(aKey, { ip: '192.0.2.7' });
  await bed.pass(6_000);
  bed.answers.other = () => ({ status: 204, body: undefined });
  const failed = bed.sent('/v1/usage').length;
  assert.is.not(failed, 0);
  void bed.core.verify(aKey);
  await bed.core.close();
  const reports = bed.sent('/v1/usage').slice(failed) as unknown as { items: object[] }[];
  assert.equal(
    reports.flatMap(({ items }) => items),
    // The last use came from nobody knows where.
    [{ keyId: 'key-1', lastAt: new Date(startedAt + bed.time.now()).toISOString(), count: 8 }],
  );
});

core('no more is remembered than was allowed; the one used longest ago goes first', async () => {
  const bed = createBed({ cacheSize: 2 });
  await bed.live();
  const keys = [aKey, anotherKey, '01234567.89ABCDEFGHIJKLMNOPQRSTUVWXYZabcd'];
  bed.answers.verify = ({ body }) => valid('10', { keyId: (body as { key: string }).key });
  for (const key of [keys[0]!, keys[1]!, keys[0]!, keys[2]!]) await bed.codeOf(key);
  assert.is(bed.core.status().cached, 2);
  const before = bed.questions().length;
  await bed.codeOf(keys[0]!);
  assert.is(bed.questions().length, before);
  await bed.codeOf(keys[1]!);
  assert.is(bed.questions().length, before + 1);
});

core('a server that stands still gets so many questions at once, and no more', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = never;
  for (let i = 0; i < 1000; i++) bed.core.verify(aKey, { scopes: [`app:${i}`] }).catch(() => {});
  await bed.pass(100);
  assert.is(bed.questions().length, 128);
  await bed.core.close();
});

core('ready: refused at once where the token is, later where nobody answers, and again when asked again', async () => {
  const refusing = createBed({}, { page: () => ({ status: 403, body: undefined }) });
  assert.is(await refusing.soon(refusing.core.ready()), 'VerifierUnavailable forbidden');
  const { page } = createBed().answers;
  const silent = createBed({}, { page: never });
  assert.is(await silent.soon(silent.core.ready(), 15_000), 'VerifierUnavailable stale');
  silent.answers.page = page;
  assert.is(await silent.soon(silent.core.ready(), 5_000), undefined);
});

core('ready says what went wrong last', async () => {
  for (const [page, cause] of [
    [refused, 'unreachable undefined refused'],
    [() => ({ status: 404, body: undefined }), 'unusable-answer 404 undefined'],
    [() => ({ status: 200, body: '<html>' }), 'unusable-answer 200 undefined'],
    [() => ({ status: 502, body: undefined }), 'server-error 502 undefined'],
  ] as const) {
    const bed = createBed({}, { page });
    let said = '';
    bed.core.ready().catch(({ code, cause: { code: why, status, cause: deeper } }) => {
      said = `${code}: ${why} ${status} ${deeper?.message}`;
    });
    await bed.pass(15_000);
    assert.is(said, `stale: ${cause}`);
    await bed.core.close();
  }
});

core('ready says why there is no connection to the feed, where it can be read', async () => {
  const bed = createBed();
  bed.silence(true);
  let said = '';
  bed.core.ready().catch(({ code, cause }) => {
    said = `${code}: ${cause.message}`;
  });
  for (let s = 0; s < 15; s++) {
    await bed.pass(500);
    bed.hearing().closed(undefined, new Error('NATS is away'));
    await bed.pass(500);
    // It is tried again, and nobody is there yet.
    bed.hearing().closed(undefined, new Error('NATS is away'));
  }
  assert.match(said, /^stale: NATS is away$/);
});

core('before it is connected every use asks, and nothing is remembered', async () => {
  const bed = createBed({}, { page: never });
  for (let i = 1; i <= 3; i++) {
    assert.is(await bed.codeOf(aKey), 'valid');
    assert.is(bed.questions().length, i);
  }
  assert.equal(bed.core.status(), { state: 'catching-up', position: null, head: null, lastHeardAt: null, cached: 0 });
});

core('closed while somebody waits for it to be ready', async () => {
  const bed = createBed({}, { page: never });
  const ready = bed.soon(bed.core.ready(), 1_000);
  const closed = bed.core.close();
  assert.is(bed.core.close(), closed, 'the same end');
  assert.is(await ready, 'VerifierUnavailable closed');
  assert.is(await bed.soon(bed.core.ready()), 'VerifierUnavailable closed');
});

core('a list of scopes that is changed while it is asked about', async () => {
  const bed = createBed();
  await bed.live();
  let answer: (reply: Reply) => void = () => {};
  bed.answers.verify = () => new Promise((resolve) => (answer = resolve));
  const scopes = ['reports:write'];
  const asked = bed.core.verify(aKey, { scopes });
  await bed.pass(1);
  scopes.pop();
  answer(valid('10'));
  assert.equal(await bed.soon(asked), { valid: false, code: 'insufficient-scope', missing: ['reports:write'] });
});

core('a machine that slept: memory is not used before the feed was read', async () => {
  const bed = createBed();
  await bed.live();
  await bed.codeOf(aKey);
  let page: (reply: Reply) => void = () => {};
  bed.answers.page = () => new Promise((resolve) => (page = resolve));
  // Monotonic time stood still.
  bed.setClock(hourMs);
  await bed.pass(250);
  assert.is(bed.core.status().state, 'catching-up');
  bed.answers.verify = refused;
  assert.is(await bed.codeOf(aKey, [], 1_000), 'VerifierUnavailable unreachable');
  bed.answers.page = () => ({ status: 200, body: { items: [], head: '11', epoch: 'e1' } });
  page({ status: 200, body: { items: [message('11', '10')], head: '11', epoch: 'e1' } });
  await bed.pass(2_000);
  assert.is(bed.core.status().state, 'live');
  assert.is(bed.core.status().cached, 0);
});

core('closed: nothing is told, asked or waited for', async () => {
  const bed = createBed();
  await bed.live();
  bed.answers.verify = never;
  const open = bed.core.verify(aKey);
  await bed.pass(10);
  await bed.core.close();
  assert.is(await bed.soon(open), 'VerifierUnavailable closed');
  assert.is(await bed.codeOf(aKey), 'VerifierUnavailable closed');
  const calls = bed.calls.length;
  await bed.pass(60_000);
  assert.is(bed.calls.length, calls);
});

core.run();
