import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

const plain = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 40, b: 40 } } });

export const jpegOf = (width = 64, height = 48): Promise<Buffer> => plain(width, height).jpeg().toBuffer();

export const pngOf = (width = 64, height = 48): Promise<Buffer> => plain(width, height).png().toBuffer();

/** Left half red, right half blue. */
const twoHalves = (width: number, height: number) =>
  plain(width, height).composite([
    { input: { create: { width: width / 2, height, channels: 3, background: 'blue' } }, gravity: 'east' },
  ]);

/** As a camera held on its side writes it: what is to be seen upright has red above blue. */
export const turnedJpeg = (): Promise<Buffer> => twoHalves(64, 32).jpeg().withMetadata({ orientation: 6 }).toBuffer();

/** With where it was taken, by what, and a comment. */
export const telltaleJpeg = (): Promise<Buffer> =>
  plain(64, 48)
    .jpeg()
    .withExif({
      IFD0: { Make: 'telltale camera', Copyright: 'telltale' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '48/1 12/1 30/1', GPSLongitudeRef: 'E', GPSLongitude: '16/1 22/1 0/1' },
    })
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><telltale/></x:xmpmeta>')
    .toBuffer();

export const cmykJpeg = (): Promise<Buffer> => plain(64, 48).toColourspace('cmyk').jpeg().toBuffer();

export const webp = (): Promise<Buffer> => plain(64, 48).webp().toBuffer();

export const gif = (): Promise<Buffer> => plain(64, 48).gif().toBuffer();

export const svg = (): Buffer =>
  Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48"><script>alert(1)</script></svg>');

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
};

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const header = (width: number, height: number): Buffer => {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  // One bit a pixel, grey.
  data[8] = 1;
  return chunk('IHDR', data);
};

/** Of 1 KB, and as large as it says it is: some of its rows are there, the rest is cut off. */
export const bombPng = (width = 50_000, height = 50_000): Buffer => {
  const rows = deflateSync(Buffer.alloc(700_000), { level: 9 });
  return Buffer.concat([signature, header(width, height), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
};

/** Of exactly so many pixels, whole, one bit each. */
export const wholePng = (width: number, height: number): Buffer => {
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * height), { level: 9 });
  return Buffer.concat([signature, header(width, height), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
};

const frameControl = (sequence: number, width: number, height: number): Buffer => {
  const data = Buffer.alloc(26);
  data.writeUInt32BE(sequence, 0);
  data.writeUInt32BE(width, 4);
  data.writeUInt32BE(height, 8);
  data.writeUInt16BE(1, 20);
  data.writeUInt16BE(10, 22);
  return chunk('fcTL', data);
};

/** Two frames, the first black, the second white. */
export const animatedPng = (): Buffer => {
  const [width, height] = [16, 16];
  const frame = (bits: number) =>
    deflateSync(Buffer.concat(Array.from({ length: height }, () => Buffer.from([0, bits, bits]))));
  const animation = Buffer.alloc(8);
  animation.writeUInt32BE(2, 0);
  const second = Buffer.concat([Buffer.from([0, 0, 0, 2]), frame(0xff)]);
  return Buffer.concat([
    signature,
    header(width, height),
    chunk('acTL', animation),
    frameControl(0, width, height),
    chunk('IDAT', frame(0)),
    frameControl(1, width, height),
    chunk('fdAT', second),
    chunk('IEND', Buffer.alloc(0)),
  ]);
};

/** Color of one pixel. */
export const pixelOf = async (file: Uint8Array, x: number, y: number): Promise<readonly number[]> => {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  const at = (y * info.width + x) * info.channels;
  return [...data.subarray(at, at + info.channels)];
};

export const metadataOf = (file: Uint8Array) => sharp(file).metadata();
