import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { revocationOf } from '../../domain/revocation.ts';
import { createFeed, type FeedItem } from '../../projections/feed/feed.ts';
import { feedPage } from '../../projections/feed/feedPage.ts';
import { suite } from '../support/suite.ts';
import { anyLog } from './anyLog.ts';
import {
  created,
  epoch,
  installed,
  keyId,
  logOf,
  onKey,
  policy,
  positionAt,
  registered,
  type Told,
  uuid,
} from './logs.ts';

const feed = suite('feed');

type Log = ReturnType<typeof logOf>;

const folded = (log: Log, atHand?: number) => {
  const made = createFeed(undefined, atHand);
  for (const event of log) made.apply(event);
  return made;
};

const readerOf = (log: Log) => async (position: string) => log.find((event) => event.position === position) ?? null;

const revoked = (n: number) => onKey(1, 'ApiKeyRevoked', { keyId: keyId(n), reason: 'owner', note: null });

feed('makes one message per fact, each with the place of the one before', async () => {
  const log = logOf([installed, policy({}), registered(1), created(1, 1), revoked(1)]);
  const items = await feedPage(folded(log), readerOf(log), null, 10);
  assert.equal(
    items.map(({ message }) => message),
    [
      {
        position: positionAt(2),
        previous: null,
        epoch,
        id: uuid('d', 2),
        kind: 'all',
        effect: 'recheck',
        reason: 'policy-changed',
        at: '2027-01-01T00:00:02.000Z',
        effectiveAt: '2027-01-01T00:00:02.000Z',
      },
      {
        position: positionAt(5),
        previous: positionAt(2),
        epoch,
        id: uuid('d', 5),
        kind: 'key',
        effect: 'ended',
        keyId: keyId(1),
        reason: 'owner',
        at: '2027-01-01T00:00:05.000Z',
        effectiveAt: '2027-01-01T00:00:05.000Z',
      },
    ],
  );
});

feed(
  'pages from any place, whether a message stands there or not, with the same bytes from memory and from the log',
  () =>
    fc.assert(
      fc.asyncProperty(anyLog, fc.nat(), fc.integer({ min: 1, max: 7 }), async (told, place, limit) => {
        const log = logOf(told);
        const expected = log.filter((event) => revocationOf(event) !== null).map((event) => event.position);
        const after = place % (log.length + 2) === 0 ? null : positionAt(place % (log.length + 2));
        const beyond = expected.filter((position) => after === null || position > after);
        const near = await feedPage(folded(log), readerOf(log), after, limit);
        const far = await feedPage(folded(log, 1), readerOf(log), after, limit);
        assert.equal(
          near.map(({ message }) => message.position),
          beyond.slice(0, limit),
        );
        assert.equal(
          far.map(({ json }) => json),
          near.map(({ json }) => json),
        );
        near.forEach(({ message }) => {
          assert.is(message.previous, expected[expected.indexOf(message.position) - 1] ?? null);
        });
      }),
      { numRuns: 100 },
    ),
);

feed('keeps saying of old messages what it said: an epoch opened later does not change them', async () => {
  const opened: Told = {
    stream: 'installation',
    type: 'EpochOpened',
    data: { epoch: 'second', previousEpoch: epoch },
  };
  const log = logOf([installed, policy({}), opened, policy({ enabled: false })]);
  const items = await feedPage(folded(log, 1), readerOf(log), null, 10);
  assert.equal(
    items.map(({ message }) => [message.epoch, message.reason]),
    [
      [epoch, 'policy-changed'],
      ['second', 'epoch-opened'],
      ['second', 'policy-changed'],
    ],
  );
  assert.is(folded(log).epoch(), 'second');
});

feed('tells listeners every message once, in order, until they leave', () => {
  const log = logOf([installed, policy({}), registered(1), created(1, 1), created(2, 1), revoked(1), revoked(2)]);
  const made = createFeed();
  const heard: FeedItem[] = [];
  const leave = made.listen((item) => heard.push(item));
  for (const event of log.slice(0, -1)) made.apply(event);
  leave();
  made.apply(log.at(-1)!);
  assert.equal(
    heard.map(({ message }) => message.position),
    [positionAt(2), positionAt(6)],
  );
  assert.is(made.lastMessage(), positionAt(7));
});

feed('stops at what it does not know, and where the log is not what it was', async () => {
  const strange = logOf([installed, { stream: 'x', type: 'SomethingNew', data: {} } as unknown as Told]);
  assert.throws(() => folded(strange), /unknown event type/);
  const log = logOf([installed, policy({}), policy({})]);
  const made = folded(log, 1);
  const other = logOf([installed, registered(1), registered(2)]);
  for (const read of [async () => null, readerOf(other)]) {
    const failed = await feedPage(made, read, null, 10).then(
      () => null,
      (error: Error) => error.message,
    );
    assert.match(failed ?? '', /log/);
  }
});

feed('finds its place among many', () => {
  const log = logOf([installed, ...Array.from({ length: 5000 }, (_, n) => (n % 3 === 0 ? policy({}) : registered(n)))]);
  const made = folded(log, 10);
  const positions = log.filter((event) => event.type === 'KeyPolicyChanged').map((event) => event.position);
  assert.is(made.length(), positions.length);
  for (let n = 0; n <= 5002; n += 7) {
    const expected = positions.findIndex((position) => position > positionAt(n));
    assert.is(made.firstAfter(positionAt(n)), expected < 0 ? positions.length : expected);
  }
});

feed.run();
