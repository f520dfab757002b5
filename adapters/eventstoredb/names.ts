/** How our streams are called in a store that others write to, too. */
export type StreamNames = {
  readonly nameOf: (stream: string) => string;
  /** @returns null for a stream of others */
  readonly streamOf: (name: string) => string | null;
  /** What all our names begin with; empty where they have nothing in common. */
  readonly prefix: string;
};

/**
 * @param prefix the first word of every name, without a hyphen; empty: the store is ours but for the server's own `$…`
 * and for what another installation calls its streams, which has a prefix
 * @param isStream whether a stream of any installation may have this name; by default all names are its own
 */
export const streamNames = (prefix: string, isStream: (name: string) => boolean = () => false): StreamNames => {
  // The hyphen ends the word, so that no other word begins with ours; EventStoreDB takes it for the stream's category.
  const start = prefix === '' ? '' : `${prefix}-`;
  const isPrefixed = (name: string): boolean => {
    const hyphen = name.indexOf('-');
    return hyphen > 0 && isStream(name.slice(hyphen + 1));
  };
  return {
    nameOf: (stream) => start + stream,
    streamOf: (name) => {
      if (!name.startsWith(start) || name.startsWith('$')) return null;
      return start === '' && isPrefixed(name) ? null : name.slice(start.length);
    },
    prefix: start,
  };
};
