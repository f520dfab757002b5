import * as assert from 'uvu/assert';
import { type ActivityEvent, activity, activityStream, isFailureRecorded } from '../../domain/activity.ts';
import { type AuditEvent, audit, auditStream } from '../../domain/audit.ts';
import { givenOf } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(activity, activityStream('u1'));
const signedIn: ActivityEvent = { type: 'SignedIn', data: { sessionId: 's1', method: 'password', twoFactor: false } };
const noticed = (keyId: string, days: number, expiresAt = '2027-03-01T00:00:00.000Z'): ActivityEvent => ({
  type: 'ApiKeyExpiryNoticed',
  data: { keyId, days, expiresAt },
});

const test = suite('activity');

test('is recorded as often as it happens', () => {
  given(signedIn).when(signedIn).then(signedIn);
});

test('a key’s end is noticed once for each span of days', () => {
  given(noticed('k1', 30)).when(noticed('k1', 30)).then();
  given(noticed('k1', 30)).when(noticed('k1', 7)).then(noticed('k1', 7));
  given(noticed('k1', 30), noticed('k1', 7)).when(noticed('k1', 30)).then();
  given(noticed('k1', 30)).when(noticed('k2', 30)).then(noticed('k2', 30));
});

test('an end that was moved is noticed again', () => {
  const moved = noticed('k1', 30, '2027-06-01T00:00:00.000Z');
  given(noticed('k1', 30)).when(moved).then(moved);
});

test('knows the last sign-in', () => {
  assert.is(given().state().lastSignInAt, null);
  const [first, last] = ['2027-01-02T00:00:00.000Z', '2027-01-03T00:00:00.000Z'];
  const out: ActivityEvent = { type: 'SignedOut', data: { sessionId: 's1' } };
  assert.is(given({ ...signedIn, at: first }, { ...signedIn, at: last }, out).state().lastSignInAt, last);
});

test('of failures in a row, the first and each tenth are recorded', () => {
  const recordedOnes = Array.from({ length: 31 }, (_, i) => i).filter(
    (failures) => failures > 0 && isFailureRecorded(failures),
  );
  assert.equal(recordedOnes, [1, 10, 20, 30]);
});

test('what somebody looked at is recorded as it is', () => {
  const exported: AuditEvent = { type: 'AuditExported', data: { filter: null } };
  givenOf(audit, auditStream)(exported).when(exported).then(exported);
});

test.run();
