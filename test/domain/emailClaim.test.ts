import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { type EmailClaimCommand, type EmailClaimEvent, emailClaim, emailClaimStream } from '../../domain/emailClaim.ts';
import { givenOf, recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const stream = emailClaimStream('abc');
const given = givenOf(emailClaim, stream);
const committed = { type: 'UserRegistered', data: { userId: 'u1' } } as const;
const claim = (userId: string, committedEventId: string): EmailClaimCommand => ({
  type: 'ClaimEmail',
  userId,
  committedEventId,
  committed,
});
const release = (userId: string, committedEventId: string): EmailClaimCommand => ({
  type: 'ReleaseEmail',
  userId,
  committedEventId,
});
const claimed = (userId: string, committedEventId: string): EmailClaimEvent => ({
  type: 'EmailClaimed',
  data: { userId, committedEventId, committed },
});
const released = (userId: string): EmailClaimEvent => ({ type: 'EmailReleased', data: { userId } });

const test = suite('the claim of an address');

test('is whoever’s comes first', () => {
  given().when(claim('u1', 'e1')).then(claimed('u1', 'e1'));
  given(claimed('u1', 'e1')).when(claim('u2', 'e2')).thenRejected('email-taken');
  given(claimed('u1', 'e1'), released('u1')).when(claim('u2', 'e2')).then(claimed('u2', 'e2'));
});

test('is not claimed twice for one event, but anew for another of its holder', () => {
  given(claimed('u1', 'e1')).when(claim('u1', 'e1')).then();
  given(claimed('u1', 'e1')).when(claim('u1', 'e3')).then(claimed('u1', 'e3'));
});

test('is released by its holder only, once', () => {
  given(claimed('u1', 'e1')).when(release('u1', 'e1')).then(released('u1'));
  given(claimed('u1', 'e1')).when(release('u2', 'e1')).thenRejected('conflict');
  given(claimed('u1', 'e1'), released('u1')).when(release('u1', 'e1')).then();
  given().when(release('u1', 'e1')).then();
});

test('is kept where its holder claimed it anew since it was looked at', () => {
  given(claimed('u1', 'e1'), claimed('u1', 'e3')).when(release('u1', 'e1')).then();
});

test('says what it committed, as long as that can be read', () => {
  assert.equal(given(claimed('u1', 'e1')).state(), { userId: 'u1', committedEventId: 'e1', committed });
  const erased: EmailClaimEvent = {
    type: 'EmailClaimed',
    data: { userId: 'u1', committedEventId: 'e1', committed: null },
  };
  assert.is(given(erased).state()?.committed, null);
  assert.is(given(erased, released('u1')).state(), null);
});

test('has one holder at most, whoever asks in whatever order', () => {
  const userId = fc.constantFrom('u1', 'u2', 'u3');
  const eventId = fc.constantFrom('e1', 'e2');
  const anyCommand = fc.oneof(
    fc.tuple(userId, eventId).map(([user, event]) => claim(user, event)),
    fc.tuple(userId, eventId).map(([user, event]) => release(user, event)),
  );
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
      let state = emailClaim.initialState();
      let holder: string | null = null;
      let event: string | null = null;
      commands.forEach((command, revision) => {
        const decision = emailClaim.decide(command, state);
        const mine = holder === null || holder === command.userId;
        assert.is(isRejection(decision), !mine);
        for (const next of isRejection(decision) ? [] : decision)
          state = emailClaim.evolve(state, recorded(next, revision, stream));
        if (command.type === 'ClaimEmail' && mine) [holder, event] = [command.userId, command.committedEventId];
        if (command.type === 'ReleaseEmail' && mine && event === command.committedEventId)
          [holder, event] = [null, null];
        assert.equal([state?.userId ?? null, state?.committedEventId ?? null], [holder, event]);
      });
    }),
  );
});

test.run();
