// What Keyledger is asked for over HTTP, with a service token that holds `revocations:read`.
import { createPublicKey, verify } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

const { KEYLEDGER_URL, KEYLEDGER_TOKEN } = process.env;

/** Asks for as long as Keyledger does not answer. @throws where it answers that it will not */
export const ask = async (path) => {
  const headers = { authorization: `Bearer ${KEYLEDGER_TOKEN}` };
  for (;;) {
    const response = await fetch(KEYLEDGER_URL + path, { headers, signal: AbortSignal.timeout(5000) }).catch(
      () => null,
    );
    if (response?.ok) return response.json();
    if (response !== null && response.status < 500) throw new Error(`GET ${path}: ${response.status}`);
    await setTimeout(1000);
  }
};

// A public key is sent as its 32 bytes; Node wants them behind the head that says Ed25519.
const ed25519 = Buffer.from('302a300506032b6570032100', 'hex');
const keyOf = ({ publicKey, notAfter }) => ({
  key: createPublicKey({
    key: Buffer.concat([ed25519, Buffer.from(publicKey, 'base64')]),
    format: 'der',
    type: 'spki',
  }),
  until: notAfter === null ? Number.POSITIVE_INFINITY : Date.parse(notAfter),
});

const freshMs = 5 * 60_000;
let keys = new Map();
let askedAt = 0;

/** Whether a message of NATS is Keyledger's own: the signature is of its exact bytes. */
export const isSigned = async ({ data, headers }) => {
  const [id, signature = ''] = (headers?.get('Keyledger-Signature') ?? '').split(':');
  if (!keys.has(id) || Date.now() > askedAt + freshMs) {
    const listed = await ask('/v1/revocations/signing-key');
    keys = new Map(listed.keys.map((key) => [key.id, keyOf(key)]));
    askedAt = Date.now();
  }
  const { key, until } = keys.get(id) ?? { until: 0 };
  return Date.now() < until && verify(null, data, key, Buffer.from(signature, 'base64'));
};
