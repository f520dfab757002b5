const mapped = /^::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}$)/i;

/** Capitals, a group with zeros before it, two groups of zeros: RFC 5952 writes none of these. Sockets never do. */
const unusual = /[A-F]|(?:^|:)0[0-9a-f]|(?:^|:)0:0(?:$|:)/;

/** @returns the text itself where it is no address of IPv6 */
const shortest = (address: string): string =>
  URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;

/**
 * One client has one address: that of IPv4 as such where it is named in IPv6's way (`::ffff:192.0.2.1`), that of IPv6 as
 * RFC 5952 writes it.
 */
export const plainAddress = (address: string): string => {
  const plain = address.replace(mapped, '');
  return plain.includes(':') && unusual.test(plain) ? shortest(plain) : plain;
};
