import * as assert from 'uvu/assert';
import { emptyProfile, type Profile } from '../../domain/profile.ts';
import { notificationsOf, type User, type UserEvent, userStream } from '../../domain/user.ts';
import type { NewUserCommand } from '../../domain/userAccount.ts';
import { type UserCommand, user } from '../../domain/userDecider.ts';
import { givenOf, type Happened } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const given = givenOf(user, userStream('u1'));

type Registration = Extract<UserEvent, { type: 'UserRegistered' }>['data'];
const registration: Registration = {
  userId: 'u1',
  kind: 'human',
  email: 'ada@example.com',
  claim: 'claim-a',
  externalProvider: null,
  passwordHash: 'hash-1',
  mustChangePassword: false,
  profile: emptyProfile,
  roles: [],
  groups: [],
  organizations: [],
};
const registered = (changes: Partial<Registration> = {}): UserEvent => ({
  type: 'UserRegistered',
  data: { ...registration, ...changes },
});
const external = registered({ passwordHash: null, externalProvider: 'corporate' });
const invited: UserEvent = { type: 'UserInvited', data: { ...registration, passwordHash: null } };
const deactivated = (ownerEpoch = 0): UserEvent => ({ type: 'UserDeactivated', data: { ownerEpoch } });
const reactivated: UserEvent = { type: 'UserReactivated', data: {} };
const deleted = (ownerEpoch = 0): UserEvent => ({ type: 'UserDeleted', data: { ownerEpoch } });
const erased = (ownerEpoch = 0): UserEvent => ({ type: 'UserErased', data: { ownerEpoch } });
const emailChanged = (email: string | null, claim: string, previousClaim: string | null): UserEvent => ({
  type: 'EmailChanged',
  data: { email, claim, previousClaim },
});
const profileChanged = (changes: Partial<Profile>): UserEvent => ({ type: 'ProfileChanged', data: { changes } });
const secondFactor: UserEvent = { type: 'TwoFactorEnabled', data: { secret: 's', recoveryCodeHashes: ['r1', 'r2'] } };
const notifications = (email: string | null, enabled: boolean, verified: boolean): UserEvent => ({
  type: 'NotificationSettingsChanged',
  data: { email, enabled, verified },
});

const register: Extract<NewUserCommand, { type: 'RegisterUser' }> = {
  type: 'RegisterUser',
  userId: 'u1',
  kind: 'human',
  address: { email: 'ada@example.com', claim: 'claim-a' },
  profile: {},
  roles: [],
  groups: [],
  organizations: [],
  passwordHash: 'hash-1',
  externalProvider: null,
  mustChangePassword: false,
};
const { passwordHash: _, externalProvider: __, mustChangePassword: ___, ...newcomer } = register;
const invite: NewUserCommand = { ...newcomer, type: 'InviteUser' };

const stateAfter = (...events: Happened<UserEvent>[]): User => {
  const state = given(...events).state();
  if (state === null) throw new Error('no user');
  return state;
};

const beginning = suite('registering and inviting a user');

beginning('registers with what was given, tidied and sorted, and without admin', () => {
  given()
    .when({
      ...register,
      mustChangePassword: true,
      profile: { firstName: ' Ada ', lastName: '', language: 'DE-at' },
      roles: ['member', 'admin', 'auditor', 'member'],
      groups: ['b', ' a'],
      organizations: ['Example'],
    })
    .then(
      registered({
        mustChangePassword: true,
        profile: { ...emptyProfile, firstName: 'Ada', language: 'de-AT' },
        roles: ['auditor', 'member'],
        groups: ['a', 'b'],
        organizations: ['Example'],
      }),
    );
});

beginning('registers whoever another provider signs in, without a password to change', () => {
  given()
    .when({ ...register, passwordHash: null, externalProvider: 'corporate', mustChangePassword: true })
    .then(external);
});

beginning('registers a service without an address or a password', () => {
  given()
    .when({ ...register, kind: 'service', address: null, passwordHash: null })
    .then(registered({ kind: 'service', email: null, claim: null, passwordHash: null }));
});

beginning('invites', () => {
  given().when(invite).then(invited);
});

beginning('asks a person for an address, and for a way to sign in', () => {
  given()
    .when({ ...register, address: null })
    .thenRejected('email-required');
  given()
    .when({ ...invite, kind: 'service', address: null })
    .thenRejected('email-required');
  given()
    .when({ ...register, passwordHash: null })
    .thenRejected('validation-failed');
});

beginning('takes a password or a provider, not both', () => {
  given()
    .when({ ...register, externalProvider: 'corporate' })
    .thenRejected('externally-managed');
});

beginning('names every wrong field', () => {
  const { decision } = given().when({
    ...register,
    address: { email: 'Ada@example.com', claim: 'claim-a' },
    externalProvider: 'x'.repeat(201),
    passwordHash: null,
    profile: { phone: '123' },
    roles: [' '],
    groups: ['a\u0000b'],
    organizations: Array.from({ length: 201 }, (_, i) => `o${i}`),
  });
  assert.equal('errors' in decision && decision.errors?.map(({ field }) => field), [
    '/email',
    '/externalProvider',
    '/phone',
    '/roles/0',
    '/groups/0',
    '/organizations',
  ]);
});

beginning('refuses an id that is taken', () => {
  given(registered()).when(register).thenRejected('conflict');
  given(registered()).when(invite).thenRejected('conflict');
});

beginning('nothing can be done with a user who is not there', () => {
  for (const type of ['DeactivateUser', 'EndAllSessions', 'RemoveAvatar'] as const)
    given().when({ type }).thenRejected('not-found');
});

beginning('a user’s log begins with how they came', () => {
  assert.throws(() => given(reactivated).state(), /user-u1 begins with UserReactivated/);
});

beginning('an event from a newer release is not passed over', () => {
  assert.throws(() => given(registered(), { type: 'UserCloned', data: {} } as never).state(), /UserCloned/);
});

beginning('knows when they came, where they stand and with what they signed up', () => {
  const { profile, ...state } = stateAfter({
    ...registered({ profile: null }),
    at: '2027-02-03T04:05:06.007Z',
  });
  assert.equal(profile, emptyProfile);
  assert.equal(state, {
    userId: 'u1',
    kind: 'human',
    status: 'active',
    accepted: true,
    email: 'ada@example.com',
    claim: 'claim-a',
    addressEventIds: ['user-u1/0'],
    externalProvider: null,
    passwordHash: 'hash-1',
    mustChangePassword: false,
    twoFactor: null,
    avatarId: null,
    notifications: null,
    roles: [],
    groups: [],
    organizations: [],
    ownerEpoch: 0,
    sessionEpoch: 0,
    endedEpochs: [],
    createdAt: '2027-02-03T04:05:06.007Z',
    revision: 0,
  });
  assert.equal(stateAfter(registered({ kind: 'service', email: null, claim: null })).addressEventIds, []);
  assert.is(stateAfter(registered(), profileChanged({})).revision, 1);
});

beginning.run();

const completing = suite('completing what a claim committed');

const complete = (committed: UserEvent): UserCommand => ({ type: 'CompleteClaim', committed }) as UserCommand;

completing('registers, once', () => {
  given().when(complete(registered())).then(registered());
  given(registered()).when(complete(registered())).then();
  given().when(complete(invited)).then(invited);
  given(invited).when(complete(invited)).then();
});

completing('changes the address, once', () => {
  const change = emailChanged('ada@example.org', 'claim-b', 'claim-a');
  given(registered()).when(complete(change)).then(change);
  given(registered(), change).when(complete(change)).then();
  given(registered(), change, deleted()).when(complete(change)).then();
});

completing('refuses a change that the user can no longer take', () => {
  const change = emailChanged('ada@example.org', 'claim-b', 'claim-a');
  given().when(complete(change)).thenRejected('not-found');
  given(registered(), deleted()).when(complete(change)).thenRejected('already-ended');
  given(registered(), emailChanged('ada@example.net', 'claim-c', 'claim-a'))
    .when(complete(change))
    .thenRejected('conflict');
});

completing('remembers what it took', () => {
  const state = stateAfter(registered(), profileChanged({}), emailChanged('ada@example.org', 'claim-b', 'claim-a'));
  assert.equal([state.email, state.claim], ['ada@example.org', 'claim-b']);
  assert.equal(state.addressEventIds, ['user-u1/0', 'user-u1/2']);
});

completing.run();

const ending = suite('deactivating, deleting, erasing a user');

ending('each end carries the epoch that it ends', () => {
  given(registered()).when({ type: 'DeactivateUser' }).then(deactivated(0));
  given(registered()).when({ type: 'DeleteUser' }).then(deleted(0));
  given(registered()).when({ type: 'EraseUser' }).then(erased(0));
  given(registered(), deactivated(0), reactivated).when({ type: 'DeactivateUser' }).then(deactivated(1));
  given(registered(), deactivated(0)).when({ type: 'DeleteUser' }).then(deleted(1));
  given(registered(), deactivated(0), deleted(1)).when({ type: 'EraseUser' }).then(erased(2));
});

ending('no state is ended twice', () => {
  given(registered(), deactivated()).when({ type: 'DeactivateUser' }).then();
  given(registered(), deleted()).when({ type: 'DeleteUser' }).then();
  given(registered(), erased()).when({ type: 'DeleteUser' }).then();
  given(registered(), erased()).when({ type: 'EraseUser' }).then();
});

ending('reactivates whoever was deactivated', () => {
  given(registered(), deactivated()).when({ type: 'ReactivateUser' }).then(reactivated);
  given(registered()).when({ type: 'ReactivateUser' }).then();
  given(invited).when({ type: 'ReactivateUser' }).then();
});

ending('reactivation leads an invitation that was never taken up back to an invitation', () => {
  assert.is(stateAfter(registered(), deactivated(), reactivated).status, 'active');
  assert.is(stateAfter(invited, deactivated(), reactivated).status, 'invited');
  const reset: UserEvent = { type: 'PasswordReset', data: { passwordHash: 'h' } };
  assert.is(stateAfter(invited, reset, deactivated(), reactivated).status, 'active');
});

ending('whoever is gone stays gone', () => {
  for (const gone of [deleted(), erased()])
    for (const command of [
      { type: 'DeactivateUser' },
      { type: 'ReactivateUser' },
      { type: 'ChangeProfile', changes: { firstName: 'Ada' } },
      { type: 'AssignRoles', roles: ['member'] },
      { type: 'ResetPassword', passwordHash: 'h' },
    ] as const)
      given(registered(), gone).when(command).thenRejected('already-ended');
});

ending('remembers which epoch ended when, and why', () => {
  const state = stateAfter(
    registered(),
    { ...deactivated(0), at: '2027-01-02T00:00:00.000Z' },
    reactivated,
    { ...deleted(1), at: '2027-01-03T00:00:00.000Z' },
    { ...erased(2), at: '2027-01-04T00:00:00.000Z' },
  );
  assert.is(state.ownerEpoch, 3);
  assert.equal(state.endedEpochs, [
    { ownerEpoch: 0, at: '2027-01-02T00:00:00.000Z', reason: 'owner-deactivated' },
    { ownerEpoch: 1, at: '2027-01-03T00:00:00.000Z', reason: 'owner-deleted' },
    { ownerEpoch: 2, at: '2027-01-04T00:00:00.000Z', reason: 'owner-deleted' },
  ]);
});

ending('erasure leaves nothing that speaks of a person', () => {
  const state = stateAfter(
    registered({ profile: { ...emptyProfile, firstName: 'Ada' }, externalProvider: 'corporate' }),
    secondFactor,
    notifications('notices@example.com', true, true),
    { type: 'AvatarChanged', data: { avatarId: 'a1' } },
    erased(),
  );
  assert.is(state.status, 'erased');
  assert.equal(state.profile, emptyProfile);
  const { email, externalProvider, passwordHash, twoFactor, avatarId, notifications: settings } = state;
  assert.equal([email, externalProvider, passwordHash, twoFactor, avatarId, settings], Array(6).fill(null));
  assert.is(state.claim, 'claim-a');
});

ending('a log whose personal fields are gone folds', () => {
  const gone = { email: null, externalProvider: null, passwordHash: null, profile: null };
  const state = stateAfter(
    registered(gone),
    { type: 'ProfileChanged', data: { changes: null } },
    emailChanged(null, 'claim-b', 'claim-a'),
    { type: 'PasswordChanged', data: { passwordHash: null, endedSessions: true } },
    { type: 'PasswordRehashed', data: { passwordHash: null } },
    { type: 'TwoFactorEnabled', data: { secret: null, recoveryCodeHashes: null } },
    { type: 'RecoveryCodeUsed', data: { codeHash: null } },
    notifications(null, true, true),
  );
  assert.equal(state.twoFactor, { secret: null, recoveryCodeHashes: [] });
  assert.is(state.revision, 7);
});

ending('ends all sessions of whoever has any', () => {
  const ended: UserEvent = { type: 'AllSessionsEnded', data: {} };
  given(registered()).when({ type: 'EndAllSessions' }).then(ended);
  given(registered(), ended).when({ type: 'EndAllSessions' }).then(ended);
  for (const events of [[invited], [registered(), deactivated()], [registered(), deleted()]])
    given(...events)
      .when({ type: 'EndAllSessions' })
      .then();
  assert.is(stateAfter(registered(), ended, ended).sessionEpoch, 2);
});

ending.run();

const signingIn = suite('passwords and second factors');

const change: UserCommand = { type: 'ChangePassword', passwordHash: 'hash-2', endOtherSessions: true };
const reset: UserCommand = { type: 'ResetPassword', passwordHash: 'hash-2' };
const enable: UserCommand = { type: 'EnableTwoFactor', secret: 's', recoveryCodeHashes: ['r1', 'r2'] };

signingIn('changes a password, with the other sessions or without', () => {
  given(registered())
    .when(change)
    .then({ type: 'PasswordChanged', data: { passwordHash: 'hash-2', endedSessions: true } });
  given(registered())
    .when({ ...change, endOtherSessions: false })
    .then({ type: 'PasswordChanged', data: { passwordHash: 'hash-2', endedSessions: false } });
});

signingIn('changes no password of whoever is not active', () => {
  given(invited).when(change).thenRejected('conflict', { status: 'invited' });
  given(registered(), deactivated()).when(change).thenRejected('conflict', { status: 'deactivated' });
});

signingIn('resets a password, which takes up an invitation', () => {
  const event: UserEvent = { type: 'PasswordReset', data: { passwordHash: 'hash-2' } };
  given(registered()).when(reset).then(event);
  given(invited).when(reset).then(event);
  given(registered(), deactivated()).when(reset).thenRejected('conflict', { status: 'deactivated' });
  const state = stateAfter(invited, event);
  assert.equal([state.status, state.passwordHash, state.sessionEpoch], ['active', 'hash-2', 1]);
});

signingIn('a password once changed or reset need not be changed', () => {
  const must = registered({ mustChangePassword: true });
  assert.is(stateAfter(must).mustChangePassword, true);
  const changed: UserEvent = { type: 'PasswordChanged', data: { passwordHash: 'h', endedSessions: false } };
  assert.is(stateAfter(must, changed).mustChangePassword, false);
  assert.is(stateAfter(must, { type: 'PasswordReset', data: { passwordHash: 'h' } }).mustChangePassword, false);
});

signingIn('the session epoch counts what ended sessions, and nothing else', () => {
  const changed = (endedSessions: boolean): UserEvent => ({
    type: 'PasswordChanged',
    data: { passwordHash: 'h', endedSessions },
  });
  assert.is(stateAfter(registered(), changed(true)).sessionEpoch, 1);
  assert.is(stateAfter(registered(), changed(false)).sessionEpoch, 0);
  assert.is(stateAfter(registered(), { type: 'PasswordRehashed', data: { passwordHash: 'h' } }).sessionEpoch, 0);
});

signingIn('hashes a password again only while it is the same', () => {
  const rehash = (from: string, passwordHash: string): UserCommand => ({ type: 'RehashPassword', from, passwordHash });
  const rehashed: UserEvent = { type: 'PasswordRehashed', data: { passwordHash: 'hash-1b' } };
  given(registered()).when(rehash('hash-1', 'hash-1b')).then(rehashed);
  given(registered()).when(rehash('hash-0', 'hash-1b')).then();
  given(registered(), rehashed).when(rehash('hash-1b', 'hash-1b')).then();
  assert.is(stateAfter(registered(), rehashed).passwordHash, 'hash-1b');
});

signingIn('turns a second factor on, once', () => {
  given(registered()).when(enable).then(secondFactor);
  given(registered(), secondFactor).when(enable).thenRejected('two-factor-already-on');
  given(invited).when(enable).thenRejected('conflict', { status: 'invited' });
});

signingIn('renews recovery codes under the same secret', () => {
  const renew: UserCommand = { type: 'RenewRecoveryCodes', recoveryCodeHashes: ['r3'] };
  given(registered(), secondFactor)
    .when(renew)
    .then({ type: 'TwoFactorEnabled', data: { secret: 's', recoveryCodeHashes: ['r3'] } });
  given(registered()).when(renew).thenRejected('conflict');
  given(registered(), secondFactor, deactivated()).when(renew).thenRejected('conflict', { status: 'deactivated' });
});

signingIn('turns a second factor off, once', () => {
  const off: UserEvent = { type: 'TwoFactorDisabled', data: { by: 'administrator' } };
  const disable: UserCommand = { type: 'DisableTwoFactor', by: 'administrator' };
  given(registered(), secondFactor).when(disable).then(off);
  given(registered(), secondFactor, off).when(disable).then();
  assert.is(stateAfter(registered(), secondFactor, off).twoFactor, null);
});

signingIn('takes each recovery code once', () => {
  const use = (codeHash: string): UserCommand => ({ type: 'UseRecoveryCode', codeHash });
  const used: UserEvent = { type: 'RecoveryCodeUsed', data: { codeHash: 'r1' } };
  given(registered(), secondFactor).when(use('r1')).then(used);
  given(registered(), secondFactor, used).when(use('r1')).thenRejected('code-invalid');
  given(registered(), secondFactor, used)
    .when(use('r2'))
    .then({ type: 'RecoveryCodeUsed', data: { codeHash: 'r2' } });
  given(registered(), secondFactor).when(use('r9')).thenRejected('code-invalid');
  given(registered()).when(use('r1')).thenRejected('code-invalid');
  given(registered(), secondFactor, deactivated()).when(use('r1')).thenRejected('conflict');
  assert.is(stateAfter(registered(), used).twoFactor, null);
});

signingIn('leaves whoever another provider signs in to that provider', () => {
  for (const command of [
    change,
    reset,
    enable,
    { type: 'RehashPassword', from: 'a', passwordHash: 'b' },
    { type: 'RenewRecoveryCodes', recoveryCodeHashes: [] },
    { type: 'DisableTwoFactor', by: 'administrator' },
    { type: 'UseRecoveryCode', codeHash: 'r1' },
  ] as const)
    given(external).when(command).thenRejected('externally-managed');
});

signingIn.run();

const details = suite('what a user says of themselves');

details('records only what changed', () => {
  const named = registered({ profile: { ...emptyProfile, firstName: 'Ada', phone: '+4312345678' } });
  given(named)
    .when({ type: 'ChangeProfile', changes: { firstName: 'Ada', lastName: 'Example', phone: null } })
    .then(profileChanged({ lastName: 'Example', phone: null }));
  given(named)
    .when({ type: 'ChangeProfile', changes: { firstName: ' Ada ' } })
    .then();
  given(named).when({ type: 'ChangeProfile', changes: {} }).then();
  assert.equal(stateAfter(named, profileChanged({ phone: null })).profile, { ...emptyProfile, firstName: 'Ada' });
});

details('refuses what no profile may hold', () => {
  given(registered())
    .when({ type: 'ChangeProfile', changes: { timeZone: 'Mars/Olympus' } })
    .thenRejected('validation-failed');
});

details('an administrator may change the profile of whoever is deactivated', () => {
  given(registered(), deactivated())
    .when({ type: 'ChangeProfile', changes: { fullName: 'Ada Example' } })
    .then(profileChanged({ fullName: 'Ada Example' }));
});

details('changes the address to one in normal form', () => {
  const changeEmail = (email: string, claim: string): UserCommand => ({
    type: 'ChangeEmail',
    address: { email, claim },
  });
  given(registered())
    .when(changeEmail('ada@example.org', 'claim-b'))
    .then(emailChanged('ada@example.org', 'claim-b', 'claim-a'));
  given(registered({ email: null, claim: null, kind: 'service' }))
    .when(changeEmail('ada@example.org', 'claim-b'))
    .then(emailChanged('ada@example.org', 'claim-b', null));
  given(registered()).when(changeEmail('ada@example.com', 'claim-a')).then();
  given(registered()).when(changeEmail('Ada@Example.org', 'claim-b')).thenRejected('validation-failed');
});

details('sets and removes an avatar', () => {
  const changed: UserEvent = { type: 'AvatarChanged', data: { avatarId: 'a1' } };
  const removed: UserEvent = { type: 'AvatarRemoved', data: {} };
  given(registered()).when({ type: 'ChangeAvatar', avatarId: 'a1' }).then(changed);
  given(registered(), changed).when({ type: 'ChangeAvatar', avatarId: 'a1' }).then();
  given(registered(), changed).when({ type: 'RemoveAvatar' }).then(removed);
  given(registered(), changed, removed).when({ type: 'RemoveAvatar' }).then();
});

const settle = (email: string | null, enabled: boolean): UserCommand => ({
  type: 'ChangeNotifications',
  email,
  enabled,
});
const confirm = (email: string): UserCommand => ({ type: 'ConfirmNotificationAddress', email });

details('notices go to the address they sign in with, until they say otherwise', () => {
  assert.equal(notificationsOf(stateAfter(registered())), { email: 'ada@example.com', enabled: true, verified: true });
  assert.equal(notificationsOf(stateAfter(registered({ email: null }))), {
    email: null,
    enabled: false,
    verified: false,
  });
  given(registered()).when(settle('ADA@example.com', true)).then();
  given(registered())
    .when(settle('ada@example.com', false))
    .then(notifications('ada@example.com', false, true));
});

details('another address is to be confirmed first', () => {
  const other = notifications('notices@example.com', true, false);
  const verified = notifications('notices@example.com', true, true);
  given(registered()).when(settle('Notices@example.com', true)).then(other);
  given(registered(), other).when(confirm('notices@example.com')).then(verified);
  given(registered(), other, verified).when(confirm('notices@example.com')).then();
  given(registered(), other, verified)
    .when(settle('notices@example.com', false))
    .then(notifications('notices@example.com', false, true));
  given(registered(), other).when(confirm('other@example.com')).thenRejected('conflict');
  given(registered(), notifications(null, false, false))
    .when(confirm('notices@example.com'))
    .thenRejected('conflict');
});

details('no notices without an address', () => {
  given(registered()).when(settle(null, true)).thenRejected('email-required');
  given(registered())
    .when(settle(null, false))
    .then(notifications(null, false, false));
  given(registered()).when(settle('nowhere', true)).thenRejected('validation-failed');
});

details('notices follow the address they sign in with, and no other', () => {
  const moved = emailChanged('ada@example.org', 'claim-b', 'claim-a');
  assert.is(notificationsOf(stateAfter(registered(), moved)).email, 'ada@example.org');
  const off = notifications('ada@example.com', false, true);
  assert.equal(stateAfter(registered(), off, moved).notifications, {
    email: 'ada@example.org',
    enabled: false,
    verified: true,
  });
  const other = notifications('notices@example.com', true, true);
  assert.is(stateAfter(registered(), other, moved).notifications?.email, 'notices@example.com');
});

details(
  'a notice address that becomes the one they sign in with waits for no link, and follows it from then on',
  () => {
    const pending = notifications('notices@example.com', false, false);
    const becomes = emailChanged('notices@example.com', 'claim-b', 'claim-a');
    assert.equal(notificationsOf(stateAfter(registered(), pending, becomes)), {
      email: 'notices@example.com',
      enabled: false,
      verified: true,
    });
    given(registered(), pending, becomes)
      .when({ type: 'ConfirmNotificationAddress', email: 'notices@example.com' })
      .then();
    const moved = [registered(), pending, becomes, emailChanged('c@example.com', 'claim-c', 'claim-b')];
    assert.equal(notificationsOf(stateAfter(...moved)), { email: 'c@example.com', enabled: false, verified: true });
    given(...moved)
      .when({ type: 'ConfirmNotificationAddress', email: 'notices@example.com' })
      .thenRejected('conflict');
  },
);

details('a notice address that waits for its link waits on where another one becomes theirs to sign in with', () => {
  const pending = notifications('notices@example.com', true, false);
  const other = emailChanged('b@example.com', 'claim-b', 'claim-a');
  assert.equal(notificationsOf(stateAfter(registered(), pending, other)), {
    email: 'notices@example.com',
    enabled: true,
    verified: false,
  });
  const off = notifications(null, false, false);
  assert.equal(notificationsOf(stateAfter(registered(), off, other)), { email: null, enabled: false, verified: false });
});

details('assigns roles, groups and organizations: all of them, each once, sorted, without admin', () => {
  given(registered())
    .when({ type: 'AssignRoles', roles: ['member', 'auditor', 'admin', 'member'] })
    .then({ type: 'RolesAssigned', data: { roles: ['auditor', 'member'] } });
  given(registered())
    .when({ type: 'AssignRoles', roles: ['admin'] })
    .then();
  given(registered({ groups: ['a', 'b'] }))
    .when({ type: 'AssignGroups', groups: ['b ', 'a'] })
    .then();
  given(registered({ groups: ['a', 'b'] }))
    .when({ type: 'AssignGroups', groups: [] })
    .then({ type: 'GroupsAssigned', data: { groups: [] } });
  given(registered())
    .when({ type: 'AssignOrganizations', organizations: ['Example'] })
    .then({ type: 'OrganizationsAssigned', data: { organizations: ['Example'] } });
  const state = stateAfter(
    registered(),
    { type: 'RolesAssigned', data: { roles: ['member'] } },
    { type: 'GroupsAssigned', data: { groups: ['a'] } },
    { type: 'OrganizationsAssigned', data: { organizations: ['Example'] } },
  );
  assert.equal([state.roles, state.groups, state.organizations], [['member'], ['a'], ['Example']]);
});

details('refuses names that are none', () => {
  for (const wrong of ['', ' ', 'x'.repeat(101), 'a\nb'])
    given(registered())
      .when({ type: 'AssignGroups', groups: ['fine', wrong] })
      .thenRejected('validation-failed');
});

details.run();
