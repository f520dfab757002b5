import type { Execute } from '../../../commands/command.ts';
import type { EventCodec } from '../../../commands/handling/eventCodec.ts';
import type { AuditCommands } from '../../../commands/installation/audit.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import type { Instant } from '../../../domain/instant.ts';
import type { ProvenIndex } from '../../../projections/provenIndex.ts';
import type { Labelled } from '../../eventLines.ts';
import type { AsOf, ListingContext } from '../../listing.ts';
import { Refusal } from '../../refusal.ts';
import type { OwnKeysContext } from '../apiKeys.ts';

/** What auditors' calls take. None of them is an event, but exports: looking is not doing. */
export type AuditContext = ListingContext &
  Pick<OwnKeysContext, 'now' | 'lastUse'> & {
    readonly store: Pick<EventStore, 'readStream'>;
    readonly codec: Pick<EventCodec, 'openAll'>;
    readonly labelled: Labelled;
    readonly reader: Pick<ProvenIndex, 'proven'>;
    readonly asOf: () => AsOf;
    readonly execute: Execute;
    readonly commands: AuditCommands;
  };

export const auditTag = 'Audit';

/**
 * The time that a state is asked for: of the past, or now.
 * @throws Refusal validation-failed for one in the future, of which the log says nothing
 */
export const momentOf = ({ now }: Pick<AuditContext, 'now'>, at: Instant | undefined): Instant => {
  const present = now();
  if (at === undefined || at <= present) return at ?? present;
  throw new Refusal('validation-failed', {
    errors: [{ in: 'query', pointer: 'at', detail: 'In the future: what will be is not in the log' }],
  });
};

export const json = { 'Content-Type': 'application/json; charset=utf-8' };
