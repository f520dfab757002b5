import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createFeed, type Feed } from '../../projections/feed/feed.ts';
import { freeze, thaw } from '../../projections/index/snapshot.ts';
import { createVerificationIndex, type VerificationIndex } from '../../projections/verificationIndex.ts';
import { suite } from '../support/suite.ts';
import { anyLog, anyQuestion } from './anyLog.ts';
import { createIndexModel } from './indexModel.ts';
import { hashBytes, hashHex, keyId, logOf, start, userId } from './logs.ts';

const properties = suite('verification index, any log');

const verify = (
  index: VerificationIndex,
  question: { hash: number; scopes: readonly string[]; applications: readonly string[] | null; now: number },
) =>
  index.verify(
    {
      hash: hashBytes(question.hash),
      wellFormed: () => true,
      scopes: question.scopes,
      applications: question.applications,
    },
    question.now,
  );

properties('answers as the simple model does', () =>
  fc.assert(
    fc.property(anyLog, fc.array(anyQuestion, { minLength: 1, maxLength: 10 }), (told, questions) => {
      const index = createVerificationIndex();
      const model = createIndexModel();
      for (const event of logOf(told)) {
        index.apply(event);
        model.apply(event);
        // Asked in between as well, so that what is remembered meets every change.
        const [{ hash, scopes, applications, now }] = questions as [(typeof questions)[0]];
        assert.is(
          verify(index, { hash, scopes, applications, now }).code,
          model.verify(hashHex(hash), scopes, applications, now),
        );
      }
      for (const question of questions)
        assert.is(
          verify(index, question).code,
          model.verify(hashHex(question.hash), question.scopes, question.applications, question.now),
        );
      for (const n of [1, 2, 3]) assert.is(index.owner(userId(n))?.sessionEpoch, model.sessions(userId(n)));
    }),
    { numRuns: 300 },
  ),
);

const everything = (index: VerificationIndex, feed: Feed) => ({
  keys: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [
    index.key(keyId(n)),
    verify(index, { hash: n, scopes: [], applications: null, now: start }),
  ]),
  owners: [1, 2, 3].map((n) => [index.owner(userId(n)), index.keysOf(userId(n))]),
  policy: index.policy(),
  catalog: index.catalog(),
  epoch: index.epoch(),
  foldedTo: index.foldedTo(),
  counts: index.counts(),
  messages: Array.from({ length: feed.length() }, (_, n) => feed.positionOf(n)),
  feedEpoch: feed.epoch(),
});

const sectionsOf = (index: VerificationIndex, feed: Feed) =>
  new Map([...freeze(index.state, feed)].map(({ name, bytes }) => [name, bytes]));

properties('a snapshot and the rest of the log make what the whole log makes', () =>
  fc.assert(
    fc.property(anyLog, fc.nat(), (told, cut) => {
      const log = logOf(told);
      const whole = { index: createVerificationIndex(), feed: createFeed() };
      for (const event of log) {
        whole.index.apply(event);
        whole.feed.apply(event);
      }
      const first = { index: createVerificationIndex(), feed: createFeed() };
      const at = 1 + (cut % log.length);
      for (const event of log.slice(0, at)) {
        first.index.apply(event);
        first.feed.apply(event);
      }
      const thawed = thaw(sectionsOf(first.index, first.feed));
      const index = createVerificationIndex(thawed.state);
      for (const event of log.slice(at)) {
        index.apply(event);
        thawed.feed.apply(event);
      }
      assert.equal(everything(index, thawed.feed), everything(whole.index, whole.feed));
      // Byte for byte: what is frozen again is what the whole log freezes to.
      assert.equal(sectionsOf(index, thawed.feed), sectionsOf(whole.index, whole.feed));
    }),
    { numRuns: 200 },
  ),
);

properties('a snapshot with a piece missing or cut off is refused', () =>
  fc.assert(
    fc.property(anyLog, fc.nat(), fc.boolean(), (told, which, cut) => {
      const index = createVerificationIndex();
      const feed = createFeed();
      for (const event of logOf(told)) {
        index.apply(event);
        feed.apply(event);
      }
      const sections = sectionsOf(index, feed);
      const names = [...sections.keys()].filter((name) => sections.get(name)!.length > 0 && name !== 'feed');
      const name = names[which % names.length]!;
      if (cut) sections.set(name, sections.get(name)!.subarray(1));
      else sections.delete(name);
      assert.throws(() => thaw(sections));
    }),
    { numRuns: 100 },
  ),
);

properties.run();
