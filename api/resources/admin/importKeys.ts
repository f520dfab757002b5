import { z } from 'zod';
import type { Execute } from '../../../commands/command.ts';
import type { ApiKeyCommands } from '../../../commands/keys/apiKeys.ts';
import type { ImportItem } from '../../../commands/keys/importKeys.ts';
import { fromHex } from '../../../commands/sealing/encoding.ts';
import type { Load } from '../../../commands/signIn/signIn.ts';
import type { EmailAddresses } from '../../../commands/users/emailAddresses.ts';
import { isRejection } from '../../../domain/decider.ts';
import { emailClaim, emailClaimStream } from '../../../domain/emailClaim.ts';
import type { UserId } from '../../../domain/ids.ts';
import type { RejectionCode } from '../../../domain/rejectionCodes.ts';
import { type Roles, roles, rolesStream } from '../../../domain/roles.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import type { VerificationIndex } from '../../../projections/verificationIndex.ts';
import { lacking, rightsOfUser } from '../../holding.ts';
import type { Machine, Person } from '../../principal.ts';
import { Refusal } from '../../refusal.ts';
import { type Route, route } from '../../route.ts';
import { id, nameText, scope, time } from '../../schemas/common.ts';

export type ImportKeysContext = {
  readonly execute: Execute;
  readonly commands: Pick<ApiKeyCommands, 'importKeys'>;
  readonly load: Load;
  readonly addresses: Pick<EmailAddresses, 'signInAddress'>;
  readonly reader: Pick<ProvenIndex, 'proven'>;
  readonly sha256Hex: (text: string) => string;
};

const itemOf = (sha256Hex: (text: string) => string) =>
  z
    .strictObject({
      ownerEmail: z.string().min(1).max(1000),
      sha256: z
        .string()
        .regex(/^[0-9a-fA-F]{64}$/, 'Give the SHA-256 of the whole key, 64 hex digits')
        .transform((hex) => hex.toLowerCase()),
      mask: nameText(64).min(1).meta({ description: 'What people see of the key; never the key itself.' }),
      name: nameText(200).nullable(),
      createdAt: time.nullish(),
      expiresAt: time.nullish(),
      scopes: z.array(scope).max(500).nullish(),
    })
    .refine(({ sha256 }) => !blanks.some((blank) => sha256Hex(blank) === sha256), {
      path: ['sha256'],
      message: 'Is the hash of nothing',
    })
    .refine(({ mask, sha256 }) => !partsOf(mask).some((part) => sha256Hex(part) === sha256), {
      path: ['mask'],
      message: 'Is the key itself',
    });

/** What a row without a key is hashed as, by one tool or another: imported, it would let in whoever sends no key. */
const blanks = ['', ' ', '\n', '\r\n'];

/** A text, and every word in it: blanks or quotes around a key leave it a key. */
const partsOf = (text: string): readonly string[] =>
  [text, text.trim(), ...text.split(/[^\w.~+/=-]+/)].filter((part) => part !== '');

type Item = z.infer<ReturnType<typeof itemOf>>;

const result = z.object({
  status: z.enum(['imported', 'refused']),
  id: id.nullable(),
  code: z.string().nullable().meta({ description: 'Why it was refused; no other item is.' }),
});

type Owner = { readonly userId: UserId } | { readonly refused: RejectionCode };

/** Whose an address is, and whether this caller may give them a key: it is as good as signing in as them elsewhere. */
const ownerOf = async (
  { load, addresses }: ImportKeysContext,
  caller: Person | Machine,
  granted: Roles,
  ownerEmail: string,
): Promise<Owner> => {
  const address = addresses.signInAddress(ownerEmail);
  const claimed = address && (await load(emailClaim, emailClaimStream(address.claim))).state;
  const found = claimed && (await load(user, userStream(claimed.userId))).state;
  if (!found || found.claim !== address?.claim) return { refused: 'not-found' };
  const { permissions, scopes } = lacking(caller, rightsOfUser(found, granted));
  return permissions.length + scopes.length > 0 ? { refused: 'forbidden' } : { userId: found.userId };
};

const ownersOf = async (context: ImportKeysContext, caller: Person | Machine, items: readonly Item[]) => {
  const granted = (await context.load(roles, rolesStream)).state;
  const owners = new Map<string, Owner>();
  for (const { ownerEmail } of items)
    if (!owners.has(ownerEmail)) owners.set(ownerEmail, await ownerOf(context, caller, granted, ownerEmail));
  return owners;
};

/**
 * A text belongs to the first key that had it, for ever, whoever the key was of and whatever became of it. One of a service's
 * token is no person's.
 */
const isKnown = (index: VerificationIndex, sha256: string): boolean => {
  const hash = fromHex(sha256);
  return index.identify({ hash, wellFormed: () => false }, 0).keyId !== null || index.token(hash, 0) !== null;
};

const toImport = (
  items: readonly Item[],
  owners: ReadonlyMap<string, Owner>,
  index: VerificationIndex,
): readonly ImportItem[] => {
  const seen = new Set<string>();
  return items.map(({ ownerEmail, ...item }) => {
    const owner = owners.get(ownerEmail)!;
    if ('refused' in owner) return owner;
    if (seen.has(item.sha256) || isKnown(index, item.sha256)) return { refused: 'conflict' };
    seen.add(item.sha256);
    return { ownerId: owner.userId, ...item };
  });
};

export const importKeysRoutes = (context: ImportKeysContext): readonly Route[] => [
  route({
    method: 'POST',
    path: '/v1/admin/api-keys/import',
    summary: 'Take over keys of another system, by the hash of their text: they go on working as they are',
    tag: 'Administration of keys',
    access: ['keys:import'],
    body: z.strictObject({
      items: z
        .array(itemOf((text) => context.sha256Hex(text)))
        .min(1)
        .max(1000),
    }),
    bodyLimit: 4_194_304,
    answers: { 200: z.object({ results: z.array(result).meta({ description: 'One for each item, in order.' }) }) },
    command: {
      command: 'ImportKeys',
      stream: 'keyring-<userId>',
      events: ['ApiKeyImported'],
      message: 'none',
      rejections: [],
    },
    handle: async ({ caller, body, command }) => {
      const owners = await ownersOf(context, caller, body.items);
      const index = context.reader.proven();
      if (index === null) throw new Refusal('unavailable');
      const items = toImport(body.items, owners, index);
      const outcome = await context.execute(context.commands.importKeys, { items }, command());
      if (isRejection(outcome)) return outcome;
      const { results } = outcome.result;
      return { status: 200, body: { results }, position: outcome.position, replayed: outcome.replayed };
    },
  }),
];
