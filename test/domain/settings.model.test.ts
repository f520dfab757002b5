import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { type KeyPolicy, policyStream } from '../../domain/keyPolicy.ts';
import { type PolicyChange, presets } from '../../domain/presets.ts';
import { type SettingsCommand, settings } from '../../domain/settings.ts';
import { looseKeyPolicy } from '../support/keyPolicies.ts';
import { played } from '../support/played.ts';
import { suite } from '../support/suite.ts';

const model = suite('settings against a simple model');

const fieldNames = Object.keys(presets.qalyptus) as (keyof KeyPolicy)[];

/** Some fields of a policy, the preset's name sometimes among them. */
const change: fc.Arbitrary<PolicyChange> = fc
  .tuple(looseKeyPolicy, fc.subarray(fieldNames))
  .map(([policy, given]) => Object.fromEntries(given.map((field) => [field, policy[field]])));

const catalog = fc
  .subarray(['streams', 'reports', 'jobs'])
  .chain((applications) =>
    fc
      .tuple(...applications.map(() => fc.subarray(['read', 'write', 'admin'])))
      .map((actions) => applications.map((application, i) => ({ application, actions: actions[i]! }))),
  );

const command: fc.Arbitrary<SettingsCommand> = fc.oneof(
  { weight: 3, arbitrary: change.map((given): SettingsCommand => ({ type: 'ChangeKeyPolicy', change: given })) },
  { weight: 1, arbitrary: catalog.map((items): SettingsCommand => ({ type: 'ChangeScopeCatalog', items })) },
);

/** The contract's sentence on what contradicts what, one line for each. */
const isConsistent = (policy: KeyPolicy): boolean =>
  !(policy.expiry === 'required' && policy.maxLifetimeDays === null) &&
  !(policy.expiry === 'none' && (policy.maxLifetimeDays !== null || policy.expiryEditable !== 'no')) &&
  (policy.form === 'dotted') === (policy.prefix === null) &&
  !(policy.maxGraceSeconds > 0 && (!policy.rotation || policy.maxKeysPerUser === 1)) &&
  !(policy.whenFull === 'replace' && policy.maxKeysPerUser > 1);

const equal = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

model('the policy is the preset with the given fields over it, or what it was', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30, size: 'max' }), (commands) => {
      let policy: KeyPolicy = presets.qalyptus;
      let items: unknown = [];
      let [policyRevision, catalogRevision]: (number | null)[] = [null, null];
      played(settings, policyStream, commands, (asked, decision, state, revision) => {
        if (asked.type === 'ChangeScopeCatalog') {
          const wrong = asked.items.some(({ actions }) => actions.length === 0);
          assert.is(isRejection(decision), wrong);
          if (!wrong && !equal(asked.items, items)) {
            items = asked.items;
            catalogRevision = revision;
          }
        } else {
          const base = asked.change.preset ? presets[asked.change.preset] : policy;
          const wanted = { ...base, ...asked.change } as KeyPolicy;
          const consistent = isConsistent(wanted);
          assert.is(isRejection(decision) ? decision.rejected : null, consistent ? null : 'policy-inconsistent');
          if (
            consistent &&
            (policyRevision === null || fieldNames.some((name) => !equal(wanted[name], policy[name])))
          ) {
            policy = wanted;
            policyRevision = revision;
          }
        }
        assert.equal(state.policy, policy);
        assert.is(state.customized, !equal(state.policy, presets[policy.preset]));
        assert.is(state.policyChanged?.revision ?? null, policyRevision);
        assert.equal(state.catalog, items);
        assert.is(state.catalogChanged?.revision ?? null, catalogRevision);
      });
    }),
  );
});

model.run();
