import type { Json } from '../../domain/json.ts';

/** Characters of the text in a value, and a few for everything else: a measure, not a size. */
export const weightOf = (value: Json | undefined): number => {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 4;
  let weight = 2;
  for (const part of Object.values(value) as Json[]) weight += 8 + weightOf(part);
  return weight;
};
