import type { Signed } from '../../commands/ports/bus.ts';

/** The header that vouches for the exact bytes of a payload. */
export const signatureHeader = 'Keyledger-Signature';

export const signatureText = ({ keyId, signature }: Signed): string =>
  `${keyId}:${Buffer.from(signature).toString('base64')}`;

/** @returns null where it is none */
export const signedOf = (header: string | undefined): Signed | null => {
  const parts = /^([\w-]+):([A-Za-z0-9+/]{86}==)$/.exec(header ?? '');
  return parts && { keyId: parts[1]!, signature: Buffer.from(parts[2]!, 'base64') };
};
