/** Failures that callers tell apart by code. A rejection is no failure: it is an answer. */
export type FailureCode = 'store-unavailable' | 'not-caught-up' | 'too-busy' | 'bus-out-of-step' | 'bus-unavailable';

/** Something outside did not do its part; trying again may help. `cause` holds the driver's error. */
export class Failure extends Error {
  readonly code: FailureCode;
  /** It answers and does not let us in: trying again will not help, a right or a setting is missing. */
  readonly refused: boolean;
  constructor(code: FailureCode, message: string, options: { cause?: unknown; refused?: boolean } = {}) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
    this.refused = options.refused === true;
  }
}

export const failedWith = (error: unknown, code: FailureCode): error is Failure =>
  error instanceof Failure && error.code === code;
