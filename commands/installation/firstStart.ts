import { isRejection } from '../../domain/decider.ts';
import { installation, installationStream } from '../../domain/installation.ts';
import { policyStream } from '../../domain/keyPolicy.ts';
import { presets } from '../../domain/presets.ts';
import { settings } from '../../domain/settings.ts';
import type { Command, Execute, Request } from '../command.ts';
import type { Cryptography, Randomness } from '../environment.ts';
import { sealedUnder } from '../handling/eventCodec.ts';
import { type Mark, readMark } from '../handling/mark.ts';
import { personOfStream } from '../handling/persons.ts';
import type { EventStore, Position } from '../ports/eventStore.ts';
import type { Vault } from '../ports/vault.ts';
import { toBase64, toHex } from '../sealing/encoding.ts';
import { knowsPerson } from '../sealing/personKeys.ts';
import { readPlain, vaultTable } from '../sealing/vaultTable.ts';

// Stored shape of the vault's one row of kind `installation`.
export type InstallationRow = {
  readonly installationId: string;
  readonly epoch: string;
  readonly state: 'creating' | 'ready';
  /** HMACs of a constant: whether master key and pepper are those that this vault was made with. */
  readonly checks: { readonly masterKey: string; readonly pepper: string };
};

const kind = 'installation';
const rowId = 'installation';

export const readInstallationRow = (vault: Pick<Vault, 'get'>): Promise<InstallationRow | null> =>
  readPlain(vault, kind, rowId);

/** Stores that are not of one installation, or not of one time. Nothing was written. */
export class WrongStores extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WrongStores';
  }
}

type Looked = {
  readonly store: Pick<EventStore, 'readStream' | 'readAll' | 'readAt'>;
  readonly vault: Pick<Vault, 'get'>;
  readonly crypto: Cryptography;
  readonly masterKey: Uint8Array;
  readonly pepper: Uint8Array;
  /** What an operator calls the two. */
  readonly names: { readonly log: string; readonly vault: string };
};

type Deps = Looked & { readonly store: EventStore; readonly vault: Vault; readonly randomness: Randomness };

const checksOf = ({ crypto, masterKey, pepper }: Looked): InstallationRow['checks'] => ({
  masterKey: toBase64(crypto.hmacSha256(masterKey, 'keyledger check')),
  pepper: toBase64(crypto.hmacSha256(pepper, 'keyledger check')),
});

const uuid4 = (bytes: Uint8Array): string => {
  const hex = toHex(bytes);
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

const pageSize = 1000;

/**
 * Whether the log speaks of somebody living whose key the vault never had. A person's key is in the vault before their
 * first event is in the log, and the mark rises only afterwards: who stands before the mark is known, and an older vault
 * has an older mark. So it is what comes after the mark that is read: a second's worth, or what the vault has missed.
 */
const lacksKeys = async (stores: Pick<Looked, 'store' | 'vault'>, mark: Mark | null): Promise<boolean> => {
  for await (const _person of personsWithoutKey(stores, mark?.position ?? null)) return true;
  return false;
};

/** Whom the log speaks of after a position, who are not erased, and whose key the vault never had. */
export async function* personsWithoutKey(
  { store, vault }: Pick<Looked, 'store' | 'vault'>,
  from: Position | null,
): AsyncGenerator<string> {
  const persons = new Set<string>();
  for (let after = from; ; ) {
    const { events, position, end } = await store.readAll(after, pageSize);
    for (const event of events) {
      for (const person of sealedUnder(event)) persons.add(person);
      const gone = event.type === 'UserErased' ? personOfStream(event.stream) : null;
      if (gone !== null) persons.delete(gone);
    }
    if (end) break;
    after = position;
  }
  for (const person of persons) if (!(await knowsPerson(vault, person))) yield person;
}

/**
 * Read only: are log and vault of one installation, with the keys that it was made with?
 * @throws WrongStores, one line naming both
 */
export const requireSameInstallation = async (deps: Looked): Promise<InstallationRow | null> => {
  const { store, vault, names } = deps;
  const hasEvents = async () => (await store.readAll(null, 1)).events.length > 0;
  const readCreated = async () => (await store.readStream(installationStream, 0, 1)).events[0];
  let row = await readInstallationRow(vault);
  if (row === null) {
    if (!(await hasEvents())) return null;
    // Another process may be at its first start: it has put the row before its first event.
    row = await readInstallationRow(vault);
  }
  if (row === null)
    throw new WrongStores(`${names.log} has events and ${names.vault} is empty: restore both from one backup`);
  const checks = checksOf(deps);
  if (row.checks.masterKey !== checks.masterKey)
    throw new WrongStores(`the master key is not the one that ${names.vault} was made with (log: ${names.log})`);
  if (row.checks.pepper !== checks.pepper)
    throw new WrongStores(`the pepper is not the one that ${names.vault} was made with (log: ${names.log})`);
  let created = await readCreated();
  if (created === undefined && row.state === 'creating') {
    if (!(await hasEvents())) return row;
    // Whatever came in between begins with this one.
    created = await readCreated();
  }
  if (created === undefined)
    throw new WrongStores(
      `${names.vault} belongs to an installation whose events ${names.log} does not have: restore both from one backup`,
    );
  if (created.data.installationId !== row.installationId)
    throw new WrongStores(`${names.log} and ${names.vault} are of two installations: restore both from one backup`);
  return row;
};

/** The same, and are they of one time? @throws WrongStores, one line naming both */
export const requireOneInstallation = async (deps: Looked): Promise<InstallationRow | null> => {
  const { store, vault, names } = deps;
  const row = await requireSameInstallation(deps);
  const mark = await readMark(vault);
  if (mark !== null && (await store.readAt(mark.position))?.id !== mark.eventId)
    throw new WrongStores(
      `${names.log} is older than ${names.vault}, or another: the vault knows of an event at ${mark.position} that the log does not have`,
    );
  if (await lacksKeys(deps, mark))
    throw new WrongStores(
      `${names.vault} is older than ${names.log}: it lacks keys of persons whom the log speaks of; restore both from one backup`,
    );
  return row;
};

const createInstallation: Command<{ readonly installationId: string; readonly epoch: string }, null> = {
  name: 'CreateInstallation',
  several: false,
  run: async (input, run) => {
    const step = await run.step(installation, installationStream, (state) =>
      installation.decide({ type: 'CreateInstallation', ...input, minReader: 1 }, state),
    );
    return isRejection(step) ? step : { result: null };
  },
};

/** Nothing where there is one: a process that comes late must not set back what an administrator has changed already. */
const setFirstPolicy: Command<null, null> = {
  name: 'SetFirstPolicy',
  several: false,
  run: async (_, run) => {
    const { preset: _preset, ...values } = presets.qalyptus;
    const change = { preset: 'qalyptus', ...values } as const;
    const step = await run.step(settings, policyStream, (state) =>
      state.policyChanged === null ? settings.decide({ type: 'ChangeKeyPolicy', change }, state) : [],
    );
    return isRejection(step) ? step : { result: null };
  },
};

/**
 * Makes the installation where there is none, or goes on where a crash left it: the vault's row, the log's first event,
 * the first policy, then the row says that it is ready. Each step may be repeated.
 */
export const createWhereMissing = async (
  deps: Deps & { readonly execute: Execute; readonly request: () => Request },
): Promise<InstallationRow> => {
  const rows = vaultTable<InstallationRow>(deps.vault, kind);
  let row = await requireOneInstallation(deps);
  if (row?.state === 'ready') return row;
  if (row === null) {
    const [installationId, epoch] = [uuid4(deps.randomness.bytes(16)), uuid4(deps.randomness.bytes(16))];
    await rows.put(rowId, { installationId, epoch, state: 'creating', checks: checksOf(deps) }, 'absent');
    // Whoever lost against another process takes what that one put.
    row = (await requireOneInstallation(deps))!;
  }
  const { installationId, epoch } = row;
  const created = await deps.execute(createInstallation, { installationId, epoch }, deps.request());
  if (isRejection(created)) {
    // Whoever works with another vault has made theirs in this log meanwhile.
    await requireOneInstallation(deps);
    throw new Error(`the installation cannot be made: ${created.rejected}`);
  }
  const policy = await deps.execute(setFirstPolicy, null, deps.request());
  if (isRejection(policy)) throw new Error(`the first policy cannot be set: ${policy.rejected}`);
  const ready: InstallationRow = { ...row, state: 'ready' };
  await rows.put(rowId, ready, 'any');
  return ready;
};
