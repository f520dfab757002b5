/**
 * Why nobody can tell whether a key works.
 *
 * - `stale`: no word from the server for `maxSilenceMs`, or not within that time after `ready()` was called
 * - `timeout`: it did not answer within 2 s; `unreachable`: it could not be asked, `cause` says why
 * - `server-error`: it answered with a 5xx
 * - `unauthenticated`, `forbidden`, `too-many-requests`: it refused this verifier's own token, or its pace
 * - `unusable-answer`: something else answered than Keyledger, a redirect for instance, or not as its contract says
 * - `overtaken`: for 4 s each answer was older than the revocations that were heard meanwhile, or of another log
 * - `closed`: this verifier was closed
 */
export type UnavailableCode =
  | 'stale'
  | 'timeout'
  | 'unreachable'
  | 'server-error'
  | 'unauthenticated'
  | 'forbidden'
  | 'too-many-requests'
  | 'unusable-answer'
  | 'overtaken'
  | 'closed';

/**
 * Nobody can tell now whether the key works: answer 503, neither let the caller in nor call its key wrong. Its `cause`,
 * where there is one, is the error that it comes from. Neither holds a key or the token.
 */
export class VerifierUnavailable extends Error {
  declare readonly name: 'VerifierUnavailable';
  readonly code: UnavailableCode;
  /** The HTTP status that the server answered with; undefined where it answered none. */
  readonly status: number | undefined;

  static {
    // Of the class and of each error, in its stack too, whatever names are left when this is built.
    for (const named of [VerifierUnavailable, VerifierUnavailable.prototype])
      Object.defineProperty(named, 'name', { value: 'VerifierUnavailable' });
  }

  constructor(code: UnavailableCode, status?: number, cause?: unknown) {
    const what = `Keyledger cannot verify keys now: ${code}${status === undefined ? '' : ` (${status})`}`;
    super(what, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
  }
}

/** @internal What the status of an answer that is no 2xx says of the one who asked. */
export const refusedWith = (status: number, cause?: unknown): VerifierUnavailable => {
  const codes: { readonly [status: number]: UnavailableCode } = {
    401: 'unauthenticated',
    403: 'forbidden',
    429: 'too-many-requests',
  };
  return new VerifierUnavailable(codes[status] ?? (status >= 500 ? 'server-error' : 'unusable-answer'), status, cause);
};
