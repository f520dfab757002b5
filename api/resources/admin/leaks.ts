import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { EndKeysCommands, LeakedKey } from '../../../commands/keys/endKeys.ts';
import { isRejection } from '../../../domain/decider.ts';
import { classify, maskOf } from '../../../domain/keyText.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import type { VerificationIndex } from '../../../projections/verificationIndex.ts';
import { Refusal } from '../../refusal.ts';
import { type Route, route } from '../../route.ts';
import { freeText } from '../../schemas/common.ts';

export type LeaksContext = {
  readonly execute: Execute;
  readonly commands: Pick<EndKeysCommands, 'reportLeak'>;
  readonly reader: Pick<ProvenIndex, 'proven'>;
  readonly sha256: (text: string) => Uint8Array;
};

const body = z.strictObject({
  keys: z
    .array(z.string().trim().min(1).max(256))
    .min(1)
    .max(1000)
    .meta({ description: 'Whole texts, as they were found.' }),
  source: freeText(1000).trim().min(1).meta({ description: 'Where they were found; their owners are told.' }),
});

const result = z.object({
  mask: z
    .string()
    .meta({ description: 'Of the text, as far as it can be shown; of a key of ours, as its owner knows it.' }),
  status: z.enum(['revoked', 'unknown', 'already-ended']),
});

const keyOf = (index: VerificationIndex, hash: Uint8Array): LeakedKey | null => {
  const { keyId, ownerId } = index.identify({ hash, wellFormed: () => false }, 0);
  return keyId === null || ownerId === null ? null : { keyId, ownerId };
};

/** What is no key of ours may be anything, a password as well: of what has not even the form nothing is repeated. */
const maskOfUnknown = (text: string): string => (classify(text) === 'malformed' ? '…' : maskOf(text));

/** What was found in the wild ends. */
export const leakRoutes = ({ execute, commands, reader, sha256 }: LeaksContext): readonly Route[] => [
  route({
    method: 'POST',
    path: '/v1/admin/leaks',
    summary: 'Keys that were found where others can read them: each is revoked at once, and its owner told',
    tag: 'Administration of keys',
    access: ['keys:revoke', 'leaks:report'],
    body,
    bodyLimit: 524_288,
    answers: { 200: z.object({ results: z.array(result).meta({ description: 'One for each text, in order.' }) }) },
    command: {
      command: 'ReportLeak',
      stream: 'keyring-<userId>, audit',
      events: ['ApiKeyRevoked', 'LeakReported'],
      message: 'key',
      rejections: [],
    },
    handle: async ({ body: { keys, source }, command }) => {
      const index = reader.proven();
      if (index === null) throw new Refusal('unavailable');
      // From here on nobody but the caller knows the texts.
      const found = keys.map((text) => keyOf(index, sha256(text)));
      const outcome = await execute(commands.reportLeak, { found, source }, command());
      if (isRejection(outcome)) return outcome;
      const { position, replayed } = outcome;
      const results = outcome.result.results.map(({ mask, status }, n) => ({
        mask: mask ?? maskOfUnknown(keys[n]!),
        status,
      }));
      return { status: 200, body: { results }, position, replayed };
    },
  }),
];
