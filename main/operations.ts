/** Work on a list, while it goes on. `events`: read so far; `done`: 0..1, an estimate. */
export type Progress = { readonly list: string; readonly events: number; readonly done: number };

/** A difference between a list and a fresh replay of the log. */
export type Difference = { readonly list: string; readonly id: string; readonly detail: string };

/** What an operator does to an installation, whether from the same process or through the running server. */
export type Operations = {
  /** All lists where none is named. @throws OperationError on a name that no list has */
  readonly rebuildLists: (names: readonly string[], progress: (step: Progress) => void) => Promise<void>;
  readonly verifyLists: (
    names: readonly string[],
    progress: (step: Progress) => void,
  ) => Promise<readonly Difference[]>;
  /**
   * Makes somebody administrator who can sign in, whatever happened to the others. Without an address: admin@localhost.
   * @returns where the new password stands
   */
  readonly recoverAdministrator: (
    email: string | null,
  ) => Promise<{ readonly email: string; readonly passwordFile: string }>;
};

/** An operation that cannot be done as asked; `message` is one line for the operator. */
export class OperationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OperationError';
  }
}
