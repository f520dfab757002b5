/**
 * The part of an address that one client has to itself: all of an IPv4 address, the first 64 bits of an IPv6 one, whose
 * rest a client chooses as it likes. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
 * @returns `192.0.2.1/32` or `2001:db8:0:1::/64`; null where the text is no address
 */
export const clientPrefix = (address: string): string | null => {
  const v4 = ipv4(address);
  if (v4 !== null) return `${v4.join('.')}/32`;
  const groups = ipv6(address);
  if (groups === null) return null;
  const [g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0, g7 = 0] = groups;
  if ((g0 | g1 | g2 | g3 | g4) === 0 && g5 === 0xffff) return `${[g6 >> 8, g6 & 255, g7 >> 8, g7 & 255].join('.')}/32`;
  return `${[g0, g1, g2, g3].map((group) => group.toString(16)).join(':')}::/64`;
};

const ipv4 = (text: string): readonly number[] | null => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return null;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
};

const ipv6 = (text: string): readonly number[] | null => {
  const [address = ''] = text.split('%'); // a zone says which of our own interfaces, not which client
  const halves = address.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  // Dotted bytes stand only at the very end.
  if (head === null || tail === null || (halves.length === 2 && (halves[0] ?? '').includes('.'))) return null;
  if (halves.length === 1) return head.length === 8 ? head : null;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? null : [...head, ...Array<number>(missing).fill(0), ...tail];
};

const groupsOf = (text: string): readonly number[] | null => {
  if (text === '') return [];
  const parts = text.split(':');
  const dotted = ipv4(parts.at(-1) ?? '');
  const hex = dotted === null ? parts : parts.slice(0, -1);
  if (!hex.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return null;
  const groups = hex.map((part) => Number.parseInt(part, 16));
  if (dotted === null) return groups;
  const [a = 0, b = 0, c = 0, d = 0] = dotted;
  return [...groups, a * 256 + b, c * 256 + d];
};
