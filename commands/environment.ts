/** What a process gets from outside: nothing in domain/, commands/, projections/, api/ or workers/ reads these by itself. */

/** `now`: wall clock, milliseconds since 1970. `monotonic`: milliseconds that never go back, of no meaning between processes. */
export type Clock = { readonly now: () => number; readonly monotonic: () => number };

export type Randomness = { readonly bytes: (length: number) => Uint8Array };

/** `sleep` ends early, without an error, when the signal fires. Longer than 2³¹ − 1 ms is allowed. */
export type Scheduler = { readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void> };

/** Small exact primitives of node:crypto. Bytes in, bytes out. */
export type Cryptography = {
  readonly sha256: (data: Uint8Array | string) => Uint8Array;
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array | string) => Uint8Array;
  /** HKDF-SHA-256 without salt. */
  readonly deriveKey: (key: Uint8Array, info: string, length: number) => Uint8Array;
  /** AES-256-GCM; nonce (12), ciphertext and tag (16) in one. */
  readonly seal: (key: Uint8Array, plain: Uint8Array, aad: string) => Uint8Array;
  /** @returns null where key, AAD or bytes are not those that were sealed */
  readonly open: (key: Uint8Array, box: Uint8Array, aad: string) => Uint8Array | null;
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean;
};

/** Ed25519 (RFC 8032). Seeds and public keys of 32 raw bytes, signatures of 64; equal bytes have equal signatures. */
export type Signatures = {
  readonly publicKeyOf: (seed: Uint8Array) => Uint8Array;
  readonly sign: (seed: Uint8Array, data: Uint8Array) => Uint8Array;
  /** @returns false also where key or signature have another length */
  readonly verify: (publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array) => boolean;
};

/** bcrypt over the keyed hash of a password, off the main thread, behind a bounded queue (code `too-busy` when it is full). */
export type PasswordHasher = {
  readonly hash: (password: string) => Promise<string>;
  /** `needsRehash`: right, but made with older parameters. `hash` null: takes the same time, always wrong. */
  readonly verify: (
    password: string,
    hash: string | null,
  ) => Promise<{ readonly right: boolean; readonly needsRehash: boolean }>;
};

/** One-time codes as authenticator apps make them (RFC 6238 with SHA-1, six digits, 30 seconds). */
export type OneTimeCodes = {
  /** Base32, as people type it into an app. @param random 20 bytes */
  readonly secretOf: (random: Uint8Array) => string;
  /**
   * The number of the 30 seconds for which the code is right: those at the time given, or the ones just before or after
   * them. @param at milliseconds since 1970 @returns null: it is right for none of the three
   */
  readonly stepOf: (secret: string, code: string, at: number) => number | null;
  /** `otpauth://…`, for a QR code. @param account what the app shows beside the codes */
  readonly urlOf: (secret: string, account: string) => string;
};
