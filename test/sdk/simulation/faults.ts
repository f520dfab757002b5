/** Everything that goes wrong in a simulation. Each is counted where it has an effect, not where it is tried. */
export const faultNames = [
  'message or answer lost',
  'sent twice',
  'late',
  'out of order',
  'spoilt',
  'forged message',
  'forged heartbeat',
  'said again',
  'said again of another log',
  'heartbeats stuck',
  'answer overtaken by a message',
  'answer older than what was heard',
  'cut off',
  'stalled',
  'bus away',
  'connections to the feed ended',
  'feed lags',
  'process stopped',
  'process killed',
  'server killed and started again',
  'restored from an older copy',
  'another log followed',
  'service stood still',
  "server's clock an hour off",
  'own clock an hour off',
] as const;

export type FaultName = (typeof faultNames)[number];

export type Faults = { [name in FaultName]: number };

export const noFaults = (): Faults => Object.fromEntries(faultNames.map((name) => [name, 0])) as Faults;
