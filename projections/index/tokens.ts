import type { ServiceTokenId, Sha256Hex } from '../../domain/ids.ts';
import { createBytesTable } from './bytesTable.ts';
import { readHex } from './uuidBytes.ts';

/** What a service token is now. */
export type ServiceTokenFacts = {
  readonly tokenId: ServiceTokenId;
  readonly name: string;
  readonly permissions: readonly string[];
  /** Null: scopes of every application. */
  readonly applications: readonly string[] | null;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAtMs: number | null;
  /** Which of all secrets that tokens ever had is its own now. */
  readonly secret: number;
};

export type NewToken = Omit<ServiceTokenFacts, 'secret' | 'expiresAtMs'> & {
  readonly secretHash: Sha256Hex;
  readonly expiresAtMs: number | null;
};

/** Plain JSON. */
export type FrozenTokens = {
  readonly tokens: readonly ServiceTokenFacts[];
  /** Of every secret that tokens ever had, in the order of the log. */
  readonly secrets: readonly { readonly tokenId: ServiceTokenId; readonly secretHash: Sha256Hex }[];
};

export type Tokens = ReturnType<typeof createTokens>;

/** Service tokens: few, so plain objects, and one table that leads from a secret's hash to its token. */
export const createTokens = (frozen: FrozenTokens = { tokens: [], secrets: [] }) => {
  const tokens = new Map<ServiceTokenId, ServiceTokenFacts>();
  const hashes = createBytesTable(32);
  const secrets: FrozenTokens['secrets'][number][] = [];
  const hash = new Uint8Array(32);

  const known = (tokenId: ServiceTokenId) => {
    const token = tokens.get(tokenId);
    if (token === undefined) throw new Error('the service token was never created');
    return token;
  };

  const addSecret = (tokenId: ServiceTokenId, secretHash: Sha256Hex) => {
    if (!readHex(secretHash, hash)) throw new Error('the hash of a service token is no SHA-256');
    secrets.push({ tokenId, secretHash });
    return hashes.add(hash);
  };

  for (const { tokenId, secretHash } of frozen.secrets) addSecret(tokenId, secretHash);
  for (const token of frozen.tokens) tokens.set(token.tokenId, token);

  return {
    create: ({ secretHash, ...made }: NewToken) => {
      tokens.set(made.tokenId, { ...made, secret: addSecret(made.tokenId, secretHash) });
    },
    /** The old secret ends with it. */
    rotate: (tokenId: ServiceTokenId, secretHash: Sha256Hex) => {
      tokens.set(tokenId, { ...known(tokenId), secret: addSecret(tokenId, secretHash) });
    },
    revoke: (tokenId: ServiceTokenId) => {
      known(tokenId);
      tokens.delete(tokenId);
    },
    /**
     * @param bytes SHA-256 of the token's text
     * @param now milliseconds since 1970
     * @returns null where it is unknown, rotated away, revoked or past its end
     */
    findByHash: (bytes: Uint8Array, now: number): ServiceTokenFacts | null => {
      const secret = hashes.find(bytes);
      const token = secret < 0 ? undefined : tokens.get(secrets[secret]!.tokenId);
      if (token === undefined || token.secret !== secret) return null;
      return token.expiresAtMs !== null && now >= token.expiresAtMs ? null : token;
    },
    freeze: (): FrozenTokens => ({ tokens: [...tokens.values()], secrets: [...secrets] }),
  };
};
