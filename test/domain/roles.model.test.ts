import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { effectiveRights, type RolesCommand, roleNames, roleOf, roles, rolesStream } from '../../domain/roles.ts';
import { played } from '../support/played.ts';
import { suite } from '../support/suite.ts';

const model = suite('definitions of roles against a simple model');

const catalog = [{ application: 'streams', actions: ['read', 'write', 'admin'] }];

/** What each scope that may be asked for is stored as; one that is not here is unknown. */
const stored: { readonly [scope: string]: readonly string[] } = {
  '*:*': ['*:*'],
  'streams:*': ['streams:*'],
  'streams:read': ['streams:read'],
  'streams:write': ['streams:read', 'streams:write'],
};

const define = fc.record({
  type: fc.constant('DefineRole' as const),
  name: fc.constantFrom('ops', 'dev', 'ops', 'dev', 'member', '1st', 'constructor'),
  permissions: fc.subarray(['audit:read', 'keys:read', 'keys:revoke']),
  scopes: fc.option(fc.subarray([...Object.keys(stored), 'streams:delete']), { nil: null, freq: 4 }),
  catalog: fc.constant(catalog),
});
const remove = fc.record({
  type: fc.constant('RemoveRole' as const),
  name: fc.constantFrom('ops', 'dev', 'guest', 'nobody', 'constructor'),
  inUseBy: fc.constantFrom(0, 0, 2),
});

type Rights = { readonly permissions: readonly string[]; readonly scopes: readonly string[] };

const sorted = (names: readonly string[]) => [...new Set(names)].sort();

/** What is refused; else what the roles are from then on is in `known`. */
const expected = (known: Map<string, Rights>, command: RolesCommand): string | null => {
  if (command.type !== 'DefineRole' && command.type !== 'RemoveRole') throw new Error('of another test');
  const { name } = command;
  if (['admin', 'auditor', 'member', 'guest'].includes(name)) return 'role-built-in';
  if (command.type === 'RemoveRole') {
    if (known.has(name) && command.inUseBy > 0) return 'role-in-use';
    known.delete(name);
    return null;
  }
  if (name === '1st') return 'validation-failed';
  const scopes = command.scopes ?? ['*:*'];
  if (scopes.some((scope) => stored[scope] === undefined)) return 'unknown-scope';
  known.set(name, {
    permissions: sorted(command.permissions),
    scopes: sorted(scopes.flatMap((scope) => stored[scope]!)),
  });
  return null;
};

model('whatever is defined and removed in whatever order', () => {
  const commands: fc.Arbitrary<readonly RolesCommand[]> = fc.array(fc.oneof(define, remove), {
    maxLength: 30,
    size: 'max',
  });
  fc.assert(
    fc.property(commands, (asked) => {
      const known = new Map<string, Rights>();
      played(roles, rolesStream, asked, (command, decision, state) => {
        const before = JSON.stringify([...known]);
        const refused = expected(known, command);
        assert.is(isRejection(decision) ? decision.rejected : null, refused);
        const changed = before !== JSON.stringify([...known]);
        if (!isRejection(decision)) assert.is(decision.length, changed ? 1 : 0);
        assert.equal(roleNames(state).slice(4).sort(), [...known.keys()].sort());
        for (const [name, { permissions, scopes }] of known) {
          const role = roleOf(name, state)!;
          assert.equal([role.permissions, role.scopes], [permissions, scopes]);
        }
        const all = [...known.values()];
        assert.equal(effectiveRights([...known.keys(), 'nobody'], state), {
          permissions: sorted(all.flatMap(({ permissions }) => permissions)),
          scopes: sorted(all.flatMap(({ scopes }) => scopes)),
        });
      });
    }),
  );
});

model.run();
