import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { ScopeCatalog } from '../../domain/keyPolicy.ts';
import {
  catalogErrors,
  effectiveScopes,
  expandScopes,
  holds,
  indexScopes,
  isScopePattern,
  missingScopes,
  parseScope,
} from '../../domain/scopes.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/scopes');

const catalog: ScopeCatalog = [
  { application: 'streams', actions: ['read', 'write', 'admin'] },
  { application: 'reports', actions: ['read', 'export'] },
];
const index = indexScopes(catalog);

test('takes a scope apart', () => {
  assert.equal(parseScope('streams:read'), { application: 'streams', action: 'read' });
  for (const text of ['', 'streams', 'streams:', ':read', 'a:b:c', '*:*', 'streams:*', ' streams:read', 'a:b\n'])
    assert.is(parseScope(text), null, text);
});

test('knows what a role may hold', () => {
  for (const text of ['*:*', 'streams:*', 'streams:read']) assert.ok(isScopePattern(text), text);
  for (const text of ['*', '*:read', ':*', 'streams:r*', 'a:b:*', '**:*']) assert.not.ok(isScopePattern(text), text);
});

test('a higher action brings the lower ones, sorted and each once', () => {
  assert.equal(expandScopes(['streams:write', 'reports:read', 'streams:read'], index), [
    'reports:read',
    'streams:read',
    'streams:write',
  ]);
});

test('expands neither patterns nor what it does not know', () => {
  assert.equal(expandScopes(['streams:*', 'other:read', '*:*'], index), ['*:*', 'other:read', 'streams:*']);
});

test('a role holds by name, by application, or everything', () => {
  assert.ok(holds(['*:*'], 'streams:read'));
  assert.ok(holds(['streams:*'], 'streams:read'));
  assert.ok(holds(['streams:read'], 'streams:read'));
  assert.not.ok(holds(['streams:read'], 'streams:write'));
  assert.not.ok(holds(['stream:*'], 'streams:read'));
  assert.not.ok(holds([], 'streams:read'));
});

test('an unscoped key of an owner who holds everything has no list', () => {
  assert.is(effectiveScopes(null, ['reports:read', '*:*'], index, null), null);
  assert.equal(missingScopes(null, ['anything:at-all']), []);
});

test('an unscoped key of another owner has what the roles hold of the catalog', () => {
  assert.equal(effectiveScopes(null, ['reports:*', 'gone:read'], index, null), ['reports:export', 'reports:read']);
});

test('a scoped key is cut to roles and catalog', () => {
  assert.equal(effectiveScopes(['gone:read', 'reports:read', 'streams:read'], ['streams:*', 'gone:*'], index, null), [
    'streams:read',
  ]);
  assert.equal(effectiveScopes(['streams:read'], ['*:*'], index, null), ['streams:read']);
  assert.equal(effectiveScopes([], ['*:*'], index, null), []);
});

test('a token limited to applications sees only these, and no "any" at all', () => {
  const effective = effectiveScopes(null, ['*:*'], index, ['reports']);
  assert.equal(effective, ['reports:export', 'reports:read']);
  assert.equal(missingScopes(effective, ['reports:read', 'streams:read']), ['streams:read']);
  assert.equal(missingScopes(effective, ['streams:read', 'reports:read', 'streams:read']), ['streams:read']);
  assert.equal(effectiveScopes(['reports:read', 'streams:read'], ['*:*'], index, ['streams', 'more']), [
    'streams:read',
  ]);
  assert.equal(effectiveScopes(null, ['*:*'], index, []), []);
});

const part = fc.constantFrom<string>('a', 'b', 'c', 'd');
const scope = fc.tuple(part, part).map(([application, action]) => `${application}:${action}`);
const anyCatalog: fc.Arbitrary<ScopeCatalog> = fc.uniqueArray(
  fc.record({ application: part, actions: fc.uniqueArray(part, { minLength: 1 }) }),
  { selector: ({ application }) => application },
);
const pattern = fc.oneof(
  scope,
  part.map((application) => `${application}:*`),
  fc.constant('*:*'),
);

test('every catalog of names, each once, is right', () => {
  fc.assert(
    fc.property(anyCatalog, (items) => {
      assert.equal(catalogErrors(items), []);
    }),
  );
});

test('expanding twice is expanding once, and adds lower actions of the same application only', () => {
  fc.assert(
    fc.property(anyCatalog, fc.array(scope), (items, asked) => {
      const known = indexScopes(items);
      const once = expandScopes(asked, known);
      assert.equal(expandScopes(once, known), once);
      for (const added of once) {
        const { application, action } = parseScope(added)!;
        const actions = items.find((item) => item.application === application)?.actions ?? [];
        const because = asked.some((one) => {
          const { application: of, action: higher } = parseScope(one)!;
          return (
            one === added ||
            (of === application && actions.indexOf(action) >= 0 && actions.indexOf(action) < actions.indexOf(higher))
          );
        });
        assert.ok(because, `${added} from ${asked}`);
      }
    }),
  );
});

test('effective scopes are the intersection, scope by scope', () => {
  const own = fc.option(fc.uniqueArray(scope));
  const limits = fc.option(fc.uniqueArray(part));
  fc.assert(
    fc.property(own, fc.array(pattern), anyCatalog, limits, scope, (key, patterns, items, applications, asked) => {
      const effective = effectiveScopes(key, patterns, indexScopes(items), applications);
      const { application, action } = parseScope(asked)!;
      const everything = patterns.includes('*:*');
      const inCatalog = items.some((item) => item.application === application && item.actions.includes(action));
      const inRoles = everything || patterns.includes(`${application}:*`) || patterns.includes(asked);
      const inKey = key === null || key.includes(asked);
      const inToken = applications === null || applications.includes(application);
      const any = key === null && everything && applications === null;
      assert.is(effective === null, any);
      assert.is(missingScopes(effective, [asked]).length === 0, any || (inCatalog && inRoles && inKey && inToken));
    }),
    { numRuns: 1000 },
  );
});

test('a catalog is as large as its scopes are long, all of which one key may hold', () => {
  const actions = Array.from({ length: 200 }, (_, n) => `${n}`.padStart(60, 'a'));
  const catalog = (applications: number) =>
    Array.from({ length: applications }, (_, n) => ({ application: `${n}`.padStart(61, 'b'), actions }));
  const lengthOf = (items: ScopeCatalog) => JSON.stringify(indexScopes(items).all).length;
  assert.equal(catalogErrors(catalog(10)), []);
  assert.ok(lengthOf(catalog(10)) <= 250_001);
  const longer = [...catalog(10), { application: 'x', actions: ['y'] }];
  assert.equal(
    catalogErrors(longer).map(({ field }) => field),
    ['/items'],
  );
  const more = [{ application: 'x', actions: [...actions, 'y'] }];
  assert.equal(
    catalogErrors(more).map(({ field }) => field),
    ['/items/0/actions'],
  );
});

test.run();
