import { fieldsOf } from '../shapes.ts';

type Key = { readonly publicKey: Uint8Array; readonly notAfter: number };

// A key that was withdrawn is not trusted for longer than that.
const longestKeptMs = 5 * 60_000;
// A key that is not known is a reason to ask once more, but not for every message somebody makes up.
const askAgainMs = 1_000;

/** Checks that what came over a bus that others can write to is Keyledger's. */
export const createSigned = (parts: {
  /** What GET /v1/revocations/signing-key answers. */
  readonly fetchKeys: () => Promise<unknown>;
  /** Milliseconds: monotonic, and since 1970. */
  readonly monotonic: () => number;
  readonly wall: () => number;
  /** Ed25519. @param publicKey 32 bytes, the same object for the same key @param signature 64 bytes */
  readonly verify: (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean;
}) => {
  const { fetchKeys, monotonic, wall, verify } = parts;
  let keys = new Map<string, Key>();
  let askedAt = Number.NEGATIVE_INFINITY;

  const load = async (): Promise<void> => {
    askedAt = monotonic();
    const { keys: listed } = fieldsOf(await fetchKeys());
    if (!Array.isArray(listed)) throw new Error('the signing keys cannot be read');
    keys = new Map(
      listed.map(fieldsOf).map(({ id, publicKey, notAfter }) => [
        String(id),
        {
          publicKey: keys.get(String(id))?.publicKey ?? Buffer.from(String(publicKey), 'base64'),
          notAfter: notAfter === null ? Number.POSITIVE_INFINITY : Date.parse(String(notAfter)),
        },
      ]),
    );
  };

  /** What was sent is lost where that fails; what comes later asks again. */
  const loadLater = () => {
    load().catch(() => {});
  };

  return {
    /** @throws where the server does not tell */
    load,

    /** @param header of Keyledger-Signature: `<key id>:<base64 of 64 bytes>` */
    isSigned: (data: Uint8Array, header: string | undefined): boolean => {
      const [, id = '', signature = ''] = /^([\w-]+):([A-Za-z0-9+/]{86}==)$/.exec(header ?? '') ?? [];
      if (id === '') return false;
      const key = keys.get(id);
      const sinceAsked = monotonic() - askedAt;
      if (sinceAsked > longestKeptMs || (key === undefined && sinceAsked > askAgainMs)) loadLater();
      if (key === undefined || !(wall() < key.notAfter)) return false;
      return verify(key.publicKey, data, Buffer.from(signature, 'base64'));
    },
  };
};

export type Signed = ReturnType<typeof createSigned>;
