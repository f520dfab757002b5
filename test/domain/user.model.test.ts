import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import type { User } from '../../domain/user.ts';
import { type UserCommand, user } from '../../domain/userDecider.ts';
import { recorded } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const newcomer = {
  userId: 'u1',
  kind: 'human',
  address: { email: 'ada@example.com', claim: 'claim-a' },
  profile: {},
  roles: [],
  groups: [],
  organizations: [],
} as const;

const commands: readonly UserCommand[] = [
  { type: 'DeactivateUser' },
  { type: 'ReactivateUser' },
  { type: 'DeleteUser' },
  { type: 'EraseUser' },
  { type: 'EndAllSessions' },
  { type: 'ChangePassword', passwordHash: 'h2', endOtherSessions: true },
  { type: 'ChangePassword', passwordHash: 'h3', endOtherSessions: false },
  { type: 'ResetPassword', passwordHash: 'h4' },
  { type: 'EnableTwoFactor', secret: 's', recoveryCodeHashes: ['r1', 'r2'] },
  { type: 'DisableTwoFactor', by: 'user' },
  { type: 'UseRecoveryCode', codeHash: 'r1' },
  { type: 'AssignRoles', roles: ['member', 'admin'] },
  { type: 'AssignRoles', roles: [] },
];

// Erased ones are seldom of further interest: the ends come up less often than the rest.
const anyCommand = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.constantFrom(...commands.filter(({ type }) => type !== 'EraseUser' && type !== 'DeleteUser')),
  },
  { weight: 1, arbitrary: fc.constantFrom(...commands) },
);
const firstCommand: fc.Arbitrary<UserCommand> = fc.constantFrom<UserCommand>(
  { ...newcomer, type: 'RegisterUser', passwordHash: 'h1', externalProvider: null, mustChangePassword: true },
  { ...newcomer, type: 'InviteUser' },
);

/** What the rules say in a few words: counts, and a status. */
type Model = {
  status: User['status'];
  accepted: boolean;
  ends: number;
  sessionEnds: number;
  codes: Set<string> | null;
};

/** Whether the command is understood, and what it does to the model. */
const step = (model: Model, command: UserCommand): boolean => {
  const gone = model.status === 'deleted' || model.status === 'erased';
  const end = (status: Model['status']) => {
    if (model.status !== status) model.ends += 1;
    model.status = status;
  };
  switch (command.type) {
    case 'DeleteUser':
      if (!gone) end('deleted');
      return true;
    case 'EraseUser':
      end('erased');
      model.codes = null;
      return true;
    case 'EndAllSessions':
      if (model.status === 'active') model.sessionEnds += 1;
      return true;
  }
  if (gone) return false;
  switch (command.type) {
    case 'DeactivateUser':
      end('deactivated');
      return true;
    case 'ReactivateUser':
      if (model.status === 'deactivated') model.status = model.accepted ? 'active' : 'invited';
      return true;
    case 'ChangePassword':
      if (model.status !== 'active') return false;
      if (command.endOtherSessions) model.sessionEnds += 1;
      return true;
    case 'ResetPassword':
      if (model.status === 'deactivated') return false;
      model.status = 'active';
      model.accepted = true;
      model.sessionEnds += 1;
      return true;
    case 'EnableTwoFactor':
      if (model.status !== 'active' || model.codes) return false;
      model.codes = new Set(command.recoveryCodeHashes);
      return true;
    case 'DisableTwoFactor':
      model.codes = null;
      return true;
    case 'UseRecoveryCode':
      return model.status === 'active' && model.codes?.delete(command.codeHash) === true;
    default:
      return true;
  }
};

const test = suite('a user against a model');

test('epochs count ends and session ends, whatever was asked in whatever order', () => {
  fc.assert(
    fc.property(firstCommand, fc.array(anyCommand, { maxLength: 40 }), (first, later) => {
      const accepted = first.type === 'RegisterUser';
      const model: Model = { status: accepted ? 'active' : 'invited', accepted, ends: 0, sessionEnds: 0, codes: null };
      let state = user.initialState();
      let revision = -1;
      for (const command of [first, ...later]) {
        const decision = user.decide(command, state);
        if (command !== first) assert.is(!isRejection(decision), step(model, command), command.type);
        if (isRejection(decision)) continue;
        for (const event of decision) {
          revision += 1;
          state = user.evolve(state, recorded(event, revision, 'user-u1'));
        }
        assert.ok(state);
        // A snapshot taken at any moment is the state.
        assert.equal(JSON.parse(JSON.stringify(state)), state);
        assert.is(state.status, model.status);
        assert.is(state.ownerEpoch, model.ends);
        assert.equal(
          state.endedEpochs.map(({ ownerEpoch }) => ownerEpoch),
          [...Array(model.ends).keys()],
        );
        assert.is(state.sessionEpoch, model.sessionEnds);
        assert.is(state.revision, revision);
        assert.equal(state.twoFactor?.recoveryCodeHashes ?? null, model.codes && [...model.codes]);
        assert.not.ok(state.roles.includes('admin'));
      }
    }),
  );
});

test('what was reached is not decided again', () => {
  const repeatable = new Set(['EndAllSessions', 'ChangePassword', 'ResetPassword']);
  fc.assert(
    fc.property(firstCommand, fc.array(anyCommand, { maxLength: 20 }), anyCommand, (first, earlier, last) => {
      let state = user.initialState();
      let revision = -1;
      const run = (command: UserCommand) => {
        const decision = user.decide(command, state);
        for (const event of isRejection(decision) ? [] : decision) {
          revision += 1;
          state = user.evolve(state, recorded(event, revision, 'user-u1'));
        }
        return decision;
      };
      for (const command of [first, ...earlier]) run(command);
      run(last);
      if (!repeatable.has(last.type)) {
        const again = run(last);
        assert.ok(isRejection(again) || again.length === 0, `${last.type} twice`);
      }
    }),
  );
});

test.run();
