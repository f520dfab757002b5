import type { z } from 'zod';
import type { ProblemDetails, ProblemError } from './problem.ts';
import type { ProblemCode } from './statusOfCode.ts';

export type RefusalDetails = ProblemDetails & {
  readonly headers?: { readonly [name: string]: string };
};

/** A request that goes no further: thrown on the way to a handler, answered as a problem with its code. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly details: RefusalDetails;
  constructor(code: ProblemCode, details: RefusalDetails = {}) {
    super(details.detail ?? code);
    this.name = 'Refusal';
    this.code = code;
    this.details = details;
  }
}

const pointerOf = (path: readonly PropertyKey[]) =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** What zod found, as the contract shows it: each unknown field by its own name. */
const errorsOf = (issues: readonly z.core.$ZodIssue[], where: ProblemError['in']): ProblemError[] =>
  issues.slice(0, 20).flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => (where === 'body' ? pointerOf(path) : String(path[0] ?? ''));
    if (issue.code === 'unrecognized_keys')
      return issue.keys.slice(0, 20).map((key) => ({
        in: where,
        pointer: at([...issue.path, key]),
        detail: where === 'body' ? 'Unknown field' : 'Unknown parameter',
      }));
    return [{ in: where, pointer: at(issue.path), detail: issue.message }];
  });

/** @throws Refusal validation-failed */
export const parsed = <S extends z.ZodType>(schema: S, value: unknown, where: ProblemError['in']): z.infer<S> => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal('validation-failed', { errors: errorsOf(result.error.issues, where) });
};
