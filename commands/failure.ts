/** Failures that callers tell apart by code. A rejection is no failure: it is an answer. */
export type FailureCode = 'store-unavailable' | 'not-caught-up' | 'too-busy' | 'bus-out-of-step' | 'bus-unavailable';

/** Something outside did not do its part; trying again may help. `cause` holds the driver's error. */
export class Failure extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Failure';
    this.code = code;
  }
}

export const failedWith = (error: unknown, code: FailureCode): error is Failure =>
  error instanceof Failure && error.code === code;
