import { type Instant, millis } from '../../domain/instant.ts';
import type { Cryptography } from '../environment.ts';
import { toHex } from '../sealing/encoding.ts';

/**
 * A UUID of version 7 (RFC 9562), lower case.
 * @param at its time, milliseconds
 * @param bits its random bits: at least 10 bytes, of which 74 bits are taken
 */
export const uuid7 = (at: Instant, bits: Uint8Array): string => {
  const ms = millis(at);
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, Math.floor(ms / 2 ** 16));
  bytes[4] = ms / 2 ** 8;
  bytes[5] = ms;
  bytes.set(bits.subarray(0, 10), 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = toHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

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
  const derive = (label: string, length: number): Uint8Array => {
    const bytes = crypto.deriveKey(seed, `keyledger secret ${label}`, length);
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
