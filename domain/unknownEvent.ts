/** For the end of a fold's switch: the compiler proves that nothing is left, and a log from a newer release stops it loudly. */
export const unknownEvent = (event: never): Error =>
  new Error(`unknown event type ${String((event as { type: unknown }).type)}`);
