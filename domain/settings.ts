import type { Decider, Decision } from './decider.ts';
import { reject } from './decider.ts';
import type { Actor, Recorded } from './event.ts';
import type { Instant } from './instant.ts';
import type { KeyPolicy, MailServer, PolicyEvent, ScopeCatalog } from './keyPolicy.ts';
import type { PolicyStanding } from './keyView.ts';
import { contradictions, rangeErrors } from './policyErrors.ts';
import type { PolicyChange } from './presets.ts';
import { appliedPolicy, isCustomized, presets, samePolicy } from './presets.ts';
import { catalogErrors } from './scopes.ts';
import { unknownEvent } from './unknownEvent.ts';

/** Which event last changed a setting. `revision` is that event's, and the setting's ETag. */
export type LastChange = { readonly revision: number; readonly at: Instant; readonly actor: Actor };

/** The settings of the installation, from the stream `policy`. A `…Changed` is null as long as nobody has set it. */
export type Settings = {
  readonly policy: KeyPolicy;
  readonly customized: boolean;
  readonly policyChanged: LastChange | null;
  /**
   * The revision with which the policy last began to let keys be copied again; every text from before is gone. Null: it
   * keeps none. A revision and no time: clocks differ.
   */
  readonly textsKeptSince: number | null;
  /** Since when the policy ends keys that are unused for its span, or for one that was shorter; null: it does not. */
  readonly unusedKeysEndSince: Instant | null;
  readonly catalog: ScopeCatalog;
  readonly catalogChanged: LastChange | null;
  readonly mailServer: MailServer | null;
  readonly mailServerChanged: LastChange | null;
};

/** Rejections, each with the wrong fields: `validation-failed` (a value that can never be), `policy-inconsistent`. */
export type SettingsCommand =
  | { readonly type: 'ChangeKeyPolicy'; readonly change: PolicyChange }
  | { readonly type: 'ChangeScopeCatalog'; readonly items: ScopeCatalog };

/** What of the settings applies to keys that are there. */
export const policyStanding = ({ policy, textsKeptSince }: Settings): PolicyStanding => ({
  enabled: policy.enabled,
  requireRole: policy.requireRole,
  textsKeptSince,
});

const initialState = (): Settings => ({
  policy: presets.qalyptus,
  customized: false,
  policyChanged: null,
  textsKeptSince: null,
  unusedKeysEndSince: null,
  catalog: [],
  catalogChanged: null,
  mailServer: null,
  mailServerChanged: null,
});

const decide = (command: SettingsCommand, state: Settings): Decision<PolicyEvent> => {
  switch (command.type) {
    case 'ChangeKeyPolicy':
      return changeKeyPolicy(command.change, state);
    case 'ChangeScopeCatalog':
      return changeScopeCatalog(command.items, state);
  }
};

// The first policy is recorded even where it equals the initial state: from then on the log says what applies.
const changeKeyPolicy = (change: PolicyChange, state: Settings): Decision<PolicyEvent> => {
  const policy = appliedPolicy(state.policy, change);
  const wrong = rangeErrors(policy);
  if (wrong.length > 0) return reject('validation-failed', undefined, wrong);
  const contradicting = contradictions(policy);
  if (contradicting.length > 0) return reject('policy-inconsistent', undefined, contradicting);
  if (state.policyChanged && samePolicy(policy, state.policy)) return [];
  return [{ type: 'KeyPolicyChanged', data: { policy } }];
};

const changeScopeCatalog = (given: ScopeCatalog, state: Settings): Decision<PolicyEvent> => {
  const items = given.map(({ application, actions }) => ({ application, actions: [...actions] }));
  const errors = catalogErrors(items);
  if (errors.length > 0) return reject('validation-failed', undefined, errors);
  return sameCatalog(items, state.catalog) ? [] : [{ type: 'ScopeCatalogChanged', data: { items } }];
};

// Names hold neither of the two separators.
const sameCatalog = (a: ScopeCatalog, b: ScopeCatalog) => {
  const text = (catalog: ScopeCatalog) =>
    catalog.map((item) => `${item.application}:${item.actions.join(',')}`).join(' ');
  return text(a) === text(b);
};

// Nobody can use a key while they are off, so the span begins again with them; and with a span that is shorter.
const endsUnusedSince = ({ policy: before, unusedKeysEndSince }: Settings, policy: KeyPolicy, at: Instant) => {
  const span = policy.enabled ? policy.endUnusedAfterDays : null;
  if (span === null) return null;
  const goesOn = unusedKeysEndSince !== null && (before.endUnusedAfterDays ?? 0) <= span;
  return goesOn ? unusedKeysEndSince : at;
};

const evolve = (state: Settings, event: Recorded<PolicyEvent>): Settings => {
  const changed = { revision: event.revision, at: event.metadata.at, actor: event.metadata.actor };
  switch (event.type) {
    case 'KeyPolicyChanged': {
      const { policy } = event.data;
      const textsKeptSince = policy.secret === 'once' ? null : (state.textsKeptSince ?? event.revision);
      const unusedKeysEndSince = endsUnusedSince(state, policy, event.metadata.at);
      const customized = isCustomized(policy);
      return { ...state, policy, customized, policyChanged: changed, textsKeptSince, unusedKeysEndSince };
    }
    case 'ScopeCatalogChanged':
      return { ...state, catalog: event.data.items, catalogChanged: changed };
    case 'MailServerChanged':
      return { ...state, mailServer: event.data.server, mailServerChanged: changed };
    default:
      throw unknownEvent(event);
  }
};

/** The settings that the key policy's stream holds: the policy, the catalog of scopes, the mail server. */
export const settings: Decider<Settings, SettingsCommand, PolicyEvent> = {
  name: 'settings',
  foldVersion: 3,
  initialState,
  decide,
  evolve,
};
