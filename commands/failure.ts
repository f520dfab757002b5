/** Failures that callers tell apart by code. A rejection is no failure: it is an answer. */
export type FailureCode = 'store-unavailable' | 'not-caught-up' | 'too-busy' | 'bus-out-of-step' | 'bus-unavailable';

/** What lets in some and not others. */
export type Refuser = 'EventStoreDB' | 'MongoDB';

/** Something outside did not do its part; trying again may help. `cause` holds the driver's error. */
export class Failure extends Error {
  readonly code: FailureCode;
  /** It answers and does not let us in: trying again will not help, a right or a setting is missing. */
  readonly refused: boolean;
  /** Who refused. */
  readonly by: Refuser | null;
  constructor(code: FailureCode, message: string, options: { cause?: unknown; refusedBy?: Refuser } = {}) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.by = options.refusedBy ?? null;
    this.refused = this.by !== null;
  }
}

export const failedWith = (error: unknown, code: FailureCode): error is Failure =>
  error instanceof Failure && error.code === code;
