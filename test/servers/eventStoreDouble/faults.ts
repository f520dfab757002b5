/** What a server does with one append. */
export type AppendFault =
  /** Nothing special. */
  | 'none'
  /** Every connection is cut, and nothing was written. */
  | 'cut-before'
  /** It takes effect, and every connection is cut in place of an answer. */
  | 'cut-after'
  /** It takes effect, and no answer ever comes. */
  | 'mute';

/** What a test makes a server do. All of it may be changed at any moment. */
export type Faults = {
  /** Asked for every append. */
  append: (stream: string) => AppendFault;
  /** Awaited before a call of a kind takes effect. */
  gate: (call: 'append' | 'read' | 'subscribe') => Promise<void> | null;
  /** Refuses every call, like a server that does not know its role yet. */
  starting: boolean;
  /** Answers appends without a position. */
  withoutPositions: boolean;
  /** Nothing stands in the log from any position on, as where it was put back to an older state. */
  shortened: boolean;
  /** Sends on to this address whoever asks for the leader. */
  leader: { readonly address: string; readonly port: number } | null;
  /** `user:password` that calls must come with; null: nobody is asked. */
  credentials: string | null;
};

export const noFaults = (): Faults => ({
  append: () => 'none',
  gate: () => null,
  starting: false,
  withoutPositions: false,
  shortened: false,
  leader: null,
  credentials: null,
});
