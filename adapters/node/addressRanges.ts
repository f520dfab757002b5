import { BlockList, isIP } from 'node:net';

const mostKnown = 1000;

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
  const holds = (address: string) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  // Node takes longer to look at an address than to answer a request, and most requests come from the same few.
  const known = new Map<string, boolean>();
  return (address) => {
    if (address === undefined) return false;
    const before = known.get(address);
    if (before !== undefined) return before;
    if (known.size >= mostKnown) known.clear();
    const found = holds(address);
    known.set(address, found);
    return found;
  };
};
