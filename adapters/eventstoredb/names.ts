/** How our streams are called in a store that others write to, too. */
export type StreamNames = {
  readonly nameOf: (stream: string) => string;
  /** @returns null for a stream of others */
  readonly streamOf: (name: string) => string | null;
  /** What all our names begin with; empty where they have nothing in common. */
  readonly prefix: string;
};

/** @param prefix the first word of every name, without a hyphen; empty: the store is ours but for the server's own `$…` */
export const streamNames = (prefix: string): StreamNames => {
  // The hyphen ends the word, so that no other word begins with ours; EventStoreDB takes it for the stream's category.
  const start = prefix === '' ? '' : `${prefix}-`;
  return {
    nameOf: (stream) => start + stream,
    streamOf: (name) => (name.startsWith(start) && !name.startsWith('$') ? name.slice(start.length) : null),
    prefix: start,
  };
};
