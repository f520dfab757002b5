import { readdirSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { activity } from '../../domain/activity.ts';
import { audit } from '../../domain/audit.ts';
import type { Fold } from '../../domain/decider.ts';
import { emailClaim } from '../../domain/emailClaim.ts';
import type { Recorded } from '../../domain/event.ts';
import { type AnyEvent, type EventName, eventTypeOf, eventTypes, isEventName } from '../../domain/events.ts';
import { installation } from '../../domain/installation.ts';
import { keyringFold } from '../../domain/keyring.ts';
import { receipts } from '../../domain/receipts.ts';
import { roles } from '../../domain/roles.ts';
import { services } from '../../domain/services.ts';
import { settings } from '../../domain/settings.ts';
import { UnreadableEvent, upcast, upcastErrors } from '../../domain/upcast.ts';
import { user } from '../../domain/userDecider.ts';
import { recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';
import { misfits, shapes } from './golden/shapes.ts';

// One file for every version of every event that was ever stored, as it was stored (its personal fields opened). They are
// never edited: a log that exists somewhere is full of them.
type Golden = {
  readonly stream: string;
  readonly type: EventName;
  readonly version: number;
  readonly data: AnyEvent['data'];
};

const folder = new URL('./golden/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const read = (file: string): Golden => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
const fileOf = (type: string, version: number) => `${type}.v${version}.json`;
const names = Object.keys(eventTypes).filter(isEventName);

const newest = ({ type, version, data }: Golden): AnyEvent =>
  ({ type, data: upcast(eventTypes, type, version, data) }) as AnyEvent;

type AnyFold = Fold<unknown, AnyEvent>;
const foldOf = (stream: string): AnyFold => {
  const folds: { readonly [prefix: string]: unknown } = {
    installation,
    user,
    keyring: keyringFold,
    activity,
    policy: settings,
    roles,
    services,
    receipts,
    emailClaim,
    audit,
  };
  return folds[stream.split('-')[0] ?? ''] as AnyFold;
};

/** What must have happened before, so that an event has something to change. */
const beginnings: { readonly [prefix: string]: readonly EventName[] } = {
  installation: ['InstallationCreated'],
  user: ['UserRegistered', 'TwoFactorEnabled'],
  keyring: ['ApiKeyCreated', 'ApiKeyImported'],
  services: ['ServiceTokenCreated'],
  emailClaim: ['EmailClaimed'],
};

const foldWithBeginning = (golden: Golden, event: AnyEvent): unknown => {
  const fold = foldOf(golden.stream);
  const beginning = beginnings[golden.stream.split('-')[0] ?? ''] ?? [];
  const before = beginning.includes(golden.type) ? beginning.slice(0, beginning.indexOf(golden.type)) : beginning;
  const story = [...before.map((type) => newest(read(fileOf(type, eventTypes[type].version)))), event];
  return story
    .map((told, revision) => recorded(told, revision, golden.stream) as Recorded<AnyEvent>)
    .reduce((state, told) => fold.evolve(state, told), fold.initialState());
};

const test = suite('golden events');

test('every version of every event has its file, and nothing else does', () => {
  const expected = names.flatMap((type) =>
    Array.from({ length: eventTypes[type].version }, (_, i) => fileOf(type, i + 1)),
  );
  assert.equal([...files].sort(), expected.sort());
});

test('every older version has one step to the next', () => {
  assert.equal(upcastErrors(eventTypes), []);
});

test('each says in its name what it holds', () => {
  for (const file of files) {
    const { type, version } = read(file);
    assert.is(fileOf(type, version), file);
  }
});

test('each reads as the newest version, field by field', () => {
  for (const file of files) {
    const event = newest(read(file));
    assert.equal(misfits(event.data, shapes[event.type]), [], file);
  }
});

test('a field that is missing or has another name is noticed in each', () => {
  for (const file of files) {
    const { type, data } = newest(read(file));
    for (const field of Object.keys(data)) {
      const { [field as keyof typeof data]: value, ...others } = data;
      assert.equal(misfits(others, shapes[type]), [field], file);
      assert.equal(misfits({ ...others, [`${field}2`]: value }, shapes[type]).toSorted(), [field, `${field}2`].sort());
    }
  }
});

test('each folds', () => {
  for (const file of files) {
    const golden = read(file);
    assert.not.equal(foldWithBeginning(golden, newest(golden)), undefined, file);
  }
});

test('each folds once its person is erased: every personal field is null', () => {
  for (const file of files) {
    const golden = read(file);
    const personal = eventTypeOf(golden.type)?.personal ?? [];
    const erased = { ...golden.data, ...Object.fromEntries(personal.map((field) => [field, null])) };
    const event = newest({ ...golden, data: erased } as Golden);
    assert.equal(misfits(event.data, shapes[event.type]), [], file);
    assert.not.equal(foldWithBeginning(golden, event), undefined, file);
  }
});

test('each personal field is one of its event', () => {
  for (const type of names)
    for (const field of eventTypeOf(type)?.personal ?? [])
      assert.ok(Object.hasOwn(shapes[type], field), `${type}.${field}`);
});

test('an event from a newer release is not read', () => {
  for (const file of files) {
    const { type, data } = read(file);
    assert.throws(
      () => upcast(eventTypes, type, eventTypes[type].version + 1, data),
      (error: unknown) => error instanceof UnreadableEvent && error.type === type,
    );
  }
});

test.run();
