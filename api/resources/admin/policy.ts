import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import type { Scheduler } from '../../../commands/environment.ts';
import type { SettingsCommands } from '../../../commands/installation/settings.ts';
import { type Fold, isRejection } from '../../../domain/decider.ts';
import { type Instant, millis } from '../../../domain/instant.ts';
import { policyStream } from '../../../domain/keyPolicy.ts';
import { appliedPolicy } from '../../../domain/presets.ts';
import { settings } from '../../../domain/settings.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import { Refusal } from '../../refusal.ts';
import { type Answer, type Route, route } from '../../route.ts';
import { id, instant } from '../../schemas/common.ts';
import { policyFields } from '../../schemas/policy.ts';

export type PolicyContext = {
  readonly execute: Execute;
  readonly commands: Pick<SettingsCommands, 'changeKeyPolicy'>;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly reader: Pick<ProvenIndex, 'proven'>;
  readonly now: () => Instant;
  readonly scheduler: Scheduler;
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
const policyChange = z
  .strictObject({ ...policyFields, ...history })
  .partial()
  .transform(({ customized: _c, revision: _r, changedAt: _a, changedBy: _b, ...fields }) => fields);

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
      const outcome = await context.execute(context.commands.changeKeyPolicy, { change: body }, command());
      if (isRejection(outcome)) return outcome;
      return answerPolicy(context, { position: outcome.position, replayed: outcome.replayed });
    },
  });

const sampleSize = 20;

const impact = z
  .object({
    keysAffected: z.int().meta({ description: 'Keys that work now and would be refused under the policy.' }),
    usersAffected: z.int().meta({ description: 'Users whose keys these are.' }),
    sample: z.array(z.object({ id, ownerId: id, unusableBecause: z.string() })).meta({
      description: `The first ${sampleSize} of these keys, oldest first, and what they would be refused with.`,
    }),
  })
  .meta({ id: 'PolicyImpact' });

const preview = (context: PolicyContext) =>
  route({
    method: 'POST',
    path: '/v1/admin/policy/preview',
    summary: 'Which keys a policy would stop: only enabled and requireRole apply to keys that are there',
    tag,
    access: ['policy:read', 'policy:write'],
    body: policyChange,
    answers: { 200: impact },
    unlogged: 'Answers a question and changes nothing',
    notIdempotent: true,
    refuses: ['validation-failed', 'policy-inconsistent', 'unavailable'],
    handle: async ({ body }) => {
      const { state } = await context.load(settings, policyStream);
      const decision = settings.decide({ type: 'ChangeKeyPolicy', change: body }, state);
      if (isRejection(decision)) return decision;
      const index = context.reader.proven();
      if (index === null) throw new Refusal('unavailable');
      const proposed = appliedPolicy(state.policy, body);
      const walk = index.impactOf(proposed, millis(context.now()), sampleSize);
      let step = walk.next();
      for (; !step.done; step = walk.next()) await context.scheduler.sleep(0);
      const { sample, ...counts } = step.value;
      const keys = sample.map(({ keyId, ownerId, code }) => ({ id: keyId, ownerId, unusableBecause: code }));
      return { status: 200, body: { ...counts, sample: keys } };
    },
  });

/** The key policy. */
export const policyRoutes = (context: PolicyContext): readonly Route[] => [
  read(context),
  change(context),
  preview(context),
];
