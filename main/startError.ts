/** Stores that do not belong together, or a data folder in use: `message` is one line, the exit code 2, nothing was written. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}
