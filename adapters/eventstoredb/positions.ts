import type { Position } from '../../commands/ports/eventStore.ts';

/** Where a record lies in EventStoreDB's transaction file. */
export type LogPosition = { readonly commit: bigint; readonly prepare: bigint };

const positions = /^[0-9a-f]{32}$/;

/** The server counts in signed 64 bits; what lies beyond stands for "none". */
const last = 2n ** 63n - 1n;

export const isLogPosition = (position: LogPosition | undefined): position is LogPosition =>
  position !== undefined && position.commit >= 0n && position.commit <= last && position.prepare <= last;

/** Commit and prepare position, 16 hex digits each: of one width, and in the order of the log. */
export const positionOf = ({ commit, prepare }: LogPosition): Position => hex(commit) + hex(prepare);

/** @returns null for what no position of this store is */
export const logPositionOf = (position: Position): LogPosition | null => {
  if (!positions.test(position)) return null;
  const found = { commit: BigInt(`0x${position.slice(0, 16)}`), prepare: BigInt(`0x${position.slice(16)}`) };
  return isLogPosition(found) ? found : null;
};

const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
