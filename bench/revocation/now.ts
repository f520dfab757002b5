/** Milliseconds by a clock that all processes of a machine share (on Linux, macOS and Windows it counts from its start). */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
