import { type Instant, instant, millis } from '../../domain/instant.ts';
import type { Clock, Cryptography, Randomness, Signatures } from '../environment.ts';
import { failedWith } from '../failure.ts';
import type { MessageSignatures } from '../ports/bus.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from './boxes.ts';
import { fromBase64, toBase64, toHex } from './encoding.ts';
import { type Row, sealedTable } from './vaultTable.ts';

/** What receivers check signatures with. `publicKey`: base64 of 32 raw bytes; `notAfter`: from when it counts no more. */
export type PublicSigningKey = { readonly id: string; readonly publicKey: string; readonly notAfter: Instant | null };

/** The keys that sign what goes over the bus: one signs, those before it are still good until their `notAfter`. */
export type SigningKeys = MessageSignatures & {
  /** Every key that is good now, the one that signs first; as it stands in the vault, made where there was none. */
  readonly publicKeys: () => Promise<readonly PublicSigningKey[]>;
  /**
   * A new key signs from now on; the private half of the one before is destroyed, its public half counts for so long yet.
   * Other processes sign with it for up to `signedOutMs`: with less, what they publish meanwhile is asked for over HTTP.
   * @param overlapMs milliseconds @returns the new key
   */
  readonly rotate: (overlapMs: number) => Promise<PublicSigningKey>;
};

/** How long a process goes on with the key that it read, where nothing tells it that there is a newer one. */
export const signedOutMs = 30_000;

export const signingKeyKind = 'signing-key';

// One row for all keys, so that a rotation is one write that happens or does not.
const rowId = 'keys';

// Stored shape, sealed under the master key. The newest comes first.
type Stored = {
  readonly id: string;
  readonly createdAt: Instant;
  readonly notAfter: Instant | null;
  readonly publicKey: string;
  /** Base64 of 32 bytes; null once another key signs. */
  readonly seed: string | null;
};

type Key = Omit<Stored, 'publicKey' | 'seed'> & {
  readonly publicKey: Uint8Array;
  readonly seed: Uint8Array | null;
};

/** As it was read, with the bytes that signing needs again and again. */
type Held = { readonly keys: readonly Key[]; readonly readAt: number };

export const createSigningKeys = (deps: {
  vault: Vault;
  boxes: Boxes;
  crypto: Cryptography;
  signatures: Signatures;
  clock: Clock;
  randomness: Randomness;
}): SigningKeys => {
  const { crypto, signatures, clock, randomness } = deps;
  const table = sealedTable<readonly Stored[]>(deps.vault, signingKeyKind, deps.boxes);
  let held: Held | null = null;
  let reading: Promise<readonly Key[]> | null = null;

  const make = (): Stored => {
    const seed = randomness.bytes(32);
    const publicKey = signatures.publicKeyOf(seed);
    return {
      id: toHex(crypto.sha256(publicKey)).slice(0, 16),
      createdAt: instant(clock.now()),
      notAfter: null,
      publicKey: toBase64(publicKey),
      seed: toBase64(seed),
    };
  };

  const isGood = ({ notAfter }: Pick<Stored, 'notAfter'>) => notAfter === null || clock.now() < millis(notAfter);

  const hold = (stored: readonly Stored[]): readonly Key[] => {
    const keys = stored.map(({ publicKey, seed, ...key }) => ({
      ...key,
      publicKey: fromBase64(publicKey),
      seed: seed === null ? null : fromBase64(seed),
    }));
    held = { keys, readAt: clock.monotonic() };
    return keys;
  };

  /** The row, made by whoever comes first. */
  const ensured = async (): Promise<Row<readonly Stored[]>> => {
    for (;;) {
      const row = await table.get(rowId);
      if (row !== null) return row;
      await table.put(rowId, [make()], 'absent');
    }
  };

  const read = (): Promise<readonly Key[]> => {
    reading ??= ensured()
      .then(({ value }) => hold(value))
      .finally(() => {
        reading = null;
      });
    return reading;
  };

  /** As old as `signedOutMs`, and older where the vault does not answer. */
  const atHand = async (): Promise<readonly Key[]> => {
    const known = held;
    if (known !== null && clock.monotonic() - known.readAt < signedOutMs) return known.keys;
    try {
      return await read();
    } catch (error) {
      if (known === null || !failedWith(error, 'store-unavailable')) throw error;
      return known.keys;
    }
  };

  const shown = ({ id, publicKey, notAfter }: Key): PublicSigningKey => ({
    id,
    publicKey: toBase64(publicKey),
    notAfter,
  });

  return {
    signer: async () => {
      const { id, seed } = (await atHand())[0]!;
      return (bytes) => ({ keyId: id, signature: signatures.sign(seed!, bytes) });
    },

    verify: async (bytes, { keyId, signature }) => {
      const by = (keys: readonly Key[]) => keys.find(({ id }) => id === keyId);
      // One that is not known yet may be another process's new one.
      const key = by(await atHand()) ?? by(await read());
      return key !== undefined && isGood(key) && signatures.verify(key.publicKey, bytes, signature);
    },

    publicKeys: async () => (await read()).filter(isGood).map(shown),

    rotate: async (overlapMs) => {
      for (;;) {
        const row = await ensured();
        const notAfter = instant(clock.now() + overlapMs);
        const before = row.value
          .filter(isGood)
          .map((key) => ({ ...key, notAfter: key.notAfter ?? notAfter, seed: null }));
        const next = [make(), ...before];
        if ((await table.put(rowId, next, row.version)).put) return shown(hold(next)[0]!);
      }
    },
  };
};
