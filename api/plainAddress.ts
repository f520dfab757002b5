const mapped = /^::ffff:(?=\d{1,3}(?:\.\d{1,3}){3}$)/i;

/** An IPv4 address as such where a socket names it in IPv6's way (`::ffff:192.0.2.1`): one client has one address. */
export const plainAddress = (address: string): string => address.replace(mapped, '');
