import { type Instant, millis } from '../../domain/instant.ts';
import type { Cryptography } from '../environment.ts';
import { toHex } from '../sealing/encoding.ts';

/**
 * A UUID of version 7 (RFC 9562), lower case.
 * @param at its time, milliseconds
 * @param bits its random bits: at least 10 bytes, of which 74 bits are taken
 */
export const uuid7 = (at: Instant, bits: Uint8Array): string => {
  const time = millis(at).toString(16).padStart(12, '0');
  const random = toHex(bits);
  const variant = '89ab'[(bits[2]! >> 4) & 3];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(1, 4)}-${variant}${random.slice(5, 8)}-${random.slice(8, 20)}`;
};

/** Bytes of a secret that are derived at once. */
const blockLength = 32;

/** Everything that a command makes up, the same in every run of it. */
export type Derived = {
  readonly eventId: (stream: string, n: number) => string;
  readonly newId: (label: string) => string;
  readonly secretBytes: (label: string, length: number) => Uint8Array;
};

/**
 * Ids follow from the command's id, which everybody may know; secrets from its seed, which nobody may. An event's id
 * takes its stream's name in, since one command may append to several.
 * @param seed 32 random bytes
 */
export const derivedFrom = (crypto: Cryptography, commandId: string, at: Instant, seed: Uint8Array): Derived => {
  const id = (...parts: readonly (string | number)[]) =>
    uuid7(at, crypto.sha256(JSON.stringify([commandId, ...parts])));
  // A run asks for the same bytes again where it answers with what it decided on, and deriving is slow.
  const secrets = new Map<string, Uint8Array>();
  // A seed is random through and through, so nothing has to be drawn out of it first.
  const derive = (label: string, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += blockLength) {
      const block = crypto.hmacSha256(seed, `keyledger secret ${label} ${at}`);
      bytes.set(block.subarray(0, length - at), at);
    }
    secrets.set(label, bytes);
    return bytes;
  };
  return {
    eventId: (stream, n) => id(stream, n),
    newId: (label) => id(label),
    secretBytes: (label, length) => {
      const known = secrets.get(label);
      return known?.length === length ? known : derive(label, length);
    },
  };
};
