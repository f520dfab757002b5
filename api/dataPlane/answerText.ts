import type { Answer } from '../../projections/verificationIndex.ts';

/**
 * JSON of lists of texts, each written once for as long as somebody holds it. The index shares its lists among all keys
 * that have equal ones, and makes new ones instead of changing them.
 */
const texts = new WeakMap<readonly string[], string>();

const listText = (list: readonly string[]): string => {
  const known = texts.get(list);
  if (known !== undefined) return known;
  const text = JSON.stringify(list);
  texts.set(list, text);
  return text;
};

// A log has one epoch for years: its text is made once, not per answer.
let lastEpoch = '';
let lastEpochText = '""';
const epochText = (epoch: string) => {
  if (epoch !== lastEpoch) {
    lastEpoch = epoch;
    lastEpochText = JSON.stringify(epoch);
  }
  return lastEpochText;
};

/** @param text of letters, digits and dashes, points and colons: nothing that JSON would write otherwise */
const quoted = (text: string | null) => (text === null ? 'null' : `"${text}"`);

type ValidAnswer = Extract<Answer, { readonly valid: true }>;

const validText = ({ keyId, ownerId, owner, permissions, scopes, expiresAt }: ValidAnswer): string =>
  `{"valid":true,"code":"valid","keyId":"${keyId}","ownerId":"${ownerId}","owner":{"id":"${owner.id}","kind":"${owner.kind}","roles":${listText(owner.roles)},"groups":${listText(owner.groups)},"organizations":${listText(owner.organizations)}},"permissions":${listText(permissions)},"scopes":${scopes === null ? 'null' : listText(scopes)},"expiresAt":${quoted(expiresAt)}`;

/** What POST /v1/verify answers, as JSON.stringify would write it. */
export const answerText = (answer: Answer, position: string | null, epoch: string): string => {
  const text = answer.valid ? validText(answer) : JSON.stringify(answer).slice(0, -1);
  return `${text},"position":${quoted(position)},"epoch":${epochText(epoch)}}`;
};
