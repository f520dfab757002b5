import { BlockList, isIP } from 'node:net';

/**
 * @param ranges addresses and CIDR ranges
 * @returns whether an address, as a socket names it, lies in one of them
 */
export const addressRanges = (ranges: readonly string[]): ((address: string | undefined) => boolean) => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', length] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return (address) =>
    address !== undefined && isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
};
