import type { Position } from '../../commands/ports/eventStore.ts';

/** The n-th event of a log that one process numbers, from 1: 16 lower-case hex digits. */
export const positionOf = (sequence: number): Position => sequence.toString(16).padStart(16, '0');

/** @returns null for what is no position of such a log */
export const sequenceOf = (position: Position): number | null =>
  // 13 digits are 52 bits: every one of them is exact as a number.
  /^000[0-9a-f]{13}$/.test(position) ? Number.parseInt(position, 16) : null;

/** Where reading goes on: the number of the last event not to be read. @throws TypeError for what is no position of such a log */
export const sequenceAfter = (position: Position | null): number => {
  const sequence = position === null ? 0 : sequenceOf(position);
  if (sequence === null) throw new TypeError('not a position of this log');
  return sequence;
};
