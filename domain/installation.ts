import { type Decider, reject } from './decider.ts';
import type { EventTypes } from './event.ts';
import { unknownEvent } from './unknownEvent.ts';

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

/** Null before the first start. */
export type Installation = {
  readonly installationId: string;
  readonly epoch: string;
  readonly minReader: number;
} | null;

export type InstallationCommand =
  | {
      readonly type: 'CreateInstallation';
      readonly installationId: string;
      readonly epoch: string;
      readonly minReader: number;
    }
  /** After a restore: who followed the log as it was before starts anew. */
  | { readonly type: 'OpenEpoch'; readonly epoch: string };

/** Which log this is. Rejections: `conflict` (it is another installation's), `not-found` (no log yet). */
export const installation: Decider<Installation, InstallationCommand, InstallationEvent> = {
  name: 'installation',
  foldVersion: 1,
  initialState: () => null,
  decide: (command, now) => {
    if (command.type === 'OpenEpoch') {
      const { epoch } = command;
      if (now === null) return reject('not-found');
      return epoch === now.epoch ? [] : [{ type: 'EpochOpened', data: { epoch, previousEpoch: now.epoch } }];
    }
    const { installationId, epoch, minReader } = command;
    if (now === null) return [{ type: 'InstallationCreated', data: { installationId, epoch, minReader } }];
    return now.installationId === installationId ? [] : reject('conflict');
  },
  evolve: (now, event) => {
    switch (event.type) {
      case 'InstallationCreated':
        return { ...event.data };
      case 'EpochOpened':
        if (now === null) throw new Error('an epoch was opened in a log that no installation made');
        return { ...now, epoch: event.data.epoch };
      default:
        throw unknownEvent(event);
    }
  },
};
