import { asFailure } from './errors.ts';

/** What `open` returns; where it throws, the writer that is open already is closed, so that no thread is left behind. */
export const closedOnFailure = async <Opened>(
  writer: { readonly close: () => Promise<void> },
  open: () => Opened,
): Promise<Opened> => {
  try {
    return open();
  } catch (error) {
    await writer.close();
    throw asFailure(error);
  }
};
