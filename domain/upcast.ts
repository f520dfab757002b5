import type { EventType } from './event.ts';
import type { Json } from './json.ts';

type Data = { readonly [field: string]: Json | undefined };

/** What an upcaster needs of the declarations: the catalogue of all events, or a part of it. */
export type UpcastTable = { readonly [type: string]: Pick<EventType<Data>, 'version' | 'upcast'> };

/** An event that this release cannot read: of an unknown type, or a version from a newer release. Never skipped over. */
export class UnreadableEvent extends Error {
  readonly type: string;
  readonly version: number;
  constructor(type: string, version: number, why: string) {
    super(`${type} version ${version}: ${why}`);
    this.name = 'UnreadableEvent';
    this.type = type;
    this.version = version;
  }
}

/**
 * The data of an event as its newest version has it, every step from the stored version on applied in order. Data is
 * opened before: an upcaster sees personal fields, null where their person's key is destroyed.
 * @throws UnreadableEvent
 */
export const upcast = (types: UpcastTable, type: string, version: number, data: Data): Data => {
  const declared = Object.hasOwn(types, type) ? types[type] : undefined;
  if (declared === undefined) throw new UnreadableEvent(type, version, 'an unknown type');
  const steps = declared.upcast ?? [];
  if (!Number.isInteger(version) || version < 1 || version > declared.version)
    throw new UnreadableEvent(type, version, `only versions 1 to ${declared.version} are known`);
  return steps.slice(version - 1).reduce((older, step) => step(older), data);
};

/** What is wrong with the declarations themselves: every version but the newest needs exactly one step to the next. */
export const upcastErrors = (types: UpcastTable): readonly string[] =>
  Object.entries(types)
    .filter(([, { version, upcast: steps }]) => (steps?.length ?? 0) !== version - 1)
    .map(([type, { version, upcast: steps }]) => `${type}: ${steps?.length ?? 0} steps to version ${version}`);
