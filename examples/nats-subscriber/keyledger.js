// What Keyledger is asked for over HTTP, with a service token that holds `revocations:read`.
import { createPublicKey, verify } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

const { KEYLEDGER_URL, KEYLEDGER_TOKEN } = process.env;
const headers = { authorization: `Bearer ${KEYLEDGER_TOKEN}` };

/** Asks for as long as Keyledger does not answer. @throws where it answers that it will not */
const ask = async (path) => {
  for (;;) {
    const signal = AbortSignal.timeout(5000);
    const response = await fetch(KEYLEDGER_URL + path, { headers, signal }).catch(() => null);
    if (response?.status < 500 && !response.ok) throw new Error(`GET ${path}: ${response.status}`);
    // A server that ends in the middle of its answer has not answered.
    const body = response?.ok ? await response.json().catch(() => null) : null;
    if (body !== null) return body;
    await setTimeout(1000);
  }
};

/** What follows a position, '' being before the first, as far as one page holds it. */
export const revocationsAfter = async ({ epoch, position }) => {
  const { items } = await ask(`/v1/revocations?limit=1000&epoch=${epoch}${position && `&after=${position}`}`);
  if (items.length === 0) throw new Error(`Keyledger has nothing after ${position}`);
  console.error(`gap: ${items.length} after ${position} asked for`);
  return items;
};

let keys = new Map();
let askedAt = 0;

/** Whether something that NATS brought is Keyledger's own: the signature is of its exact bytes. */
export const isSigned = async ({ data, headers }) => {
  const [id, signature = ''] = (headers?.get('Keyledger-Signature') ?? '').split(':');
  // Keys change; one that is not known is asked for, but not for every message that somebody makes up.
  if (Date.now() - askedAt > (keys.has(id) ? 300_000 : 1000)) {
    const listed = await ask('/v1/revocations/signing-key');
    keys = new Map(listed.keys.map((key) => [key.id, key]));
    askedAt = Date.now();
  }
  const { publicKey, notAfter } = keys.get(id) ?? {};
  if (publicKey === undefined || (notAfter !== null && Date.parse(notAfter) <= Date.now())) return false;
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, data, key, Buffer.from(signature, 'base64'));
};
