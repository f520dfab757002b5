import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { instant } from '../../domain/instant.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { keyring } from '../../domain/keyringDecisions.ts';
import { recorded } from '../support/given.ts';
import { keyPolicy } from '../support/keyPolicies.ts';
import { attempt, emptyModel } from '../support/keyringModel.ts';
import { commandOf, keyringStep, seenAsModel, start } from '../support/keyringSteps.ts';
import { suite } from '../support/suite.ts';

const test = suite('domain/keyring, against a model');
const stream = keyringStream('u1');

const policies = fc.array(keyPolicy, { minLength: 1, maxLength: 3 });
const enabledMostly = policies.map((list) =>
  list.map((policy, i) => (i === 0 ? { ...policy, enabled: true } : policy)),
);

test('decides as the model does, whatever is asked under whatever policies', () => {
  fc.assert(
    fc.property(enabledMostly, fc.array(keyringStep, { maxLength: 30, size: 'max' }), (given, steps) => {
      const model = emptyModel();
      let state = keyring.initialState();
      let revision = 0;
      let now = start;
      let epoch = 0;
      for (const [i, s] of steps.entries()) {
        now += s.passes;
        if (s.does === 'off and on') {
          epoch++;
          continue;
        }
        // A policy that is closed by an epoch not yet reached would say nothing: the closer follows the owner's events.
        if (s.does === 'close' && epoch === 0) continue;
        const policy = given[s.policy % given.length]!;
        const command = commandOf(s, i, now, epoch, policy, model);
        const before = JSON.stringify(model);
        const against = attempt(model, command);
        const decision = keyring.decide(command, state);
        if (isRejection(decision)) {
          assert.ok(against.has(decision.rejected), `${decision.rejected}, but the model says ${[...against]}`);
          assert.is(JSON.stringify(model), before);
          continue;
        }
        assert.equal([...against], [], 'the model refuses');
        assert.is(
          decision.length > 0,
          JSON.stringify(model) !== before,
          'appends where something changes, and only there',
        );
        const at = instant(now);
        for (const event of decision) state = keyring.evolve(state, recorded({ ...event, at }, revision++, stream));
        assert.equal(seenAsModel(state), { epoch: model.epoch, closed: model.closed, keys: model.keys });
        // The same again finds nothing to do, or no place: never a second effect of an edit or an ending.
        if (command.type !== 'CreateApiKey' && command.type !== 'ImportKey') {
          const again = keyring.decide(command, state);
          assert.ok(isRejection(again) || again.length === 0, 'does it twice');
        }
      }
      assert.equal(keyring.thaw!(keyring.freeze!(state)), state);
    }),
    { numRuns: 3000 },
  );
});

test.run();
