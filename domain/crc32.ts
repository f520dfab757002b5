/**
 * CRC-32 as of IEEE 802.3 (zlib, gzip, PNG) over the first characters of an ASCII text.
 *
 * @param length how many characters; each must be below 256
 * @returns 0 to 2³² − 1
 */
export const crc32 = (text: string, length: number): number => {
  let crc = -1;
  for (let i = 0; i < length; i++) crc = (crc >>> 8) ^ table[(crc ^ text.charCodeAt(i)) & 0xff]!;
  return ~crc >>> 0;
};

const reversedPolynomial = 0xedb88320;

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ reversedPolynomial : crc >>> 1;
  return crc;
});
