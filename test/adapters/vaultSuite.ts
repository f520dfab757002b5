import * as assert from 'uvu/assert';
import { failedWith } from '../../commands/failure.ts';
import type { Vault, VaultWrite } from '../../commands/ports/vault.ts';
import type { ManualClock } from '../support/manualClock.ts';
import { suite } from '../support/suite.ts';

/** A vault to test, its clock, and how to get it again after it was closed, where it outlives that. */
export type VaultHarness = {
  readonly vault: Vault;
  readonly clock: ManualClock;
  readonly reopen: (() => Promise<Vault>) | null;
  readonly dispose: () => Promise<void>;
};

export const row = (id: string, fields: Partial<VaultWrite> = {}): VaultWrite => ({
  kind: 'thing',
  id,
  value: 'v',
  person: null,
  ref: null,
  expiresAt: null,
  ...fields,
});

/** Why there is no server, and what to do when the tests are done. */
export type TestServer = { readonly missing: string | null; readonly after: () => Promise<unknown> };

/** What every vault must do. Each test has a vault of its own. */
export const vaultBehaviours = (
  name: string,
  open: () => Promise<VaultHarness>,
  server: TestServer | null = null,
): void => {
  const test = suite(`vault: ${name}`);
  if (server !== null) {
    test.skipUnless(server.missing);
    test.after(async () => void (await server.after()));
  }
  let harness: VaultHarness;
  let vault: Vault;
  let clock: ManualClock;

  test.before.each(async () => {
    harness = await open();
    ({ vault, clock } = harness);
  });
  test.after.each(() => harness.dispose());

  const put = async (write: VaultWrite): Promise<number> => {
    const result = await vault.put(write, 'any');
    if (!result.put) throw new Error('an unconditional put was refused');
    return result.version;
  };
  const ids = async (by: { person?: string; ref?: string }, kind = 'thing') =>
    (await vault.find(kind, by, { after: null, limit: 100 })).map(({ id }) => id);

  test('gives back what was put, whole', async () => {
    const whole = row('a', { value: 'ä\u{1f511}\n"', person: 'p', ref: 'r', expiresAt: clock.now() + 1 });
    const version = await put(whole);
    assert.equal(await vault.get('thing', 'a'), { ...whole, version });
    const bare = row('b', { value: '' });
    assert.is(await vault.get('thing', 'b'), null);
    const second = await put(bare);
    assert.equal(await vault.get('thing', 'b'), { ...bare, version: second });
  });

  test('keeps kinds apart', async () => {
    await put(row('a', { kind: 'one', value: '1' }));
    await put(row('a', { kind: 'two', value: '2' }));
    assert.is((await vault.get('one', 'a'))!.value, '1');
    assert.is(await vault.remove('one', 'a'), true);
    assert.is((await vault.get('two', 'a'))!.value, '2');
    assert.is(await vault.get('three', 'a'), null);
  });

  test('puts an absent row once, and shows what stands there instead', async () => {
    const first = await vault.put(row('a', { value: '1' }), 'absent');
    assert.ok(first.put);
    const second = await vault.put(row('a', { value: '2' }), 'absent');
    assert.equal(second, { put: false, current: { ...row('a', { value: '1' }), version: first.version } });
    assert.is((await vault.get('thing', 'a'))!.value, '1');
  });

  test('puts over the version it was told, and no other', async () => {
    const first = await put(row('a', { value: '1' }));
    const second = await vault.put(row('a', { value: '2' }), first);
    assert.ok(second.put && second.version > first);
    const stale = await vault.put(row('a', { value: '3' }), first);
    assert.equal(stale, { put: false, current: await vault.get('thing', 'a') });
    assert.equal(await vault.put(row('b'), first), { put: false, current: null });
    assert.is((await vault.get('thing', 'a'))!.value, '2');
  });

  test('replaces every field', async () => {
    await put(row('a', { value: '1', person: 'p', ref: 'r', expiresAt: clock.now() + 10 }));
    await put(row('a', { value: '2' }));
    const { version: _, ...now } = (await vault.get('thing', 'a'))!;
    assert.equal(now, row('a', { value: '2' }));
    assert.equal([await ids({ person: 'p' }), await ids({ ref: 'r' })], [[], []]);
  });

  test('gives no version twice, not even to a row that was removed and put again', async () => {
    const versions = [await put(row('a'))];
    await vault.remove('thing', 'a');
    versions.push(await put(row('a')));
    clock.advance(1);
    await put(row('a', { expiresAt: clock.now() }));
    await vault.removeExpired(10);
    await vault.putAll([row('a')]);
    versions.push((await vault.get('thing', 'a'))!.version);
    assert.is(new Set(versions).size, 3);
    assert.equal(
      versions.toSorted((a, b) => a - b),
      versions,
    );
    assert.not.ok((await vault.put(row('a'), versions[0]!)).put);
    assert.not.ok(await vault.remove('thing', 'a', versions[1]));
  });

  test('removes a row once, and only of the version it was told', async () => {
    const version = await put(row('a'));
    assert.is(await vault.remove('thing', 'a', version + 1), false);
    assert.is(await vault.remove('thing', 'a', version), true);
    assert.is(await vault.remove('thing', 'a', version), false);
    assert.is(await vault.remove('thing', 'a'), false);
    assert.is(await vault.get('thing', 'a'), null);
  });

  test('takes an expired row for none, from the millisecond on that it names', async () => {
    const expiresAt = clock.now() + 1000;
    const version = await put(row('a', { person: 'p', ref: 'r', expiresAt }));
    clock.advance(999);
    assert.is((await vault.get('thing', 'a'))!.version, version);
    assert.equal(await ids({ person: 'p' }), ['a']);
    clock.advance(1);
    assert.is(await vault.get('thing', 'a'), null);
    assert.equal([await ids({}), await ids({ person: 'p' }), await ids({ ref: 'r' })], [[], [], []]);
    assert.equal(await vault.put(row('a'), version), { put: false, current: null });
    assert.is(await vault.remove('thing', 'a', version), false);
    assert.is(await vault.remove('thing', 'a'), false);
    const again = await vault.put(row('a'), 'absent');
    assert.ok(again.put && again.version > version);
  });

  test('removes what expired, oldest or not, at most so many, and nothing else', async () => {
    const at = clock.now();
    await vault.putAll([1, 2, 3, 4, 5].map((n) => row(`old${n}`, { expiresAt: at - n })));
    await vault.putAll([row('now', { expiresAt: at }), row('later', { expiresAt: at + 1 }), row('never')]);
    assert.is(await vault.removeExpired(4), 4);
    assert.is(await vault.removeExpired(4), 2);
    assert.is(await vault.removeExpired(4), 0);
    assert.equal(await ids({}), ['later', 'never']);
  });

  test('finds the rows of a kind by person, by ref, by both, or all', async () => {
    await vault.putAll([
      row('1', { person: 'p', ref: 'r' }),
      row('2', { person: 'p', ref: 's' }),
      row('3', { person: 'q', ref: 'r' }),
      row('4'),
      row('5', { kind: 'other', person: 'p', ref: 'r' }),
    ]);
    assert.equal(await ids({}), ['1', '2', '3', '4']);
    assert.equal(await ids({ person: 'p' }), ['1', '2']);
    assert.equal(await ids({ ref: 'r' }), ['1', '3']);
    assert.equal(await ids({ person: 'p', ref: 'r' }), ['1']);
    assert.equal(await ids({ person: 'r' }), []);
    assert.equal(await ids({ person: 'p' }, 'other'), ['5']);
  });

  test('gives pages in the order of the ids, which is that of their code points', async () => {
    const written = ['B', 'a', 'Z', 'ä', '\uffee', '\u{1f511}', 'b', '10', '9', 'aa'];
    const sorted = ['10', '9', 'B', 'Z', 'a', 'aa', 'b', 'ä', '\uffee', '\u{1f511}'];
    await vault.putAll(written.map((id) => row(id, { person: 'p', ref: 'r' })));
    for (const by of [{}, { person: 'p' }, { ref: 'r' }, { person: 'p', ref: 'r' }]) {
      const read: string[] = [];
      for (let after: string | null = null; ; after = read.at(-1)!) {
        const page = await vault.find('thing', by, { after, limit: 3 });
        read.push(...page.map(({ id }) => id));
        if (page.length < 3) break;
      }
      assert.equal(read, sorted);
    }
    assert.equal((await vault.find('thing', {}, { after: 'A', limit: 1 }))[0]!.id, 'B');
  });

  test('purges a person from every kind, and nobody else', async () => {
    await vault.putAll([
      row('1', { person: 'p' }),
      row('1', { kind: 'other', person: 'p' }),
      row('2', { person: 'q' }),
      row('3', { ref: 'p' }),
    ]);
    assert.is(await vault.purgePerson('p'), 2);
    assert.is(await vault.purgePerson('p'), 0);
    assert.equal(await ids({}), ['2', '3']);
    assert.equal(await ids({}, 'other'), []);
  });

  test('puts many at once, the last of equal ids standing', async () => {
    await vault.putAll([]);
    await vault.putAll([...Array(500).keys()].map((n) => row(`${n % 250}`, { value: `${n}` })));
    assert.is((await vault.find('thing', {}, { after: null, limit: 1000 })).length, 250);
    assert.is((await vault.get('thing', '7'))!.value, '257');
  });

  test('lets exactly one of 64 equal conditional puts win, at every version', async () => {
    let version = await put(row('a', { value: 'start' }));
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(
        [...Array(64).keys()].map((n) => vault.put(row('a', { value: `${round}-${n}` }), version)),
      );
      const winners = results.flatMap((result, n) => (result.put ? [{ n, version: result.version }] : []));
      assert.is(winners.length, 1);
      const stands = (await vault.get('thing', 'a'))!;
      assert.is(stands.version, winners[0]!.version);
      assert.is(stands.value, `${round}-${winners[0]!.n}`);
      version = stands.version;
    }
  });

  test('lets exactly one of 64 put what is absent', async () => {
    const results = await Promise.all(
      [...Array(64).keys()].map((n) => vault.put(row('a', { value: `${n}` }), 'absent')),
    );
    const winner = results.findIndex((result) => result.put);
    const stands = (await vault.get('thing', 'a'))!;
    assert.is(stands.value, `${winner}`);
    results.forEach((result, n) => {
      if (n !== winner) assert.equal(result, { put: false, current: stands });
    });
  });

  test('is not changed through what it was given or gave', async () => {
    const given = { ...row('a', { value: '1' }) };
    await put(given);
    Object.assign(given, { value: '2' });
    const got = await vault.get('thing', 'a');
    assert.is(got!.value, '1');
    try {
      Object.assign(got!, { value: '3' });
    } catch (error) {
      // It may be frozen.
      assert.instance(error, TypeError);
    }
    assert.is((await vault.get('thing', 'a'))!.value, '1');
  });

  test('gives a lease to one holder, who may renew it, until its time is over', async () => {
    const first = await vault.lease('mail', 'x', 1000);
    assert.is(await vault.lease('mail', 'y', 1000), null);
    clock.advance(999);
    assert.equal(await vault.lease('mail', 'x', 1000), first);
    clock.advance(999);
    assert.is(await vault.lease('mail', 'y', 1000), null);
    clock.advance(1);
    const second = await vault.lease('mail', 'y', 1000);
    assert.ok(second!.fence > first!.fence);
    assert.is(await vault.lease('mail', 'x', 1000), null);
    assert.ok(await vault.lease('notary', 'x', 1000), 'another lease is free');
  });

  test('keeps the fence of a holder who comes late, when nobody was there meanwhile', async () => {
    const first = await vault.lease('mail', 'x', 1000);
    clock.advance(5000);
    assert.equal(await vault.lease('mail', 'x', 1000), first);
  });

  test('raises the fence after a release too, and lets only the holder release', async () => {
    const first = await vault.lease('mail', 'x', 1000);
    await vault.releaseLease('mail', 'y');
    await vault.releaseLease('unknown', 'x');
    assert.is(await vault.lease('mail', 'y', 1000), null);
    await vault.releaseLease('mail', 'x');
    const second = await vault.lease('mail', 'y', 1000);
    assert.ok(second!.fence > first!.fence);
    await vault.releaseLease('mail', 'x');
    assert.is(await vault.lease('mail', 'x', 1000), null);
    await vault.releaseLease('mail', 'y');
    const third = await vault.lease('mail', 'y', 1000);
    assert.ok(third!.fence > second!.fence);
  });

  test('lets exactly one of many take a lease', async () => {
    const results = await Promise.all([...Array(32).keys()].map((n) => vault.lease('mail', `${n}`, 1000)));
    assert.is(results.filter((result) => result !== null).length, 1);
  });

  test('outlives its closing: rows, versions, expiry and fences', async () => {
    if (harness.reopen === null) return;
    const fence = (await vault.lease('mail', 'x', 1000))!.fence;
    const kept = row('a', { value: 'kept', person: 'p', ref: 'r', expiresAt: clock.now() + 5 });
    const keptVersion = await put(kept);
    const removed = await put(row('b'));
    await vault.remove('thing', 'b');
    await vault.close();
    vault = await harness.reopen();
    assert.equal(await vault.get('thing', 'a'), { ...kept, version: keptVersion });
    assert.is(await vault.lease('mail', 'y', 1000), null);
    await vault.releaseLease('mail', 'x');
    assert.ok((await vault.lease('mail', 'y', 1000))!.fence > fence);
    assert.ok((await put(row('b'))) > removed);
    clock.advance(5);
    assert.is(await vault.get('thing', 'a'), null);
    await vault.close();
  });

  test('says that it is closed', async () => {
    await vault.close();
    for (const call of [() => vault.get('thing', 'a'), () => put(row('a')), () => vault.lease('mail', 'x', 1)]) {
      const error = await call().then(
        () => null,
        (thrown) => thrown,
      );
      assert.ok(failedWith(error, 'store-unavailable'));
    }
  });

  test.run();
};
