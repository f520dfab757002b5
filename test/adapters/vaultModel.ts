import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Expectation, VaultRow, VaultWrite } from '../../commands/ports/vault.ts';
import { suite } from '../support/suite.ts';
import type { TestServer, VaultHarness } from './vaultSuite.ts';

type Operation =
  | { readonly do: 'put'; readonly row: VaultWrite; readonly expect: 'absent' | 'any' | 'standing' | 'earlier' }
  | { readonly do: 'putAll'; readonly rows: readonly VaultWrite[] }
  | {
      readonly do: 'remove';
      readonly kind: string;
      readonly id: string;
      readonly expect: 'any' | 'standing' | 'earlier';
    }
  | { readonly do: 'purge'; readonly person: string }
  | { readonly do: 'removeExpired' }
  | { readonly do: 'advance'; readonly ms: number };

const kind = fc.constantFrom('k', 'l');
const id = fc.constantFrom('a', 'b', 'ä', '\uffee', '\u{1f511}');
const owner = fc.constantFrom(null, 'p', 'q');

/** Random operations on a vault and on an array of rows, which afterwards hold the same. */
export const vaultModel = (
  name: string,
  open: () => Promise<VaultHarness>,
  numRuns: number,
  server: TestServer | null = null,
): void => {
  const test = suite(`vault: ${name}: against a model`);
  if (server !== null) {
    test.skipUnless(server.missing);
    test.after(async () => void (await server.after()));
  }

  test('holds what a plain array holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 30 }), async (operations) => {
        const { vault, clock, dispose } = await open();
        try {
          let rows: readonly VaultRow[] = [];
          let earlier = 0;
          const live = () => rows.filter(({ expiresAt }) => expiresAt === null || expiresAt > clock.now());
          const standing = (kind: string, id: string) => live().find((row) => row.kind === kind && row.id === id);
          const without = (kind: string, id: string) => rows.filter((row) => row.kind !== kind || row.id !== id);
          const inTime = (row: VaultWrite): VaultWrite =>
            row.expiresAt === null ? row : { ...row, expiresAt: clock.now() + row.expiresAt };

          for (const operation of operations) {
            if (operation.do === 'put') {
              const row = inTime(operation.row);
              const current = standing(row.kind, row.id);
              const expect: Expectation =
                operation.expect === 'standing'
                  ? (current?.version ?? earlier)
                  : operation.expect === 'earlier'
                    ? earlier
                    : operation.expect;
              const met =
                expect === 'any' || (expect === 'absent' ? current === undefined : current?.version === expect);
              const result = await vault.put(row, expect);
              assert.is(result.put, met);
              if (result.put) {
                assert.ok(result.version > earlier);
                earlier = result.version;
                rows = [...without(row.kind, row.id), { ...row, version: result.version }];
              } else {
                assert.equal(result.current, current ?? null);
              }
            } else if (operation.do === 'putAll') {
              const written = operation.rows.map(inTime);
              await vault.putAll(written);
              for (const row of written) {
                const { version } = (await vault.get(row.kind, row.id)) ?? { version: earlier };
                rows = [...without(row.kind, row.id), { ...row, version }];
                earlier = Math.max(earlier, version);
              }
            } else if (operation.do === 'remove') {
              const current = standing(operation.kind, operation.id);
              const expect =
                operation.expect === 'any' ? undefined : operation.expect === 'standing' ? current?.version : earlier;
              const met = current !== undefined && (expect === undefined || current.version === expect);
              assert.is(await vault.remove(operation.kind, operation.id, expect), met);
              if (met) rows = without(operation.kind, operation.id);
            } else if (operation.do === 'purge') {
              const purged = live().filter(({ person }) => person === operation.person).length;
              assert.ok((await vault.purgePerson(operation.person)) >= purged);
              rows = rows.filter(({ person }) => person !== operation.person);
            } else if (operation.do === 'removeExpired') {
              await vault.removeExpired(1000);
            } else {
              clock.advance(operation.ms);
            }
          }

          for (const kind of ['k', 'l']) {
            for (const by of [{}, { person: 'p' }, { ref: 'q' }, { person: 'q', ref: 'p' }]) {
              const matching = live().filter(
                (row) => row.kind === kind && Object.entries(by).every(([field, of]) => row[field as 'person'] === of),
              );
              const found = await vault.find(kind, by, { after: null, limit: 100 });
              assert.equal(
                found,
                matching.toSorted((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))),
              );
            }
          }
        } finally {
          await dispose();
        }
      }),
      { numRuns },
    );
  });

  test.run();
};

/** `expiresAt` counts from the moment of writing. */
const write: fc.Arbitrary<VaultWrite> = fc.record({
  kind,
  id,
  value: fc.string({ unit: 'binary', maxLength: 5 }),
  person: owner,
  ref: owner,
  expiresAt: fc.constantFrom(null, -1, 0, 1, 50),
});

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      row: write,
      expect: fc.constantFrom('absent' as const, 'any' as const, 'standing' as const, 'earlier' as const),
    }),
  },
  fc.record({ do: fc.constant('putAll' as const), rows: fc.array(write, { maxLength: 4 }) }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('remove' as const),
      kind,
      id,
      expect: fc.constantFrom('any' as const, 'standing' as const, 'earlier' as const),
    }),
  },
  fc.record({ do: fc.constant('purge' as const), person: fc.constantFrom('p', 'q') }),
  fc.constant({ do: 'removeExpired' as const }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 60 }) }),
);
