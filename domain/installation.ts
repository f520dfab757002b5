import type { EventTypes } from './event.ts';

export const installationStream = 'installation';

// Stored shapes: add fields and events, never rename or reuse one.
export type InstallationEvent =
  /** `epoch`: id of this log; a receiver that sees another drops everything it knew. `minReader`: oldest release that reads what is written. */
  | { type: 'InstallationCreated'; data: { installationId: string; epoch: string; minReader: number } }
  | { type: 'EpochOpened'; data: { epoch: string; previousEpoch: string } };

export const installationEvents: EventTypes<InstallationEvent> = {
  InstallationCreated: { version: 1, personal: [], person: 'actor', narrows: false },
  EpochOpened: { version: 1, personal: [], person: 'actor', narrows: true },
};
