import { type AuditEvent, audit, auditStream } from '../../domain/audit.ts';
import { isRejection } from '../../domain/decider.ts';
import type { Command } from '../command.ts';

const record = (name: string): Command<AuditEvent, { readonly recorded: true }> => ({
  name,
  several: false,
  run: async (event, run) => {
    const step = await run.step(audit, auditStream, () => audit.decide(event, null));
    return isRejection(step) ? step : { result: { recorded: true } };
  },
});

/**
 * Puts down who looked at what, and what was let pass. Run before the looking: what cannot be put down is not shown.
 * Nothing is refused.
 */
export const auditCommands = {
  recordKeysExport: record('ExportKeys'),
  recordAuditExport: record('ExportAudit'),
  recordIdentification: record('IdentifyKey'),
  recordSkip: record('SkipParkedEvent'),
};

export type AuditCommands = typeof auditCommands;
