/**
 * Hashes of service tokens that were accepted, by the Authorization header that bore each: a service sends the same one
 * with every question. It says nothing of whether a token still is accepted: the index is asked every time.
 */
export type KnownTokens = {
  /** @returns SHA-256 of the token's text, where it is remembered */
  readonly hashOf: (authorization: string) => Uint8Array | undefined;
  /** It was accepted. */
  readonly remember: (authorization: string, hash: Uint8Array) => void;
  /** It was not: its text is not kept. */
  readonly forget: (authorization: string) => void;
};

/** Installations have a few. Beyond that, tokens cost what they cost without this. */
const mostKnown = 100;

export const createKnownTokens = (): KnownTokens => {
  const hashes = new Map<string, Uint8Array>();
  return {
    hashOf: (authorization) => hashes.get(authorization),
    remember: (authorization, hash) => {
      if (hashes.size >= mostKnown) hashes.delete(hashes.keys().next().value!);
      hashes.set(authorization, hash);
    },
    forget: (authorization) => hashes.delete(authorization),
  };
};
