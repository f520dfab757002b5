import type { KeyPolicy, ScopeCatalog } from '../../domain/keyPolicy.ts';
import type {
  CreateApiKey,
  EditKey,
  ImportKey,
  KeyringCommand,
  RevokeKey,
  RotateKey,
} from '../../domain/keyringDecisions.ts';

// All keys of one user, told once more and as simply as can be: one list, walked for every question, changed in place.
// It says everything that speaks against a command; which of several reasons is answered is not its business.

export type ModelKey = {
  id: string;
  epoch: number;
  name: string | null;
  description: string | null;
  scopes: readonly string[] | null;
  made: number;
  end: number | null;
  endRecorded: boolean;
  graceEnd: number | null;
  revoked: string | null;
  copyable: boolean;
  replaces: string | null;
  replacedBy: string | null;
};

export type Model = { keys: ModelKey[]; epoch: number; closed: number };

export const emptyModel = (): Model => ({ keys: [], epoch: 0, closed: -1 });

/** Carries out the command where nothing speaks against it. @returns the reasons against it */
export const attempt = (model: Model, command: KeyringCommand): ReadonlySet<string> => {
  const no = new Set<string>();
  switch (command.type) {
    case 'CreateApiKey':
      attemptCreate(model, command, no);
      break;
    case 'ImportKey':
      attemptImport(model, command, no);
      break;
    case 'EditKey':
      attemptEdit(model, command, no);
      break;
    case 'RotateKey':
      attemptRotate(model, command, no);
      break;
    case 'RevokeKey':
      attemptRevoke(model, command, no);
      break;
    case 'ExpireKeys':
      for (const key of model.keys) {
        const ended = key.revoked !== null || key.graceEnd !== null || key.epoch !== model.epoch;
        if (!ended && key.end !== null && key.end <= ms(command.at)) key.endRecorded = true;
      }
      break;
    case 'CloseKeyring':
      model.closed = Math.max(model.closed, command.ownerEpoch);
      model.epoch = Math.max(model.epoch, command.ownerEpoch + 1);
      break;
  }
  return no;
};

const dayMs = 24 * 60 * 60 * 1000;
const ms = (at: string) => new Date(at).getTime();
const clean = (text: string | null | undefined) => {
  const trimmed = (text ?? '').normalize('NFC').trim();
  return trimmed === '' ? null : trimmed;
};

const occupying = (model: Model, epoch: number) =>
  model.keys.filter((key) => key.epoch === epoch && key.revoked === null && key.graceEnd === null);

const attemptCreate = (model: Model, command: CreateApiKey, no: Set<string>) => {
  const { policy } = command;
  const name = clean(command.name);
  const there = occupying(model, command.ownerEpoch);
  const full = there.length >= policy.maxKeysPerUser;
  const replacing = full && policy.whenFull === 'replace';
  if (command.ownerEpoch < model.epoch) no.add('stale-owner-epoch');
  if (!policy.enabled) no.add('api-keys-disabled');
  if (policy.requireRole && !command.mayUseApi) no.add('role-not-permitted');
  if (policy.nameRequired && name === null) no.add('name-required');
  if (policy.uniqueNames && !replacing && name !== null && there.some((key) => key.name === name)) {
    no.add('api-key-name-taken');
  }
  if (full && !replacing) no.add('api-key-limit-reached');
  againstEnd(policy, command.expiresAt, ms(command.at), ms(command.at), no);
  againstScopes(command, command.scopes, no);
  if (no.size > 0) return;
  let replaces: ModelKey | null = null;
  if (replacing) {
    for (const key of there) {
      key.revoked = 'replaced';
      if (replaces === null || key.made >= replaces.made) replaces = key;
    }
  }
  if (replaces) replaces.replacedBy = command.keyId;
  model.epoch = command.ownerEpoch;
  model.keys.push({
    ...blank(command.keyId, command.ownerEpoch, ms(command.at)),
    name,
    description: clean(command.description),
    scopes: policy.scoped ? withLower(command.scopes ?? [], command.catalog) : null,
    end: command.expiresAt ? ms(command.expiresAt) : null,
    copyable: policy.secret === 'recoverable',
    replaces: replaces === null ? null : replaces.id,
  });
};

const attemptImport = (model: Model, command: ImportKey, no: Set<string>) => {
  const { policy } = command;
  const name = clean(command.name);
  const there = occupying(model, command.ownerEpoch);
  const made = Math.min(command.createdAt ? ms(command.createdAt) : Number.POSITIVE_INFINITY, ms(command.at));
  if (command.ownerEpoch < model.epoch) no.add('stale-owner-epoch');
  if (policy.nameRequired && name === null) no.add('name-required');
  if (policy.uniqueNames && name !== null && there.some((key) => key.name === name)) no.add('api-key-name-taken');
  if (there.length >= policy.maxKeysPerUser) no.add('api-key-limit-reached');
  againstEnd(policy, command.expiresAt, ms(command.at), made, no);
  againstScopes(command, command.scopes, no);
  if (no.size > 0) return;
  model.epoch = command.ownerEpoch;
  model.keys.push({
    ...blank(command.keyId, command.ownerEpoch, made),
    name,
    scopes: policy.scoped ? withLower(command.scopes ?? [], command.catalog) : null,
    end: command.expiresAt ? ms(command.expiresAt) : null,
  });
};

const attemptEdit = (model: Model, command: EditKey, no: Set<string>) => {
  const { policy } = command;
  const at = ms(command.at);
  if (command.ownerEpoch < model.epoch) no.add('stale-owner-epoch');
  if (!policy.enabled) no.add('api-keys-disabled');
  const key = model.keys.find(({ id }) => id === command.keyId);
  if (!key) {
    no.add('not-found');
    return;
  }
  const over = key.revoked !== null || key.graceEnd !== null || key.epoch !== command.ownerEpoch;
  if (over || key.endRecorded || (key.end !== null && key.end <= at)) no.add('already-ended');

  const name = command.name === undefined ? key.name : clean(command.name);
  if (name !== key.name) {
    if (!policy.nameEditable) no.add('name-not-editable');
    if (policy.nameRequired && name === null) no.add('name-required');
    const others = occupying(model, command.ownerEpoch).filter((other) => other !== key);
    if (policy.uniqueNames && name !== null && others.some((other) => other.name === name))
      no.add('api-key-name-taken');
  }

  let scopes = key.scopes;
  if (command.scopes !== undefined && !sameSet(command.scopes, key.scopes)) {
    againstScopes(command, command.scopes, no);
    scopes = policy.scoped ? withLower(command.scopes ?? [], command.catalog) : null;
  }

  let end = key.end;
  if (command.expiresAt !== undefined) {
    end = command.expiresAt === null ? null : ms(command.expiresAt);
    const forever = Number.POSITIVE_INFINITY;
    const before = key.end ?? forever;
    const after = end ?? forever;
    if (after !== before) {
      if (policy.expiryEditable === 'no') no.add('expiry-not-editable');
      if (policy.expiryEditable === 'shorten' && after > before) no.add('expiry-not-editable');
      if (policy.expiry === 'none' && end !== null) no.add('expiry-not-allowed');
      if (policy.expiry === 'required' && end === null) no.add('expiry-required');
      if (after <= at) no.add('expiry-in-past');
      const extended = end !== null && after > before;
      if (extended && policy.maxLifetimeDays !== null && after > key.made + policy.maxLifetimeDays * dayMs) {
        no.add('expiry-beyond-policy');
      }
    }
  }
  if (no.size > 0) return;
  key.name = name;
  if (command.description !== undefined) key.description = clean(command.description);
  key.scopes = scopes;
  key.end = end;
};

const attemptRotate = (model: Model, command: RotateKey, no: Set<string>) => {
  const { policy } = command;
  const at = ms(command.at);
  if (command.ownerEpoch < model.epoch) no.add('stale-owner-epoch');
  if (!policy.enabled) no.add('api-keys-disabled');
  if (policy.requireRole && !command.mayUseApi) no.add('role-not-permitted');
  if (!policy.rotation) no.add('rotation-not-allowed');
  if (command.graceSeconds > policy.maxGraceSeconds) no.add('grace-not-allowed');
  const key = model.keys.find(({ id }) => id === command.keyId);
  if (!key) {
    no.add('not-found');
    return;
  }
  if (key.revoked !== null || key.graceEnd !== null || key.epoch !== command.ownerEpoch) no.add('already-ended');
  if (policy.nameRequired && key.name === null) no.add('name-required');
  const others = occupying(model, command.ownerEpoch).filter((other) => other !== key);
  if (policy.uniqueNames && key.name !== null && others.some((other) => other.name === key.name)) {
    no.add('api-key-name-taken');
  }
  let scopes: readonly string[] | null = null;
  if (policy.scoped || key.scopes !== null) {
    scopes = (key.scopes ?? allOf(command.catalog))
      .filter((scope) => allOf(command.catalog).includes(scope) && roleHas(command.ownerScopes, scope))
      .toSorted();
    if (policy.scoped && scopes.length === 0) no.add('scopes-required');
  }
  let end: number | null;
  if (command.expiresAt !== undefined) {
    againstEnd(policy, command.expiresAt, at, at, no);
    end = command.expiresAt === null ? null : ms(command.expiresAt);
  } else if (policy.expiry === 'none' || (key.end === null && policy.expiry === 'optional')) {
    end = null;
  } else {
    const asLong = key.end === null ? Number.POSITIVE_INFINITY : at + (key.end - key.made);
    end = policy.maxLifetimeDays === null ? asLong : Math.min(asLong, at + policy.maxLifetimeDays * dayMs);
  }
  if (no.size > 0) return;
  key.graceEnd = Math.min(at + command.graceSeconds * 1000, key.end ?? Number.POSITIVE_INFINITY);
  key.replacedBy = command.newKeyId;
  model.keys.push({
    ...blank(command.newKeyId, command.ownerEpoch, at),
    name: key.name,
    description: key.description,
    scopes,
    end,
    copyable: policy.secret === 'recoverable',
    replaces: key.id,
  });
};

const attemptRevoke = (model: Model, command: RevokeKey, no: Set<string>) => {
  if (command.ownerEpoch < model.epoch) no.add('stale-owner-epoch');
  const key = model.keys.find(({ id }) => id === command.keyId);
  if (!key) no.add('not-found');
  if (!key || no.size > 0) return;
  const graceOver = key.graceEnd !== null && key.graceEnd <= ms(command.at);
  if (key.revoked === null && !graceOver && key.epoch === command.ownerEpoch) key.revoked = command.reason;
};

const blank = (id: string, epoch: number, made: number): ModelKey => ({
  id,
  epoch,
  name: null,
  description: null,
  scopes: null,
  made,
  end: null,
  endRecorded: false,
  graceEnd: null,
  revoked: null,
  copyable: false,
  replaces: null,
  replacedBy: null,
});

const againstEnd = (
  policy: KeyPolicy,
  asked: string | null | undefined,
  at: number,
  made: number,
  no: Set<string>,
): void => {
  if (asked === null || asked === undefined) {
    if (policy.expiry === 'required') no.add('expiry-required');
    return;
  }
  if (policy.expiry === 'none') no.add('expiry-not-allowed');
  if (ms(asked) <= at) no.add('expiry-in-past');
  if (policy.maxLifetimeDays !== null && ms(asked) > made + policy.maxLifetimeDays * dayMs) {
    no.add('expiry-beyond-policy');
  }
};

type Scoping = { policy: KeyPolicy; catalog: ScopeCatalog; ownerScopes: readonly string[] };

const againstScopes = (
  { policy, catalog, ownerScopes }: Scoping,
  asked: readonly string[] | null | undefined,
  no: Set<string>,
): void => {
  if (!policy.scoped) {
    if (asked !== null && asked !== undefined) no.add('scopes-not-allowed');
    return;
  }
  if (asked === null || asked === undefined || asked.length === 0) {
    no.add('scopes-required');
    return;
  }
  for (const scope of asked) if (!allOf(catalog).includes(scope)) no.add('unknown-scope');
  for (const scope of withLower(asked, catalog)) if (!roleHas(ownerScopes, scope)) no.add('scope-not-held');
};

const allOf = (catalog: ScopeCatalog) =>
  catalog.flatMap(({ application, actions }) => actions.map((action) => `${application}:${action}`));

const withLower = (asked: readonly string[], catalog: ScopeCatalog): readonly string[] => {
  const scopes = new Set<string>();
  for (const { application, actions } of catalog) {
    const ranks = asked.map((scope) => actions.findIndex((action) => scope === `${application}:${action}`));
    const highest = Math.max(-1, ...ranks);
    for (const [rank, action] of actions.entries()) if (rank <= highest) scopes.add(`${application}:${action}`);
  }
  return [...scopes].sort();
};

const roleHas = (patterns: readonly string[], scope: string) =>
  patterns.some((pattern) => {
    const [application, action] = pattern.split(':');
    const [of, doing] = scope.split(':');
    return (application === '*' || application === of) && (action === '*' || action === doing);
  });

const sameSet = (a: readonly string[] | null, b: readonly string[] | null) =>
  a === null || b === null ? a === b : [...new Set(a)].sort().join() === [...new Set(b)].sort().join();
