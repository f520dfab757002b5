import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import type { SettingsCommands } from '../../../commands/settings.ts';
import { type Fold, isRejection } from '../../../domain/decider.ts';
import { policyStream } from '../../../domain/keyPolicy.ts';
import { settings } from '../../../domain/settings.ts';
import { type Answer, type Route, route } from '../../route.ts';
import { instant } from '../../schemas/common.ts';
import { policyFields } from '../../schemas/policy.ts';

export type PolicyContext = {
  readonly execute: Execute;
  readonly commands: Pick<SettingsCommands, 'changeKeyPolicy'>;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
};

const tag = 'Administration of settings';

/** What says how the policy came to be what it is; nobody sets it. */
const history = {
  customized: z.boolean().meta({ description: 'It differs from its preset.' }),
  revision: z.int().nullable(),
  changedAt: instant.nullable(),
  changedBy: z.object({ kind: z.string(), id: z.string().nullable() }).nullable(),
};

const policyWithHistory = z.object({ ...policyFields, ...history }).meta({ id: 'KeyPolicyWithHistory' });

// What was answered can be sent back as it is: `history` is read and passed over.
const policyChange = z.strictObject({ ...policyFields, ...history }).partial();

const answerPolicy = async (
  { load }: Pick<PolicyContext, 'load'>,
  answer: Omit<Answer, 'status' | 'body' | 'etag'> = {},
): Promise<Answer> => {
  const { policy, customized, policyChanged } = (await load(settings, policyStream)).state;
  const body = {
    ...policy,
    customized,
    revision: policyChanged?.revision ?? null,
    changedAt: policyChanged?.at ?? null,
    changedBy: policyChanged && { kind: policyChanged.actor.kind, id: policyChanged.actor.id },
  };
  return { ...answer, status: 200, etag: policyChanged?.revision ?? null, body };
};

const read = (context: PolicyContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/policy',
    summary: 'What this installation asks of its keys',
    tag,
    access: ['policy:read'],
    answers: { 200: policyWithHistory },
    handle: () => answerPolicy(context),
  });

const change = (context: PolicyContext) =>
  route({
    method: 'PUT',
    path: '/v1/admin/policy',
    summary: 'Set the policy: a preset with the given fields over it; without a preset, over the policy as it is',
    tag,
    access: ['policy:write'],
    body: policyChange,
    answers: { 200: policyWithHistory },
    command: {
      command: 'ChangeKeyPolicy',
      stream: 'policy',
      events: ['KeyPolicyChanged'],
      message: 'all',
      rejections: ['validation-failed', 'policy-inconsistent', 'revision-mismatch'],
    },
    handle: async ({ body, command }) => {
      const { customized: _c, revision: _r, changedAt: _a, changedBy: _b, ...fields } = body;
      const outcome = await context.execute(context.commands.changeKeyPolicy, { change: fields }, command());
      if (isRejection(outcome)) return outcome;
      return answerPolicy(context, { position: outcome.position, replayed: outcome.replayed });
    },
  });

/** The key policy. */
export const policyRoutes = (context: PolicyContext): readonly Route[] => [read(context), change(context)];
