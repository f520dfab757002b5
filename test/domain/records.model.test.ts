import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type ActivityEvent, activity, activityStream } from '../../domain/activity.ts';
import { type AuditEvent, audit, auditStream } from '../../domain/audit.ts';
import { isRejection } from '../../domain/decider.ts';
import { type InstallationCommand, installation, installationStream } from '../../domain/installation.ts';
import { played } from '../support/played.ts';
import { suite } from '../support/suite.ts';

const model = suite('what is recorded, and which log it is, against a simple model');

const anyActivity: fc.Arbitrary<ActivityEvent> = fc.oneof(
  fc.constantFrom<ActivityEvent>(
    { type: 'SignedIn', data: { sessionId: 's', method: 'password', twoFactor: false } },
    { type: 'SignInFailed', data: { failures: 1 } },
    { type: 'SignedOut', data: { sessionId: 's' } },
  ),
  fc.record({
    type: fc.constant('ApiKeyExpiryNoticed' as const),
    data: fc.record({
      keyId: fc.constantFrom('k1', 'k2'),
      days: fc.constantFrom(30, 7, 1),
      expiresAt: fc.constantFrom('2027-03-01T00:00:00.000Z', '2027-06-01T00:00:00.000Z'),
    }),
  }),
);

model('everything is recorded as often as it happens, a notice of one end once', () => {
  fc.assert(
    fc.property(fc.array(anyActivity, { maxLength: 40, size: 'max' }), (happened) => {
      const noticed = new Set<string>();
      let signedIn = false;
      played(activity, activityStream('u1'), happened, (event, decision, state) => {
        const text = JSON.stringify(event.data);
        const again = event.type === 'ApiKeyExpiryNoticed' && noticed.has(text);
        assert.equal(decision, again ? [] : [event]);
        if (event.type === 'ApiKeyExpiryNoticed') noticed.add(text);
        signedIn ||= event.type === 'SignedIn';
        assert.is(state.lastSignInAt !== null, signedIn);
        assert.is(Object.values(state.noticed).flat().length, noticed.size);
      });
    }),
  );
});

model('whoever looked is recorded, each time', () => {
  const looked = fc.record({ type: fc.constant('KeyIdentified' as const), data: fc.record({ keyId: fc.uuid() }) });
  fc.assert(
    fc.property(fc.array(looked, { maxLength: 10 }), (events: AuditEvent[]) => {
      played(audit, auditStream, events, (event, decision) => assert.equal(decision, [event]));
    }),
  );
});

const anyInstallation: fc.Arbitrary<InstallationCommand> = fc.oneof(
  fc.record({
    type: fc.constant('CreateInstallation' as const),
    installationId: fc.constantFrom('i1', 'i2'),
    epoch: fc.constantFrom('e1', 'e2'),
    minReader: fc.constant(1),
  }),
  fc.record({ type: fc.constant('OpenEpoch' as const), epoch: fc.constantFrom('e1', 'e2', 'e3') }),
);

model('one installation for ever, of one epoch at a time', () => {
  fc.assert(
    fc.property(fc.array(anyInstallation, { maxLength: 20, size: 'max' }), (commands) => {
      let is: { installationId: string; epoch: string } | null = null;
      played(installation, installationStream, commands, (command, decision, state) => {
        const before: typeof is = is;
        if (command.type === 'OpenEpoch') {
          assert.is(isRejection(decision), before === null);
          if (before !== null) {
            assert.is((decision as readonly unknown[]).length, before.epoch === command.epoch ? 0 : 1);
            is = { ...before, epoch: command.epoch };
          }
        } else {
          assert.is(isRejection(decision), before !== null && before.installationId !== command.installationId);
          if (before === null) is = { installationId: command.installationId, epoch: command.epoch };
          else if (!isRejection(decision)) assert.equal(decision, []);
        }
        assert.is(state?.installationId, is?.installationId);
        assert.is(state?.epoch, is?.epoch);
      });
    }),
  );
});

model.run();
