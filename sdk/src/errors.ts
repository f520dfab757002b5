/**
 * Why nobody can tell whether a key works:
 * `stale` no word from the server for too long; `timeout`, `unreachable` it did not answer; `server-error` it answered
 * with a 5xx; `unauthenticated`, `forbidden`, `too-many-requests` it refused this verifier's own token or pace;
 * `unusable-answer` it answered something else than its contract says, or of another log; `overtaken` revocations kept
 * overtaking its answers; `closed` this verifier was closed.
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

/** Nobody can tell now whether the key works: answer 503, neither let the caller in nor call its key wrong. */
export class VerifierUnavailable extends Error {
  override readonly name = 'VerifierUnavailable';
  readonly code: UnavailableCode;
  /** What the server answered, where it did. */
  readonly status: number | undefined;

  constructor(code: UnavailableCode, status?: number) {
    super(`Keyledger cannot verify keys now: ${code}${status === undefined ? '' : ` (${status})`}`);
    this.code = code;
    this.status = status;
  }
}

/** What the status of an answer that is no 2xx says of the one who asked. */
export const refusedWith = (status: number): VerifierUnavailable => {
  const codes: { readonly [status: number]: UnavailableCode } = {
    401: 'unauthenticated',
    403: 'forbidden',
    429: 'too-many-requests',
  };
  return new VerifierUnavailable(codes[status] ?? (status >= 500 ? 'server-error' : 'unusable-answer'), status);
};
