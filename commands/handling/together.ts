/**
 * All at once, each to its end, before what one of them failed at is told: whoever gives a command up must know whether
 * anything of it is still to be written.
 * @returns what they come to, in their order @throws the first failure, by their order
 */
export const together = async <T>(all: readonly Promise<T>[]): Promise<readonly T[]> => {
  const settled = await Promise.allSettled(all);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
};
