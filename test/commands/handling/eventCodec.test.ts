import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryVault } from '../../../adapters/memory/vault.ts';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { domainCatalogue } from '../../../commands/handling/catalogue.ts';
import { type Catalogue, type Envelope, eventCodec } from '../../../commands/handling/eventCodec.ts';
import type { EventToAppend, StoredEvent } from '../../../commands/ports/eventStore.ts';
import { personKeys } from '../../../commands/sealing/personKeys.ts';
import { purposeKeys } from '../../../commands/sealing/purposeKeys.ts';
import { eventTypes } from '../../../domain/events.ts';
import type { Json } from '../../../domain/json.ts';
import { UnreadableEvent } from '../../../domain/upcast.ts';
import { seededRandomness } from '../../support/commandBed.ts';
import { createManualClock } from '../../support/manualClock.ts';
import { suite } from '../../support/suite.ts';

const codecs = suite('event codec');
const crypto = nodeCryptography();
const at = '2027-01-01T00:00:00.000Z';
const id = '019b0000-0000-7000-8000-000000000001';

const bed = (catalogue: Catalogue = domainCatalogue) => {
  const vault = createMemoryVault(createManualClock());
  const randomness = seededRandomness();
  const keys = personKeys({ vault, crypto, randomness, purposeKeys: purposeKeys(crypto, new Uint8Array(32).fill(1)) });
  return { keys, vault, codec: eventCodec({ crypto, keys, catalogue }) };
};

const envelope = (more: Partial<Envelope> = {}): Envelope => ({
  at,
  correlationId: 'correlation',
  causationId: 'cause',
  actor: { kind: 'admin', id: 'admin-1' },
  ip: '192.0.2.1',
  userAgent: 'an agent/1.0',
  requestId: 'request',
  policyRevision: 7,
  reason: 'a written reason',
  ...more,
});

const stored = (toAppend: EventToAppend, stream: string): StoredEvent => {
  // As a store keeps it: text.
  const kept = JSON.parse(JSON.stringify(toAppend)) as EventToAppend;
  return { ...kept, stream, revision: 3, position: '0000000000000009' };
};

const anyJson = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const word = fc.string({ minLength: 12, maxLength: 20 });
const names = Object.keys(eventTypes) as (keyof typeof eventTypes)[];

/** Data with every personal field, one that holds the person and one that is anybody's to read. */
const dataOf = (type: string, values: readonly Json[]) => {
  const declared = domainCatalogue.typeOf(type);
  const personal = Object.fromEntries(declared.personal.map((field, n) => [field, values[n % values.length]!]));
  const named = typeof declared.person === 'object' ? { [declared.person.field]: 'p1' } : {};
  return { ...personal, ...named, open: values[0]! };
};

for (const type of names) {
  codecs(`${type} comes back as it was, with nothing personal in the clear`, () =>
    fc.assert(
      fc.asyncProperty(fc.array(anyJson, { minLength: 1, maxLength: 5 }), word, async (values, secret) => {
        const { codec, keys } = bed();
        await keys.ensure('p1');
        const declared = domainCatalogue.typeOf(type);
        const hidden = `secret ${Buffer.from(secret).toString('hex')}`;
        const data = { ...dataOf(type, [...values, hidden]), open: null };
        for (const field of declared.personal) (data as Record<string, Json>)[field] = [values[0]!, hidden];
        const stream = declared.person === 'stream' ? 'user-p1' : 'settings';
        const [sealed] = await codec.seal(
          stream,
          [{ id, type, data }],
          envelope({ reason: hidden, userAgent: hidden }),
        );
        assert.not.ok(JSON.stringify(sealed!.toAppend).includes(hidden));
        const kept = stored(sealed!.toAppend, stream);
        const opened = await codec.open(kept);
        assert.equal(opened.data, data);
        assert.equal(opened.metadata, {
          ...envelope({ reason: hidden, userAgent: hidden }),
          version: declared.version,
        });
        assert.is(opened.personal, 'present');
        assert.equal({ ...sealed!.openedAt(3, kept.position), position: kept.position }, opened);

        const viewed = codec.view(kept);
        for (const field of declared.personal) assert.is(viewed.data[field], null);
        assert.equal(
          { ...viewed.data, ...Object.fromEntries(declared.personal.map((f) => [f, data[f as 'open']])) },
          data,
        );
        assert.equal([viewed.metadata.ip, viewed.metadata.userAgent, viewed.metadata.reason], [null, null, null]);
        assert.is(codec.narrows(type), declared.narrows);
      }),
      { numRuns: 8 },
    ),
  );
}

codecs('a destroyed key leaves null, and everything else', async () => {
  const { codec, keys } = bed();
  await keys.ensure('p1');
  const data = { keyId: 'k1', name: 'my key', description: null };
  const [sealed] = await codec.seal('keyring-p1', [{ id, type: 'ApiKeyRenamed', data }], envelope());
  const kept = stored(sealed!.toAppend, 'keyring-p1');
  await keys.destroy('p1', at);
  const opened = await codec.open(kept);
  assert.equal(opened.data, { keyId: 'k1', name: null, description: null });
  assert.is(opened.personal, 'erased');
  assert.equal([opened.metadata.reason, opened.metadata.ip], [null, '192.0.2.1']);
  await keys.destroy('admin-1', at);
  assert.equal((await codec.open(kept)).metadata.ip, null);
  assert.is((await codec.open(kept)).metadata.userAgent, null);
});

codecs('nothing personal is written of who is erased', async () => {
  const { codec, keys } = bed();
  await keys.ensure('p1');
  await keys.destroy('p1', at);
  await keys.destroy('admin-1', at);
  const data = { keyId: 'k1', reason: 'administrator', note: 'left the company' };
  const [sealed] = await codec.seal('keyring-p1', [{ id, type: 'ApiKeyRevoked', data }], envelope());
  assert.is(sealed!.toAppend.sealed, undefined);
  assert.is(sealed!.toAppend.metadata.sealed, undefined);
  assert.equal(sealed!.toAppend.data, { keyId: 'k1', reason: 'administrator' });
  const kept = stored(sealed!.toAppend, 'keyring-p1');
  const opened = await codec.open(kept);
  assert.equal(opened.data, { ...data, note: null });
  assert.is(opened.personal, 'erased');
  assert.equal(sealed!.openedAt(3, kept.position), opened);
});

codecs('an address lies with the actor, else with the person of the event, else nowhere', async () => {
  const { codec, keys } = bed();
  await keys.ensure('p1');
  const whose = async (type: string, stream: string, data: { [field: string]: Json }, actor: Envelope['actor']) => {
    const [sealed] = await codec.seal(stream, [{ id, type, data }], envelope({ actor, reason: null }));
    return sealed!.toAppend.metadata.sealed?.person ?? null;
  };
  const failed = ['SignInFailed', 'activity-p1', { failures: 1 }] as const;
  assert.is(await whose(...failed, { kind: 'anonymous', id: null }), 'p1');
  assert.is(await whose(...failed, { kind: 'service', id: 's1' }), 'p1');
  assert.is(await whose(...failed, { kind: 'user', id: 'p2' }), 'p2');
  assert.is(await whose('AdministratorGranted', 'roles', { userId: 'p1' }, { kind: 'cli', id: null }), 'p1');
  const defined = ['RoleDefined', 'roles', { name: 'r', permissions: [], scopes: [] }] as const;
  assert.is(await whose(...defined, { kind: 'cli', id: null }), null);
  const [sealed] = await codec.seal(
    'roles',
    [{ id, type: defined[0], data: defined[2] }],
    envelope({ actor: { kind: 'cli', id: null } }),
  );
  assert.is(sealed!.openedAt(0, '').metadata.ip, null);
});

const ended = { id, type: 'ApiKeyExpired', data: { keyId: 'k1', expiresAt: at } };

codecs('what an event says of one person lies in one box, and goes with it', async () => {
  const { codec, keys } = bed();
  await keys.ensure('p1');
  const data = { keyId: 'k1', name: 'my key', description: null };
  const actor = { kind: 'user', id: 'p1' } as const;
  const [sealed] = await codec.seal('keyring-p1', [{ id, type: 'ApiKeyRenamed', data }], envelope({ actor }));
  assert.is(sealed!.toAppend.sealed?.person, 'p1');
  assert.is(sealed!.toAppend.metadata.sealed, undefined);
  const kept = stored(sealed!.toAppend, 'keyring-p1');
  const opened = await codec.open(kept);
  assert.equal(sealed!.openedAt(3, kept.position), opened);
  assert.equal([opened.data.name, opened.metadata.reason], ['my key', 'a written reason']);
  assert.equal([opened.metadata.ip, opened.metadata.userAgent], ['192.0.2.1', envelope().userAgent]);
  await keys.destroy('p1', at);
  const { data: left, metadata, personal } = await codec.open(kept);
  assert.equal([left.name, metadata.reason, metadata.ip, metadata.userAgent], [null, null, null, null]);
  assert.is(personal, 'erased');
});

codecs('an address by itself lies beside data in which nothing is hidden', async () => {
  const { codec } = bed();
  const actor = { kind: 'user', id: 'p1' } as const;
  const [sealed] = await codec.seal('keyring-p1', [ended], envelope({ actor, reason: null }));
  assert.is(sealed!.toAppend.sealed, undefined);
  assert.is(sealed!.toAppend.metadata.sealed?.person, 'p1');
  assert.is((await codec.open(stored(sealed!.toAppend, 'keyring-p1'))).metadata.ip, '192.0.2.1');
});

codecs('a free text by no person of ours is sealed all the same', async () => {
  const { codec } = bed();
  const data = { source: 'a forum', reported: 1, revoked: 1 };
  const actor = { kind: 'service', id: 's1' } as const;
  const [sealed] = await codec.seal('audit', [{ id, type: 'LeakReported', data }], envelope({ actor }));
  assert.not.ok(JSON.stringify(sealed!.toAppend).includes('a forum'));
  const opened = await codec.open(stored(sealed!.toAppend, 'audit'));
  assert.equal(opened.data, data);
  assert.is(opened.metadata.reason, 'a written reason');
});

codecs('refuses a box that was moved or tampered with', async () => {
  const { codec, keys } = bed();
  await keys.ensure('p1');
  await keys.ensure('p2');
  const renamed = (name: string) => ({ id, type: 'ApiKeyRenamed', data: { keyId: 'k1', name, description: null } });
  const actor = { kind: 'user', id: 'p1' } as const;
  const [one] = await codec.seal('keyring-p1', [renamed('mine')], envelope({ actor }));
  const [others] = await codec.seal('keyring-p2', [renamed('theirs')], envelope({ actor }));
  const [two] = await codec.seal('keyring-p2', [{ ...renamed('theirs'), id: id.replace(/1$/, '2') }], envelope());
  const good = stored(one!.toAppend, 'keyring-p1');
  const refused = async (event: StoredEvent) =>
    codec.open(event).then(
      () => assert.unreachable('it was opened'),
      (error: Error) => assert.match(error.message, 'not what was sealed there'),
    );
  await refused({ ...good, id: id.replace(/1$/, '3') });
  await refused({ ...good, sealed: two!.toAppend.sealed! });
  await refused({ ...good, sealed: { person: 'p2', box: good.sealed!.box } });
  await refused({ ...good, sealed: others!.toAppend.metadata.sealed! });
  await refused({ ...good, metadata: { ...good.metadata, sealed: { person: 'p1', box: good.sealed!.box } } });
  const bytes = Buffer.from(good.sealed!.box, 'base64');
  bytes[20]! ^= 1;
  await refused({ ...good, sealed: { person: 'p1', box: bytes.toString('base64') } });
});

codecs('a person who never had a key is a fault, not somebody erased', async () => {
  const { codec, keys } = bed();
  const data = { keyId: 'k1', name: 'n', description: null };
  const sealing = codec.seal('keyring-p1', [{ id, type: 'ApiKeyRenamed', data }], envelope());
  assert.match(String(await sealing.catch((error) => error)), 'no key in this vault');
  await keys.ensure('p1');
  const [sealed] = await codec.seal('keyring-p1', [{ id, type: 'ApiKeyRenamed', data }], envelope());
  const opening = bed().codec.open(stored(sealed!.toAppend, 'keyring-p1'));
  assert.match(String(await opening.catch((error) => error)), 'no key in this vault');
});

codecs('stops at what it does not know', async () => {
  const { codec } = bed();
  const unknown = { id, type: 'FromTheFuture', data: {} };
  assert.instance(await codec.seal('audit', [unknown], envelope()).catch((error) => error), UnreadableEvent);
  const metadata = {
    at,
    correlationId: '',
    causationId: null,
    actor: envelope().actor,
    requestId: null,
    policyRevision: null,
  };
  const event = { ...unknown, stream: 'audit', revision: 0, position: '1', metadata: { ...metadata, version: 1 } };
  assert.instance(await codec.open(event).catch((error) => error), UnreadableEvent);
  assert.throws(
    () => codec.view(event),
    (error: unknown) => error instanceof UnreadableEvent,
  );
  const newer = { ...event, type: 'ApiKeyExpired', metadata: { ...metadata, version: 99 } };
  assert.instance(await codec.open(newer).catch((error) => error), UnreadableEvent);
});

codecs('an event must name its person', async () => {
  const { codec } = bed();
  const nameless = codec.seal('roles', [{ id, type: 'AdministratorGranted', data: {} }], envelope());
  assert.match(String(await nameless.catch((error) => error)), 'names no person in userId');
});

/** One type at two versions: `nick` was in the clear, and became `name`, personal. */
const versioned = (version: 1 | 2): Catalogue => ({
  typeOf: () => ({ version, personal: version === 1 ? ['full'] : ['full', 'name'], person: 'stream', narrows: false }),
  upcast: (_type, _version, { nick, full }) => ({ full: full ?? null, name: nick ?? null, long: full === null }),
});

codecs('upcasts what is opened, viewed or erased', async () => {
  const { codec, keys } = bed(versioned(1));
  await keys.ensure('p1');
  const both = [{ id, type: 'T', data: { nick: 'ada', full: 'Ada L.' } }];
  const [sealed] = await codec.seal('user-p1', both, envelope());
  const kept = stored(sealed!.toAppend, 'user-p1');
  const newer = eventCodec({ crypto, keys, catalogue: versioned(2) });
  const opened = await newer.open(kept);
  assert.equal(opened.data, { full: 'Ada L.', name: 'ada', long: false });
  assert.is(opened.metadata.version, 2);
  assert.equal(newer.view(kept).data, { full: null, name: null, long: true });
  await keys.destroy('p1', at);
  const erased = await newer.open(kept);
  assert.equal(erased.data, { full: null, name: null, long: true });
  assert.is(erased.personal, 'erased');
});

codecs('opens a batch in order, fetching each key once', async () => {
  const { codec, keys, vault } = bed();
  let reads = 0;
  const counted = {
    ...vault,
    get: (...of: Parameters<typeof vault.get>) => {
      reads += 1;
      return vault.get(...of);
    },
  };
  const batch: StoredEvent[] = [];
  for (let n = 0; n < 60; n += 1) {
    const person = `p${n % 6}`;
    await keys.ensure(person);
    const eventId = id.replace(/01$/, String(n).padStart(2, '0'));
    const data = { keyId: `k${n}`, name: `key ${n}`, description: null };
    const [sealed] = await codec.seal(`keyring-${person}`, [{ id: eventId, type: 'ApiKeyRenamed', data }], envelope());
    batch.push(stored(sealed!.toAppend, `keyring-${person}`));
  }
  await keys.destroy('p5', at);
  // A cache smaller than the batch's persons.
  const few = personKeys(
    {
      vault: counted,
      crypto,
      randomness: seededRandomness(),
      purposeKeys: purposeKeys(crypto, new Uint8Array(32).fill(1)),
    },
    2,
  );
  const opened = await eventCodec({ crypto, keys: few, catalogue: domainCatalogue }).openAll(batch);
  assert.equal(
    opened.map(({ data }) => data.name),
    batch.map((_, n) => (n % 6 === 5 ? null : `key ${n}`)),
  );
  assert.is(reads, 7);
});

codecs.run();
