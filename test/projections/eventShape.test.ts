import * as assert from 'uvu/assert';
import { eventShape } from '../../projections/eventShape.ts';
import { recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const test = suite('the shape of an event');

const shapeOf = (type: string, data: object, personal: 'present' | 'erased' = 'present') =>
  eventShape({ ...recorded({ type, data: data as never }, 3, 'user-u1'), personal }, 'Ada');

test('says where, what, who and about whom', () => {
  const shape = shapeOf('AvatarChanged', { avatarId: 'a1' });
  assert.equal(shape, {
    position: '0000000000000003',
    eventId: 'user-u1/3',
    stream: 'user-u1',
    revision: 3,
    type: 'AvatarChanged',
    version: 1,
    at: '2027-01-01T00:00:00.000Z',
    actor: { kind: 'user', id: 'u1', label: 'Ada' },
    subject: { kind: 'user', id: 'u1' },
    correlationId: 'correlation',
    causationId: null,
    requestId: null,
    policyRevision: null,
    reason: null,
    ip: null,
    userAgent: null,
    personal: 'present',
    data: { avatarId: 'a1' },
  });
  assert.is(shapeOf('ProfileChanged', { changes: null }, 'erased').personal, 'erased');
});

test('shows nothing that proves or opens anything, however deep', () => {
  const registration = { userId: 'u1', email: 'ada@example.com', passwordHash: '$2b$12$abc', roles: ['member'] };
  assert.equal(shapeOf('UserRegistered', registration).data, {
    userId: 'u1',
    email: 'ada@example.com',
    roles: ['member'],
  });
  const claimed = { userId: 'u1', committed: { type: 'UserRegistered', data: registration } };
  assert.not.match(JSON.stringify(shapeOf('EmailClaimed', claimed).data), '2b$12');
  assert.equal(shapeOf('TwoFactorEnabled', { secret: 'JBSWY3DP', recoveryCodeHashes: ['x'] }).data, {});
  assert.equal(shapeOf('RecoveryCodeUsed', { codeHash: 'x' }).data, {});
  assert.equal(shapeOf('KeyPolicyChanged', { policy: { secret: 'once' } }).data, { policy: { secret: 'once' } });
});

test.run();
