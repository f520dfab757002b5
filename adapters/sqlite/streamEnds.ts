/**
 * Where streams end, as far as this process knows. It is the log's only writer, so what it has read to its end, or moved
 * on from there, needs no other look; while an append to a stream is under way nothing is known of it.
 */
export type StreamEnds = {
  /** Whether the stream certainly has no event of this revision or a later one. */
  readonly isBefore: (stream: string, revision: number) => boolean;
  /** It was just read, and has no event after this revision. */
  readonly read: (stream: string, revision: number) => void;
  /**
   * To be called before an append to the stream at an expected revision, -1 for none; what it returns, after, with what
   * the store answered, or null where that stayed open.
   */
  readonly appending: (stream: string, expected: number) => (answer: Answered | null) => void;
};

/** `revision`: of the last event appended, now or before. `actual`: where the stream ended, so that nothing was. */
type Answered = { readonly revision: number } | { readonly actual: number };

/** Streams remembered at most. */
const limit = 100_000;

export const createStreamEnds = (): StreamEnds => {
  const ends = new Map<string, number>();
  const underWay = new Map<string, number>();

  const remember = (stream: string, revision: number) => {
    if (ends.size >= limit) ends.clear();
    ends.set(stream, revision);
  };

  return {
    isBefore: (stream, revision) => (ends.get(stream) ?? revision) < revision,
    read: (stream, revision) => {
      if (!underWay.has(stream)) remember(stream, revision);
    },
    appending: (stream, expected) => {
      // Else it may have been appended before, and the answer tell nothing of what came after it.
      const atEnd = ends.get(stream) === expected;
      ends.delete(stream);
      underWay.set(stream, (underWay.get(stream) ?? 0) + 1);
      return (answer) => {
        const others = underWay.get(stream)! - 1;
        if (others > 0) underWay.set(stream, others);
        else underWay.delete(stream);
        if (others > 0 || answer === null) return;
        if ('actual' in answer) remember(stream, answer.actual);
        else if (atEnd) remember(stream, answer.revision);
      };
    },
  };
};
