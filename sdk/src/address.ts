import { isIP } from 'node:net';

/** An address as the server takes it: nothing of the interface, and version 4 as such. @returns undefined: it is none */
export const plainAddress = (address: string | undefined): string | undefined => {
  if (typeof address !== 'string') return undefined;
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
  return isIP(plain) > 0 ? plain : undefined;
};
