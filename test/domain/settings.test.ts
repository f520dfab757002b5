import * as assert from 'uvu/assert';
import type { KeyPolicy, PolicyEvent, PresetName, ScopeCatalog } from '../../domain/keyPolicy.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import type { PolicyChange } from '../../domain/presets.ts';
import { presets } from '../../domain/presets.ts';
import type { SettingsCommand } from '../../domain/settings.ts';
import { settings } from '../../domain/settings.ts';
import { givenOf } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/settings');
const given = givenOf(settings, policyStream);

const change = (change: PolicyChange): SettingsCommand => ({ type: 'ChangeKeyPolicy', change });
const changeCatalog = (items: ScopeCatalog): SettingsCommand => ({ type: 'ChangeScopeCatalog', items });
const changed = (policy: KeyPolicy) => ({ type: 'KeyPolicyChanged' as const, data: { policy } });
const catalogChanged = (items: ScopeCatalog) => ({ type: 'ScopeCatalogChanged' as const, data: { items } });

test('starts from qalyptus, set by nobody', () => {
  const state = given().state();
  assert.equal(state.policy, presets.qalyptus);
  assert.is(state.policyChanged, null);
  assert.is(state.catalogChanged, null);
  assert.equal(state.catalog, []);
});

test('records the first policy although it is the one to start from', () => {
  given()
    .when(change({ preset: 'qalyptus' }))
    .then(changed(presets.qalyptus));
});

for (const preset of Object.keys(presets) as PresetName[]) {
  test(`accepts the preset ${preset} as it is`, () => {
    given().when(change({ preset })).then(changed(presets[preset]));
  });
}

test('takes the values of the preset with the given fields over them', () => {
  given(changed(presets.helmut))
    .when(change({ preset: 'qalyptus', enabled: true, maxLifetimeDays: 30 }))
    .then(changed({ ...presets.qalyptus, enabled: true, maxLifetimeDays: 30 }));
});

test('takes the current values where no preset is given, and keeps their name', () => {
  const current = { ...presets.qalyptus, enabled: true };
  given(changed(current))
    .when(change({ maxLifetimeDays: 90 }))
    .then(changed({ ...current, maxLifetimeDays: 90 }));
});

test('goes back to a preset from a customized policy of its name', () => {
  given(changed({ ...presets.idmp, maxKeysPerUser: 3 }))
    .when(change({ preset: 'idmp' }))
    .then(changed(presets.idmp));
});

test('leaves fields alone that are there but undefined', () => {
  given(changed(presets.idmp))
    .when(change({ enabled: undefined, maxKeysPerUser: 3 }))
    .then(changed({ ...presets.idmp, maxKeysPerUser: 3 }));
});

test('appends nothing where nothing changes, also when the whole policy is put back', () => {
  given(changed(presets.helmut)).when(change({})).then();
  given(changed(presets.helmut)).when(change(presets.helmut)).then();
});

test('keeps days of notice in order and each once', () => {
  given(changed(presets.helmut))
    .when(change({ expiryNoticeDays: [1, 30, 7, 30] }))
    .then();
  given(changed(presets.helmut))
    .when(change({ expiryNoticeDays: [2, 14, 2] }))
    .then(changed({ ...presets.helmut, expiryNoticeDays: [14, 2] }));
});

test('refuses a contradiction and names the field', () => {
  const { decision, thenRejected } = given(changed(presets.qalyptus)).when(change({ maxLifetimeDays: null }));
  thenRejected('policy-inconsistent');
  assert.equal('errors' in decision && decision.errors?.map((error) => error.field), ['/maxLifetimeDays']);
});

test('refuses a value that no policy can have', () => {
  given(changed(presets.qalyptus))
    .when(change({ maxKeysPerUser: 0 }))
    .thenRejected('validation-failed');
});

test('holds who changed the policy, when, and whether it differs from its preset', () => {
  const at = '2027-03-01T00:00:00.000Z';
  const actor = { kind: 'admin', id: 'a1' } as const;
  const state = given(changed(presets.qalyptus), catalogChanged([]), {
    ...changed({ ...presets.qalyptus, enabled: true }),
    at,
    actor,
  }).state();
  assert.equal(state.policyChanged, { revision: 2, at, actor });
  assert.is(state.catalogChanged?.revision, 1);
  assert.is(state.customized, true);
  assert.is(given(changed(presets.aip)).state().customized, false);
});

const catalog = [
  { application: 'streams', actions: ['read', 'write', 'admin'] },
  { application: 'reports', actions: ['read'] },
];

test('changes the catalog, and appends nothing where it stays', () => {
  given().when(changeCatalog(catalog)).then(catalogChanged(catalog));
  given(catalogChanged(catalog)).when(changeCatalog(catalog)).then();
  given().when(changeCatalog([])).then();
});

test('tells one order of actions from another: it says which is higher', () => {
  const turned = [{ application: 'streams', actions: ['write', 'read', 'admin'] }, catalog[1]!];
  given(catalogChanged(catalog)).when(changeCatalog(turned)).then(catalogChanged(turned));
});

test('refuses a catalog of nonsense and names each place', () => {
  const { decision, thenRejected } = given().when(
    changeCatalog([
      { application: 'a:b', actions: ['read', '*', 'read'] },
      { application: 'c', actions: [] },
      { application: 'c', actions: ['read'] },
      { application: '', actions: ['x'.repeat(65)] },
    ]),
  );
  thenRejected('validation-failed');
  assert.equal('errors' in decision && decision.errors?.map((error) => error.field), [
    '/items/0/application',
    '/items/0/actions/1',
    '/items/0/actions/2',
    '/items/1/actions',
    '/items/2/application',
    '/items/3/application',
    '/items/3/actions/0',
  ]);
});

test('folds the mail server, and its removal', () => {
  const server = {
    host: 'mail.example.com',
    port: 587,
    security: 'starttls',
    username: null,
    from: 'no-reply@example.com',
  } as const;
  const set = { type: 'MailServerChanged' as const, data: { server } };
  assert.equal(given(set).state().mailServer, server);
  assert.is(given(set).state().mailServerChanged?.revision, 0);
  assert.is(given(set, { type: 'MailServerChanged', data: { server: null } }).state().mailServer, null);
});

test('stops loudly at an event of a newer release', () => {
  const unknown = { type: 'PolicyFrozen', data: {} } as unknown as PolicyEvent;
  assert.throws(() => given(unknown).state(), /unknown event type PolicyFrozen/);
});

test.run();
