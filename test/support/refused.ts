import * as assert from 'uvu/assert';

type Answered = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly text: string;
};

const fields = new Set(['type', 'title', 'status', 'detail', 'code', 'requestId', 'params', 'errors']);
const ofTheInside = /\n\s+at |node_modules|\.ts:\d|SQLITE|Error:/;

/**
 * An answer is a problem as the contract says, with this code, and says nothing that it must not.
 * @param secrets texts that no answer may hold
 */
export const assertRefused = (
  answer: Answered,
  status: number,
  code: string,
  what: string,
  secrets: readonly string[] = [],
): void => {
  const said = `${what}: ${answer.status} ${answer.text.slice(0, 500)}`;
  assert.is(answer.status, status, said);
  assert.is(answer.headers['content-type'], 'application/problem+json', said);
  const problem = JSON.parse(answer.text) as { readonly [field: string]: unknown };
  assert.is(problem.code, code, said);
  assert.is(problem.status, status, said);
  assert.is(problem.type, `/problems/${code}`, said);
  for (const field of ['title', 'detail', 'requestId']) assert.type(problem[field], 'string', said);
  assert.ok(problem.requestId !== '', said);
  for (const field of Object.keys(problem)) assert.ok(fields.has(field), `${said} has ${field}`);
  assert.not.match(answer.text, ofTheInside, said);
  for (const secret of secrets) assert.not.ok(answer.text.includes(secret), `${what}: a secret is in the answer`);
};
