import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { instant, millis, plusSeconds } from '../../domain/instant.ts';
import {
  attempt,
  type Counters,
  forgottenAt,
  succeeded,
  type ThrottleKind,
  throttleKinds,
  throttles,
} from '../../domain/signInThrottle.ts';
import { suite } from '../support/suite.ts';

const start = '2027-01-01T00:00:00.000Z';
const kinds = Object.keys(throttles) as ThrottleKind[];
const anyKind = fc.constantFrom(...kinds);

/** Counters after so many attempts at one moment, each of which went through. */
const after = (kind: ThrottleKind, times: number, at = start): Counters | null => {
  let counters: Counters | null = null;
  for (let i = 0; i < times; i += 1) {
    const next = attempt(kind, counters, at);
    assert.ok(next.allowed);
    counters = next.counters;
  }
  return counters;
};

const test = suite('sign-in throttle');

test('lets the first attempts through at once, and no more', () => {
  for (const kind of kinds) {
    const { free, firstWait } = throttles[kind];
    const counters = after(kind, free);
    assert.is(counters?.failures, free);
    assert.equal(attempt(kind, counters, start), { allowed: false, waitSeconds: firstWait });
  }
});

test('of two hundred attempts at once, each is counted before it is tried', () => {
  let counters: Counters | null = null;
  let passed = 0;
  for (let i = 0; i < 200; i += 1) {
    const next = attempt('pair', counters, start);
    if (!next.allowed) continue;
    passed += 1;
    counters = next.counters;
  }
  assert.is(passed, throttles.pair.free);
});

test('every further wait is twice as long, up to the longest', () => {
  let counters = after('account', throttles.account.free);
  let at = start;
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const refused = attempt('account', counters, at);
    assert.ok(!refused.allowed);
    waits.push(refused.waitSeconds);
    at = plusSeconds(at, refused.waitSeconds);
    const next = attempt('account', counters, at);
    assert.ok(next.allowed);
    counters = next.counters;
  }
  assert.equal(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
});

test('whoever is refused does not make the wait longer', () => {
  const counters = after('pair', throttles.pair.free);
  const late = plusSeconds(start, 0.4);
  assert.equal(attempt('pair', counters, late), { allowed: false, waitSeconds: 1 });
  assert.ok(attempt('pair', counters, plusSeconds(start, 1)).allowed);
});

test('a window that is over is forgotten, a wait that is not holds', () => {
  const { window } = throttles.pair;
  assert.is(forgottenAt('pair', { failures: 3, windowStart: start, blockedUntil: null }), plusSeconds(start, window));
  const once = attempt('pair', after('pair', 9), plusSeconds(start, window));
  assert.ok(once.allowed);
  assert.equal(once.counters, { failures: 1, windowStart: plusSeconds(start, window), blockedUntil: null });
  const blocked: Counters = { failures: 20, windowStart: start, blockedUntil: plusSeconds(start, window + 60) };
  assert.is(forgottenAt('pair', blocked), blocked.blockedUntil);
  assert.equal(attempt('pair', blocked, plusSeconds(start, window)), { allowed: false, waitSeconds: 60 });
});

test('success ends a row of failures, but takes only itself back from the client', () => {
  for (const kind of ['pair', 'account', 'device'] as const)
    assert.is(succeeded(kind, after(kind, 5) as Counters), null);
  assert.is(succeeded('client', after('client', 1) as Counters), null);
  assert.is(succeeded('client', after('client', 50) as Counters)?.failures, 49);
});

test('a success that would have been the last free attempt lifts its wait, and no other', () => {
  const { free } = throttles.client;
  const last = after('client', free) as Counters;
  assert.ok(last.blockedUntil);
  assert.is(succeeded('client', last)?.blockedUntil, null);
  const beyond: Counters = { ...last, failures: free + 2 };
  assert.is(succeeded('client', beyond)?.blockedUntil, last.blockedUntil);
});

test('no account is tried more than a hundred times a day without a device cookie, from however many clients', () => {
  let counters: Counters | null = null;
  let at = start;
  let tried = 0;
  const dayEnd = plusSeconds(start, 24 * 3600);
  while (at < dayEnd) {
    const next = attempt('account', counters, at);
    if (next.allowed) {
      tried += 1;
      counters = next.counters;
    } else at = plusSeconds(at, next.waitSeconds);
  }
  assert.ok(tried <= 60, `${tried}`);
});

test('what others do to an account or from a client never stops whoever holds its device cookie', () => {
  const anybody = fc.record({ client: fc.nat(3), account: fc.nat(3), seconds: fc.nat(120) });
  fc.assert(
    fc.property(fc.array(anybody, { maxLength: 400 }), (attempts) => {
      const kept = new Map<string, Counters>();
      let at = start;
      const tryAs = (kindsTried: readonly ThrottleKind[], key: (kind: ThrottleKind) => string): boolean => {
        const tries = kindsTried.map((kind) => ({
          name: key(kind),
          ...attempt(kind, kept.get(key(kind)) ?? null, at),
        }));
        if (!tries.every(({ allowed }) => allowed)) return false;
        for (const one of tries) if (one.allowed) kept.set(one.name, one.counters);
        return true;
      };
      for (const { client, account, seconds } of attempts) {
        at = plusSeconds(at, seconds);
        const names = { pair: `${account}@${client}`, client: `${client}`, account: `${account}`, device: 'none' };
        tryAs(throttleKinds(false), (kind) => `${kind} ${names[kind]}`);
      }
      assert.ok(tryAs(throttleKinds(true), (kind) => `${kind} cookie of account 0`));
    }),
  );
});

test('a wait is never longer than the longest, and over when it says', () => {
  fc.assert(
    fc.property(anyKind, fc.array(fc.nat(4000), { maxLength: 200 }), (kind, pauses) => {
      let counters: Counters | null = null;
      let at = start;
      for (const pause of pauses) {
        at = instant(millis(at) + pause * 250);
        const next = attempt(kind, counters, at);
        if (next.allowed) {
          counters = next.counters;
          continue;
        }
        assert.ok(next.waitSeconds >= 1 && next.waitSeconds <= throttles[kind].longestWait);
        assert.ok(attempt(kind, counters, plusSeconds(at, next.waitSeconds)).allowed);
      }
    }),
  );
});

test.run();
