import { isRejection } from '../../domain/decider.ts';
import { installation, installationStream } from '../../domain/installation.ts';
import type { Command, Execute, Request } from '../command.ts';
import { intentKind } from '../handling/intents.ts';
import { resetMark } from '../handling/mark.ts';
import type { EventStore } from '../ports/eventStore.ts';
import type { Vault } from '../ports/vault.ts';
import type { PersonKeys } from '../sealing/personKeys.ts';
import { sessionKind } from '../signIn/sessions.ts';
import { personsWithoutKey } from './firstStart.ts';

const openEpoch: Command<{ readonly epoch: string }, { readonly epoch: string }> = {
  name: 'OpenEpoch',
  several: false,
  run: async ({ epoch }, run) => {
    const step = await run.step(installation, installationStream, (state) =>
      installation.decide({ type: 'OpenEpoch', epoch }, state),
    );
    return isRejection(step) ? step : { result: { epoch } };
  },
};

const pageSize = 200;

const removeAll = async (vault: Vault, kind: string): Promise<void> => {
  for (;;) {
    const rows = await vault.find(kind, {}, { after: null, limit: pageSize });
    for (const { id } of rows) await vault.remove(kind, id);
    if (rows.length < pageSize) return;
  }
};

/**
 * Goes on with a log and a vault of different times. What the vault remembers of a log that is no more (sessions, commands
 * begun or answered) is dropped; of persons whose key it does not have, everything personal counts as erased; then the log
 * gets a new epoch, so that whoever followed it forgets everything and asks again. Each step may be repeated after a crash:
 * until the last one the start refuses the two as before.
 * @param epoch a new UUID
 * @returns how many persons' keys are lost
 */
export const acceptRestored = async (
  deps: {
    readonly store: EventStore;
    readonly vault: Vault;
    readonly keys: Pick<PersonKeys, 'destroy'>;
    readonly execute: Execute;
    readonly request: () => Request;
  },
  epoch: string,
): Promise<number> => {
  const { store, vault, keys, execute, request } = deps;
  for (const kind of [sessionKind, intentKind]) await removeAll(vault, kind);
  let lost = 0;
  for await (const person of personsWithoutKey({ store, vault }, null)) {
    await keys.destroy(person, request().at);
    lost += 1;
  }
  const opened = await execute(openEpoch, { epoch }, request());
  if (isRejection(opened) || opened.position === null) throw new Error('the log has no epoch that could end');
  const event = await store.readAt(opened.position);
  if (event === null) throw new Error('the event that was just appended is not in the log');
  await resetMark(vault, { position: event.position, eventId: event.id });
  return lost;
};
