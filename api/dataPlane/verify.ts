import { classify } from '../../domain/keyText.ts';
import { parsed, Refusal } from '../refusal.ts';
import { utf8 } from '../requestBody.ts';
import { answerText } from './answerText.ts';
import { type Caller, callerOf, type DataPlane, type Exchange, fail, unavailable } from './context.ts';
import { sendJson } from './sendJson.ts';
import { takeBody } from './takeBody.ts';
import { isVerifyBody, type VerifyBody, verifyBody } from './verifyBody.ts';

/** Bytes that a question may have. */
const verifyLimit = 8192;

const longestWaitMs = 2000;
const noScopes: readonly string[] = [];

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new Refusal('malformed-json', { detail: 'The body is not JSON in UTF-8' });
  }
};

/** @throws Refusal malformed-json, validation-failed */
const questionOf = (bytes: Buffer): VerifyBody => {
  const body = parseJson(bytes);
  if (isVerifyBody(body)) return body;
  parsed(verifyBody, body, 'body');
  // What the schema lets pass and the check does not is an own field that JavaScript takes for the prototype.
  throw new Refusal('validation-failed', { errors: [{ in: 'body', pointer: '', detail: 'Unknown field' }] });
};

const answer = (plane: DataPlane, exchange: Exchange, question: VerifyBody, { index, token, now }: Caller) => {
  const { key, scopes = noScopes, ip = null } = question;
  const epoch = index.epoch();
  if (epoch === null) throw unavailable();
  const wellFormed = () => classify(key) !== 'malformed';
  const { applications } = token;
  const found = index.verify({ hash: plane.sha256(key), wellFormed, scopes, applications }, now);
  if (found.valid) plane.markUse(found.keyId, found.ownerId, now, ip);
  exchange.answered(found.code);
  sendJson(exchange, answerText(found, plane.reader.position(), epoch));
};

/** Who asks, and how fresh the index is, is looked at once more after the wait: both may have ended meanwhile. */
const answerLater = async (plane: DataPlane, exchange: Exchange, question: VerifyBody, position: string) => {
  if (!(await plane.reader.waitFor(position, longestWaitMs))) throw new Refusal('not-caught-up');
  answer(plane, exchange, question, callerOf(plane, exchange.request, 'verify'));
};

const decide = (plane: DataPlane, exchange: Exchange, bytes: Buffer) => {
  const caller = callerOf(plane, exchange.request, 'verify');
  const question = questionOf(bytes);
  const { minPosition } = question;
  const position = plane.reader.position();
  if (minPosition === undefined || (position !== null && position >= minPosition))
    return answer(plane, exchange, question, caller);
  answerLater(plane, exchange, question, minPosition).catch((error: unknown) => fail(plane, exchange, error));
};

const isJson = (contentType: string | undefined): boolean =>
  contentType === 'application/json' ||
  (contentType !== undefined && /^application\/json\s*(?:;|$)/i.test(contentType));

/** POST /v1/verify, without a promise on its way: the answer to a service at request speed. */
export const verify = (plane: DataPlane, exchange: Exchange): void => {
  if (!isJson(exchange.request.headers['content-type'])) {
    callerOf(plane, exchange.request, 'verify');
    throw new Refusal('unsupported-media-type', { detail: 'Send the body as application/json.' });
  }
  takeBody(plane, exchange, verifyLimit, decide);
};
