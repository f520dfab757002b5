import { isRejection } from '../../domain/decider.ts';
import { policyStream, type ScopeCatalog } from '../../domain/keyPolicy.ts';
import type { PolicyChange } from '../../domain/presets.ts';
import { roleOf, roles, rolesStream } from '../../domain/roles.ts';
import { type Settings, settings } from '../../domain/settings.ts';
import type { Command } from '../command.ts';

/** If-Match is the policy's own revision. Rejection: `policy-inconsistent`, with the field of each contradiction. */
const changeKeyPolicy: Command<{ readonly change: PolicyChange }, { readonly revision: number }> = {
  name: 'ChangeKeyPolicy',
  several: false,
  run: async ({ change }, run) => {
    const step = await run.step(
      settings,
      policyStream,
      (state) => settings.decide({ type: 'ChangeKeyPolicy', change }, state),
      { revisionOf: (state) => state.policyChanged?.revision ?? null },
    );
    return isRejection(step) ? step : { result: { revision: step.revision } };
  },
};

/** The catalog's ETag, also before anybody has set it. */
export const catalogRevision = ({ catalogChanged }: Pick<Settings, 'catalogChanged'>): number =>
  catalogChanged?.revision ?? -1;

const changeScopeCatalog: Command<{ readonly items: ScopeCatalog }, { readonly revision: number }> = {
  name: 'ChangeScopeCatalog',
  several: false,
  run: async ({ items }, run) => {
    const step = await run.step(
      settings,
      policyStream,
      (state) => settings.decide({ type: 'ChangeScopeCatalog', items }, state),
      { revisionOf: catalogRevision },
    );
    return isRejection(step) ? step : { result: { revision: step.revision } };
  },
};

export type DefineRoleInput = {
  readonly name: string;
  readonly permissions: readonly string[];
  readonly scopes: readonly string[] | null;
};

/** If-Match is the role's. Rejections: `role-built-in`, `unknown-scope`, `validation-failed`, `revision-mismatch`. */
const defineRole: Command<DefineRoleInput, { readonly name: string }> = {
  name: 'DefineRole',
  several: false,
  run: async (input, run) => {
    const step = await run.step(
      roles,
      rolesStream,
      async (state) => {
        const { catalog } = (await run.load(settings, policyStream)).state;
        return roles.decide({ type: 'DefineRole', ...input, catalog }, state);
      },
      // Whoever changes what they have seen is not to bring back a role that was removed meanwhile: no revision is theirs.
      { revisionOf: (state) => roleOf(input.name, state)?.revision ?? -1 },
    );
    return isRejection(step) ? step : { result: { name: input.name } };
  },
};

/** `inUseBy`: how many users a list knows to hold it. Rejections: `role-built-in`, `role-in-use` {users}. */
const removeRole: Command<{ readonly name: string; readonly inUseBy: number }, { readonly name: string }> = {
  name: 'RemoveRole',
  several: false,
  run: async ({ name, inUseBy }, run) => {
    const step = await run.step(roles, rolesStream, (state) =>
      roles.decide({ type: 'RemoveRole', name, inUseBy }, state),
    );
    return isRejection(step) ? step : { result: { name } };
  },
};

export const settingsCommands = { changeKeyPolicy, changeScopeCatalog, defineRole, removeRole };
export type SettingsCommands = typeof settingsCommands;
