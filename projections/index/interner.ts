/** Lists of texts, each kept once and known by its number: a million keys share a handful of scope sets. */
export type Interner = {
  readonly intern: (texts: readonly string[]) => number;
  readonly get: (number: number) => readonly string[];
  readonly all: () => readonly (readonly string[])[];
};

/** @param known lists to begin with, by their numbers */
export const createInterner = (known: readonly (readonly string[])[] = []): Interner => {
  const lists: (readonly string[])[] = [];
  const numbers = new Map<string, number>();

  const intern = (texts: readonly string[]) => {
    const written = JSON.stringify(texts);
    const number = numbers.get(written);
    if (number !== undefined) return number;
    lists.push(Object.freeze([...texts]));
    numbers.set(written, lists.length - 1);
    return lists.length - 1;
  };

  for (const texts of known) intern(texts);
  return { intern, get: (number) => lists[number]!, all: () => lists };
};
