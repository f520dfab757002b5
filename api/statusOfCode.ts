import type { RejectionCode } from '../domain/rejectionCodes.ts';

/** Problems that HTTP itself has, before or beside any command. */
export type HttpCode =
  | 'validation-failed'
  | 'malformed-json'
  | 'malformed-request'
  | 'ambiguous-credentials'
  | 'cursor-mismatch'
  | 'unauthenticated'
  | 'invalid-key'
  | 'cross-site'
  | 'key-not-allowed-here'
  | 'insufficient-scope'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'request-timeout'
  | 'feed-restarted'
  | 'payload-too-large'
  | 'unsupported-media-type'
  | 'headers-too-large'
  | 'internal-error'
  | 'unavailable'
  | 'not-caught-up';

/** Every code that a problem may carry. */
export type ProblemCode = HttpCode | Exclude<RejectionCode, 'stale-owner-epoch'>;

/** The only place where a code becomes an HTTP status. 400 is shape, 409 state, 422 policy. */
export const statusOfCode: { readonly [C in ProblemCode]: number } = {
  'validation-failed': 400,
  'malformed-json': 400,
  'malformed-request': 400,
  'ambiguous-credentials': 400,
  'cursor-mismatch': 400,

  unauthenticated: 401,
  'invalid-credentials': 401,
  'second-factor-required': 401,
  'invalid-key': 401,

  forbidden: 403,
  'cross-site': 403,
  'api-keys-disabled': 403,
  'role-not-permitted': 403,
  'key-not-allowed-here': 403,
  'insufficient-scope': 403,
  'reauthentication-required': 403,
  'reauthentication-failed': 403,
  'password-change-required': 403,

  'not-found': 404,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  'request-timeout': 408,

  'api-key-name-taken': 409,
  'api-key-limit-reached': 409,
  'email-taken': 409,
  'externally-managed': 409,
  'already-ended': 409,
  'last-administrator': 409,
  'role-in-use': 409,
  'role-built-in': 409,
  'idempotency-in-progress': 409,
  'two-factor-already-on': 409,
  'set-by-environment': 409,
  conflict: 409,

  'feed-restarted': 410,
  'revision-mismatch': 412,
  'payload-too-large': 413,
  'unsupported-media-type': 415,

  'name-required': 422,
  'name-not-editable': 422,
  'expiry-required': 422,
  'expiry-not-allowed': 422,
  'expiry-in-past': 422,
  'expiry-beyond-policy': 422,
  'expiry-not-editable': 422,
  'scopes-required': 422,
  'scopes-not-allowed': 422,
  'unknown-scope': 422,
  'scope-not-held': 422,
  'rotation-not-allowed': 422,
  'grace-not-allowed': 422,
  'not-recoverable': 422,
  'policy-inconsistent': 422,
  'email-required': 422,
  'password-confirmation-differs': 422,
  'password-too-short': 422,
  'password-too-long': 422,
  'password-common': 422,
  'password-unchanged': 422,
  'code-invalid': 422,
  'unknown-role': 422,
  'image-invalid': 422,
  'idempotency-key-reused': 422,

  'too-many-requests': 429,
  'headers-too-large': 431,
  'internal-error': 500,
  unavailable: 503,
  'not-caught-up': 503,
};
